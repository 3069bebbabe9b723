"""Read images and label maps of the same names: images/NAME.png and masks/NAME.png, here or in one folder per split.

Any suffix of `readers.IMAGE_SUFFIXES` may stand on either side, JPEG not for masks.
"""

from functools import partial

from ris_tf.data.readers import by_name, folders_in, images_in, read_pair
from ris_tf.data.splits import Listing, in_folders
from ris_tf.errors import DataError


def _has(folder):
    return any((folder / name).is_dir() for name in ("images", "masks"))


def _samples(folder):
    problems = []
    missing = [name for name in ("images", "masks") if not (folder / name).is_dir()]
    if missing:
        found = ", ".join(f"{entry.name}/" for entry in folders_in(folder)) or "no folder"
        raise DataError(f"{folder}: has {found}; expected {missing[0]}/ as well, {LAYOUT.tree}")
    images, masks = (by_name(images_in(folder / name), "", problems) for name in ("images", "masks"))
    where = folder / "masks"
    problems += [f"{images[name]}: image has no mask of the same name in {where}" for name in images.keys() - masks]
    problems += [f"{masks[name]}: mask has no image of the same name" for name in masks.keys() - images]
    names = sorted(images.keys() & masks.keys())
    if not names:
        found = f"{len(images)} images and {len(masks)} masks"
        problems.insert(0, f"{folder}: {found}, but no image and mask of one name; expected {LAYOUT.tree}")
    return Listing([(name, partial(read_pair, images[name], masks[name])) for name in names], sorted(problems))


LAYOUT = in_folders("images and label maps", "images/NAME.png with masks/NAME.png", _has, _samples)
