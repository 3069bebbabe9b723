"""Read PASCAL VOC 2012: JPEGImages, SegmentationObject, SegmentationClass, ImageSets/Segmentation/{train,val}.txt.

Ids of a SegmentationObject are its palette's indices; 255, the border of objects and what nobody annotated, is
ignored. The splits are train and val.

Source: Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) challenge".
"""

from functools import partial

import numpy as np

from ris_tf.data.readers import check_size, read_image, read_labels
from ris_tf.data.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.labels import IGNORED

CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_LISTS = "ImageSets/Segmentation"
_BORDER = 255


def _find(root):
    for folder in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (folder / "SegmentationObject").is_dir() and (folder / "JPEGImages").is_dir():
            return folder
    return None


def _splits(root, category="", held_out=0.0):
    return [name for name in ("train", "val", "test") if (root / _LISTS / f"{name}.txt").is_file()]


def _listing(root, split, category, held_out):
    check_category(category)
    present = _splits(root)
    if not present:
        raise DataError(f"{root / _LISTS}: holds neither train.txt nor val.txt; expected the lists of images")
    names = {found: read_list(root / _LISTS / f"{found}.txt") for found in chosen(root, split, present)}
    return joined({found: Listing(_samples(root, names[found], category), []) for found in names})


def _samples(root, names, category):
    samples = []
    for name in names:
        image, objects, classes = (
            root / folder / f"{name}{suffix}"
            for folder, suffix in (
                ("JPEGImages", ".jpg"),
                ("SegmentationObject", ".png"),
                ("SegmentationClass", ".png"),
            )
        )
        if not category or _shows(classes, category):
            samples.append((name, partial(_read, image, objects, classes, category)))
    return samples


def _shows(classes, category):
    """Whether a map of classes has the category; True where it cannot be read, which reading then tells."""
    try:
        return bool((read_labels(classes) == CATEGORIES.index(category) + 1).any())
    except DataError:
        return True


def _read(image_file, objects_file, classes_file, category):
    files = [objects_file, *([classes_file] if category else [])]
    image, *maps = gather(partial(read_image, image_file), *(partial(read_labels, file) for file in files))
    gather(*(partial(check_size, f, m.shape, image_file, image.shape) for f, m in zip(files, maps, strict=True)))
    labels = np.where(maps[0] == _BORDER, IGNORED, maps[0])
    if category:
        for index in np.unique(labels[labels > 0]):
            inside = labels == index
            if np.bincount(maps[1][inside]).argmax() != CATEGORIES.index(category) + 1:
                labels[inside] = 0
    return image, labels


def check_category(category):
    """Raises UsageError unless `category` is "" or one of CATEGORIES."""
    if category and category not in CATEGORIES:
        raise UsageError(f"data.category is {category!r}; expected one of {', '.join(CATEGORIES)}")


def read_list(file):
    """Names in a list of images, one in a line, sorted.

    Raises:
        DataError: it cannot be read or is empty.
    """
    try:
        names = sorted(set(file.read_text("utf-8").split()))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: cannot be read ({type(error).__name__}); expected one image name in a line"
        ) from error
    if not names:
        raise DataError(f"{file}: is empty; expected one image name in a line")
    return names


LAYOUT = Layout("PASCAL VOC 2012", "JPEGImages/*.jpg, SegmentationObject/*.png", _find, _splits, _listing)
