"""Read PASCAL VOC 2012: JPEGImages, SegmentationObject, SegmentationClass, ImageSets/Segmentation/{train,val}.txt.

Ids of a SegmentationObject are its palette's indices; 255, the border of objects and what nobody annotated, is
ignored. The splits are train and val.

Source: Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) challenge".
"""

from functools import partial

import numpy as np

from ris_tf.data.readers import check_size, read_image, read_labels
from ris_tf.data.splits import PARTS, Layout, Listing, chosen, joined
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.labels import IGNORED

CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_BORDER = 255


def _find(root):
    for folder in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (folder / "SegmentationObject").is_dir() and (folder / "JPEGImages").is_dir():
            return folder
    return None


def _files(root, name):
    """Of one image: itself, its objects, their classes."""
    kinds = ("JPEGImages", ".jpg"), ("SegmentationObject", ".png"), ("SegmentationClass", ".png")
    return [root / folder / f"{name}{suffix}" for folder, suffix in kinds]


def _classes(image_file, objects_file, classes_file):
    return read_labels(classes_file)


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


def in_lists(name, tree, find, lists, files, classes, read):
    """A layout whose splits are lists of images, and whose objects have classes, CATEGORIES from 1 up.

    Args:
        name, tree, find: of the Layout.
        lists: folder of the lists SPLIT.txt, relative to the root.
        files: root, name of an image -> its files, the list of arguments of `classes` and `read`.
        classes: those files -> int array with the class of every object, or of every pixel.
        read: those files, category -> image [H, W, C], labels int32 [H, W] of the objects of the category, "" for all.
    """

    def shows(paths, category):
        try:
            return bool((classes(*paths) == CATEGORIES.index(category) + 1).any())
        except DataError:
            return True  # reading tells of it

    def splits(root, category="", held_out=0.0):
        return [split for split in PARTS if (root / lists / f"{split}.txt").is_file()]

    def samples(root, split, category):
        found = ((name, files(root, name)) for name in _read_list(root / lists / f"{split}.txt"))
        return [(n, partial(read, *paths, category)) for n, paths in found if not category or shows(paths, category)]

    def listing(root, split, category, held_out):
        if category and category not in CATEGORIES:
            raise UsageError(f"data.category is {category!r}; expected one of {', '.join(CATEGORIES)}")
        present = splits(root)
        if not present:
            raise DataError(f"{root / lists}: holds neither train.txt nor val.txt; expected the lists of images")
        return joined({one: Listing(samples(root, one, category), []) for one in chosen(root, split, present)})

    return Layout(name, tree, find, splits, listing)


def _read_list(file):
    """Names in a list of images, one in a line, sorted."""
    try:
        names = sorted(set(file.read_text("utf-8").split()))
    except (OSError, ValueError) as error:
        raise DataError(
            f"{file}: cannot be read ({type(error).__name__}); expected one image name in a line"
        ) from error
    if not names:
        raise DataError(f"{file}: is empty; expected one image name in a line")
    return names


_TREE = "JPEGImages/*.jpg, SegmentationObject/*.png"
LAYOUT = in_lists("PASCAL VOC 2012", _TREE, _find, "ImageSets/Segmentation", _files, _classes, _read)
