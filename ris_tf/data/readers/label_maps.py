"""Read pairs of an image and a label map: images/NAME.png with masks/NAME.png, at the top or in one folder per split.

Images and masks may have any suffix in `files.IMAGE_SUFFIXES`, but masks must not be JPEG. A mask may also have a name
with an ending that tools add, see `pairs`.
"""

from functools import partial

from ris_tf.data.images.single import by_name, entries, folders_in, images_in, passed_over
from ris_tf.data.readers.pairs import matched, read_matched
from ris_tf.data.readers.splits import Listing, in_folders
from ris_tf.errors import DataError
from ris_tf.wording import counted


def _has(folder):
    return any((folder / name).is_dir() for name in ("images", "masks"))


def _samples(folder):
    problems = []
    missing = [name for name in ("images", "masks") if not (folder / name).is_dir()]
    if missing:
        found = ", ".join(f"{entry.name}/" for entry in folders_in(folder)) or "no folder"
        raise DataError(f"{folder}: has {found}; expected {missing[0]}/ as well ({LAYOUT.tree})")
    images, masks = (by_name(images_in(folder / name), "", problems) for name in ("images", "masks"))
    where = folder / "masks"
    pairs = matched(images, masks)
    used = {file for _, files in pairs.values() for file in files}
    problems += [f"{images[name]}: image has no mask of the same name in {where}" for name in images.keys() - pairs]
    problems += [f"{file}: mask has no image of the same name" for file in masks.values() if file not in used]
    if not pairs:
        found = f"{counted(len(images), 'image')} and {counted(len(masks), 'mask')}"
        problems.insert(0, f"{folder}: {found}, but no image and mask with the same name; expected {LAYOUT.tree}")
    notes = passed_over(folder, [*entries(folder / "images"), *entries(where)])
    return Listing([(name, partial(read_matched, *pairs[name])) for name in sorted(pairs)], sorted(problems), notes)


LAYOUT = in_folders("images and label maps", "images/NAME.png with masks/NAME.png", _has, _samples)
