"""Read images and masks of Cellpose in one folder: NAME.png with NAME_cp_masks.png, NAME_masks.tif or NAME_seg.npy.

An image may also be called NAME_img.tif. Images without a mask are left out with a warning. If an image has several
masks, they must show the same objects.
"""

from functools import partial

from ris_tf.data.images.single import by_name, entries, images_in, passed_over
from ris_tf.data.readers.pairs import matched, read_matched
from ris_tf.data.readers.splits import Listing, in_folders

_MASKS = ("_cp_masks", "_masks")
_OTHERS = ("_flows", "_cp_flows", "_cp_outlines", "_outlines_cp", "_cp_output", "_outlines", "_dP", "_cellprob", "_seg")


def _is_mask(file):
    return file.stem.endswith(_MASKS) or file.name.endswith("_seg.npy")


def _found(folder, problems):
    """Images and masks of a folder, {stem: file} each."""
    files = images_in(folder)
    images = [file for file in files if not _is_mask(file) and not file.stem.endswith(_OTHERS)]
    return by_name(images, "", problems), by_name(filter(_is_mask, files), "", problems)


def _has(folder):
    return any(map(_is_mask, images_in(folder))) and bool(matched(*_found(folder, [])))


def _samples(folder):
    problems = []
    images, masks = _found(folder, problems)
    pairs = matched(images, masks)
    used = {file for _, files in pairs.values() for file in files}
    problems += [f"{file}: mask has no image of the same name" for file in masks.values() if file not in used]
    notes, unlabelled = passed_over(folder, entries(folder)), len(images.keys() - pairs)
    if unlabelled:
        notes.append(f"{folder}: images without a mask, which are left out: {unlabelled} of {len(images)}")
    return Listing([(name, partial(read_matched, *pairs[name])) for name in sorted(pairs)], sorted(problems), notes)


def _find(root):
    return None if (root / "masks").is_dir() else _in_folders.find(root)


_in_folders = in_folders("Cellpose", "NAME.png with NAME_cp_masks.png or NAME_seg.npy", _has, _samples)
LAYOUT = _in_folders._replace(find=_find)
