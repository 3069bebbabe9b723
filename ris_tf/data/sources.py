"""Open the data set given by `--data`: a folder, a data set of a hub, or synthetic images."""

import os

from ris_tf.data.images.chosen import with_planes
from ris_tf.data.readers import hub, splits
from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, NoSplit

_PREFIX = "synthetic:"


def check(names):
    """Checks that data sets are there, before any of them is opened.

    Args:
      names: values of --data and data.extra, see `open_source`. Those of a hub are not looked up.

    Raises:
      DataError: some folders are missing; or see `layouts.detect`.
      UsageError: a kind of synthetic images is unknown.
    """
    names = list(map(str, names))
    for name in names:
        if name.startswith(_PREFIX):
            drawings.sample(name[len(_PREFIX) :], 0, 0, 32)
    folders = [name for name in names if not name.startswith(_PREFIX) and not hub.is_name(name)]
    missing = [name for name in folders if not os.path.exists(name)]
    if missing[1:]:
        raise DataError(f"{', '.join(missing)}: no such folders; expected folders with data")
    for name in folders:
        detect(name)


def open_source(data, split, size=256, images=None, seed=0, category="", held_out=0.0, choice=None):
    """Opens one split of a data set as a list of samples.

    Args:
      data: folder in any layout (see `readers.layouts`), "hf:NAME" or "tfds:NAME" (see `readers.hub`), or
        "synthetic:KIND" with a KIND from `drawings.KINDS`.
      split: "train", "val", "test" or the name of another split folder. Synthetic splits differ in their seed.
      size: side of synthetic images in pixels.
      images: number of synthetic images; None for 50.
      seed: seed of synthetic images.
      category: category of the objects to keep, for data sets with COCO, VOC or SBD annotations; "" for all.
      held_out: if the data set has no split "val", this share of its images, the last by name, becomes "val"; see
        `splits.part`.
      choice: `planes.Choice` of one plane of files with several; None refuses such files.

    Returns:
      list of (name, read), where read() returns image [H, W, C] and labels int32 [H, W]. In labels, 0 is background,
      -1 is a pixel to ignore, and every other value is one object.

    Raises:
      DataError, UsageError: see `readers.layouts`, `readers.hub` and `synthetic.drawings`.
    """
    data = str(data)
    if data.startswith(_PREFIX):
        kind = data[len(_PREFIX) :]
        stream = seed * 1000 + {"train": 0, "val": 1, "test": 2}.get(split, 3)
        drawings.sample(kind, stream, 0, 32)  # reports an unknown kind before any work starts
        drawn = [(f"{kind}_{i:05d}", drawings.Drawing(kind, stream, i, size)) for i in range(images or 50)]
        return with_planes(drawn, choice)

    def listed(split):
        found = hub.open_named(data, split) if hub.is_name(data) else open_folder(data, split, category, held_out)
        return with_planes(found, choice)

    if not held_out or split not in ("train", "val"):
        return listed(split)
    try:
        held = listed("val")
    except NoSplit:
        return splits.part(data, splits.Listing(listed("train"), []), split, held_out).samples
    return held if split == "val" else listed(split)
