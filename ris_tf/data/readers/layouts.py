"""Detect the layout of a data set folder and open its samples."""

from pathlib import Path

from ris_tf.data.images.notes import warn_once
from ris_tf.data.images.single import entries, folders_in, passed_over
from ris_tf.data.readers import (
    cellpose,
    coco,
    coco_file,
    geojson,
    label_maps,
    labelme,
    leaves,
    mask_files,
    roboflow,
    sbd,
    tfrecord,
    via,
    voc,
    yolo,
)
from ris_tf.errors import DataError

_READERS = (  # the first that fits is taken
    tfrecord, coco, roboflow, voc, sbd, yolo, leaves, mask_files, coco_file, labelme, via, geojson, cellpose,
    label_maps,
)  # fmt: skip
LAYOUTS = tuple(module.LAYOUT for module in _READERS)


def detect(data):
    """Detects the layout of a folder.

    Args:
      data: folder, str or Path.

    Returns:
      The Layout, and the Path of the folder at which the layout starts (the given folder or one inside it).

    Raises:
      DataError: the folder is missing or has none of the supported layouts.
    """
    root = Path(data)
    if not root.is_dir():
        raise DataError(f"{root}: {'is a file' if root.exists() else 'no such folder'}; expected a folder with data")
    for layout in LAYOUTS:
        found = layout.find(root)
        if found:
            return layout, found
    for line in passed_over(root, [file for folder in (root, *folders_in(root)) for file in entries(folder)]):
        warn_once(line)
    *others, usual = LAYOUTS
    known = f"{usual.tree}, or the layout of {', '.join(layout.name for layout in others)}"
    raise DataError(f"{root}: no image and label pairs found; expected, here or in one folder per split, {known}")


def open_folder(data, split, category="", held_out=0.0):
    """Opens a split of a folder in any supported layout.

    Args:
      data: folder, str or Path.
      split: name of a split, or "train", "val", "test" or "all".
      category: category of the objects to keep, if the annotations have categories; "" for all.
      held_out: see `splits.part`.

    Returns:
      list of (name, read), sorted by name, where read() returns image [H, W, C] and labels int32 [H, W].

    Raises:
      DataError: the folder or the split is missing, or the folder has any other problem.
      UsageError: the category does not exist.
    """
    layout, root = detect(data)
    listing = layout.listing(root, split, category, held_out)
    for note in listing.notes:  # before the problems, because it may explain them
        warn_once(note)
    if listing.problems:
        raise DataError(*listing.problems)
    return listing.samples
