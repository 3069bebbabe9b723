"""Read data sets with one mask file per object, as in the 2018 Data Science Bowl: ID/images/ID.png, ID/masks/*.png.

A mask is 0 outside the object and any other value inside. Where masks overlap, the smaller one is on top.

Source: Caicedo et al. 2019, "Nucleus segmentation across imaging experiments: the 2018 Data Science Bowl".
"""

from functools import partial

from absl import logging

from ris_tf.data.images.orientation import upright_pair
from ris_tf.data.images.single import (
    check_size,
    entries,
    folders_in,
    images_in,
    passed_over,
    read_image,
    read_labels,
)
from ris_tf.data.readers.splits import Listing, in_folders
from ris_tf.errors import DataError, gather
from ris_tf.instances.labels import smaller_on_top
from ris_tf.wording import counted


def _image_of(folder):
    """Path of the image ID/images/ID.png of a folder ID, or None."""
    if not (folder / "images").is_dir():
        return None
    return next((file for file in images_in(folder / "images") if file.stem == folder.name), None)


def _has(folder):
    return any((found / "masks").is_dir() and _image_of(found) for found in folders_in(folder))


def _samples(folder):
    samples, problems = [], []
    for found in folders_in(folder):
        image = _image_of(found)
        masks = images_in(found / "masks") if (found / "masks").is_dir() else []
        if image and masks:
            samples.append((found.name, partial(_read, image, masks)))
        else:
            missing = f"masks/*.png beside {image.name}" if image else f"images/{found.name}.png"
            problems.append(f"{found}: lacks {missing}; expected {LAYOUT.tree}")
    inside = [part for found in folders_in(folder) for part in folders_in(found) if part.name in ("images", "masks")]
    return Listing(samples, problems, passed_over(folder, [file for part in inside for file in entries(part)]))


def _read(file, mask_files):
    image, *masks = gather(lambda: read_image(file), *(partial(_read_mask, mask) for mask in mask_files))
    gather(*(partial(check_size, m, mask.shape, file, image.shape) for m, mask in zip(mask_files, masks, strict=True)))
    image, *masks = upright_pair(file, image, *masks)
    labels = smaller_on_top(masks)
    twice = sum(mask.sum() for mask in masks) - (labels > 0).sum()
    if twice:
        where = file.parent.parent
        logging.warning("%s: masks overlap in %s; the smaller mask is on top", where, counted(twice, "pixel"))
    return image, labels


def _read_mask(file):
    mask = read_labels(file) > 0
    if not mask.any():
        raise DataError(f"{file}: mask is empty; expected the pixels of one object")
    return mask


LAYOUT = in_folders("one mask file per object", "ID/images/ID.png with ID/masks/*.png", _has, _samples)
