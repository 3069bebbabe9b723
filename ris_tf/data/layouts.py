"""Which layout a folder has, and its samples."""

from pathlib import Path

from ris_tf.data import coco, label_maps, leaves, mask_files, sbd, tfrecord, voc
from ris_tf.errors import DataError

LAYOUTS = tuple(module.LAYOUT for module in (tfrecord, coco, voc, sbd, leaves, mask_files, label_maps))


def detect(data):
    """Finds the layout of a folder.

    Args:
      data: folder, str or Path.

    Returns:
      Layout, and the Path of the folder in which it begins.

    Raises:
      DataError: the folder is missing or has none of the layouts.
    """
    root = Path(data)
    if not root.is_dir():
        raise DataError(f"{root}: {'is a file' if root.exists() else 'no such folder'}; expected a folder with data")
    for layout in LAYOUTS:
        found = layout.find(root)
        if found:
            return layout, found
    known = "; ".join(f"{layout.tree} ({layout.name})" for layout in LAYOUTS)
    raise DataError(f"{root}: no image and label pairs found; expected, here or in one folder per split, {known}")


def open_folder(data, split, category="", held_out=0.0):
    """Opens a split of a folder in any layout.

    Args:
      data: folder, str or Path.
      split: name of a split, or "train", "val", "test" or "all".
      category: of the objects, where the annotations name categories; "" for all.
      held_out: see `splits.part`.

    Returns:
      list of (name, read), sorted by name, where read() -> (image [H, W, C], labels int32 [H, W]).

    Raises:
      DataError: the folder or the split is missing, or anything is wrong with the folder itself.
      UsageError: no such category.
    """
    layout, root = detect(data)
    listing = layout.listing(root, split, category, held_out)
    if listing.problems:
        raise DataError(*listing.problems)
    return listing.samples
