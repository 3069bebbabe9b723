"""Read PASCAL VOC 2012: JPEGImages, SegmentationObject, SegmentationClass, ImageSets/Segmentation/{train,val}.txt.

The object ids are the palette indices of the images in SegmentationObject, or the ids of their colours in VOC's table.
Pixels with 255, which are object borders and regions that nobody annotated, are ignored. The splits are the lists.

CVAT and Datumaro export the same layout with RGB masks, a list default.txt, and the names of the classes in
labelmap.txt.

Source: Everingham et al. 2010, "The PASCAL Visual Object Classes (VOC) challenge".
"""

from functools import partial

import numpy as np

from ris_tf.data.images.decoding import decode_labels
from ris_tf.data.images.orientation import upright_pair
from ris_tf.data.images.single import check_size, passed_over, read_image, read_labels
from ris_tf.data.readers import voc_colours
from ris_tf.data.readers.name_lists import Named, names_in, read_lines
from ris_tf.data.readers.splits import ALL, PARTS, Layout, Listing, chosen, joined, part, part_names
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.instances.labels import IGNORED, bounded

CATEGORIES = (
    "aeroplane", "bicycle", "bird", "boat", "bottle", "bus", "car", "cat", "chair", "cow", "diningtable", "dog",
    "horse", "motorbike", "person", "pottedplant", "sheep", "sofa", "train", "tvmonitor",
)  # fmt: skip
_BORDER = 255
_LISTS = (*PARTS, "validation", "default")  # of exported data; "default" lists the images without a split


def _find(root):
    for folder in (root, root / "VOC2012", root / "VOCdevkit" / "VOC2012"):
        if (folder / "SegmentationObject").is_dir() and (folder / "JPEGImages").is_dir():
            return folder
    return None


def _files(root):
    """Function: name of an image -> paths of its object ids, of its class map, and of labelmap.txt or None."""
    folders = [Named(root / folder, ".png") for folder in ("SegmentationObject", "SegmentationClass")]
    table = root / "labelmap.txt"
    table = table if table.is_file() else None
    return lambda name: [*(masks.find(name) or masks.folder / f"{name}.png" for masks in folders), table]


def _categories(root):
    """The class of each category, {name: int}; with a labelmap.txt, the class is the id of its colour."""
    file = root / "labelmap.txt"
    if not file.is_file():
        return {name: index for index, name in enumerate(CATEGORIES, 1)}
    rows = [line.rsplit(":", 3) for line in read_lines(file) if not line.startswith("#")]
    try:
        colours = [[int(number) for number in row[1].split(",")] for row in rows]
        ids = voc_colours.to_ids(np.array(colours, np.uint8).reshape(len(rows), 3))
    except (IndexError, ValueError, OverflowError) as error:
        raise DataError(f"{file}: has a line without a colour; expected NAME:RED,GREEN,BLUE:: in each line") from error
    return {row[0].strip(): int(index) for row, index in zip(rows, ids, strict=True) if index}


def _classes(image_file, objects_file, classes_file, table):
    """The class of each pixel, int [H, W]: an index or, with a labelmap.txt, the id of a colour."""
    if table is None:
        return read_labels(classes_file)
    pixels = read_image(classes_file)
    return voc_colours.to_ids(pixels) if pixels.shape[2] == 3 else pixels[..., 0]


def _objects(file):
    """Reads the object ids from a mask with one channel or with VOC's colours, int32 [H, W]."""
    try:
        ids = read_labels(file)
        return np.where(ids == _BORDER, IGNORED, ids)
    except DataError:
        colours = decode_labels(file)
        if colours.dtype != np.uint8 or colours.shape[2:] != (3,):
            raise
    ids = voc_colours.checked_ids(file, colours)
    if ids[ids != _BORDER].max(initial=0) < _BORDER - 1:
        ids[ids == _BORDER] = IGNORED  # otherwise there are so many objects that 255 is one of them
    return bounded(ids)


def _read(image_file, objects_file, classes_file, table, category):
    reads = [partial(_objects, objects_file)]
    reads += [partial(_classes, image_file, objects_file, classes_file, table)] if category else []
    image, *maps = gather(partial(read_image, image_file), *reads)
    pairs = zip((objects_file, classes_file), maps, strict=False)
    gather(*(partial(check_size, file, found.shape, image_file, image.shape) for file, found in pairs))
    image, *maps = upright_pair(image_file, image, *maps)
    labels = maps[0]
    for index in np.unique(labels[labels > 0]) if category else ():
        inside = labels == index
        classes, areas = np.unique(maps[1][inside], return_counts=True)
        if classes[areas.argmax()] != category:
            labels[inside] = 0
    return image, labels


def in_lists(name, tree, find, lists, images, files, categories, classes, read):
    """Makes a layout whose splits are text files that list images, and whose objects have classes.

    Args:
        name, tree, find: same as in `Layout`.
        lists: folder of the lists SPLIT.txt, relative to the root.
        images: folder of the images, relative to the root.
        files: function (root) -> function (name of an image) -> list of the image's other files.
        categories: function (root) -> {name of a category: its class, int from 1}.
        classes: function (image file, *other files) -> int array with the class of every object or of every pixel.
        read: function (image file, *other files, class) -> image [H, W, C], labels int32 [H, W] of the objects of the
            class; None for all.
    """

    def shows(paths, wanted):
        try:
            return bool((classes(*paths) == wanted).any())
        except DataError:
            return True  # the error is reported when the sample is read

    def present(root):
        """The lists, {split: file}, or {"all": file} for a single list with another name."""
        found = {file.stem.lower(): file for file in reversed(sorted((root / lists).glob("*.[tT][xX][tT]")))}
        splits = {split: found[split] for split in _LISTS if split in found}
        if list(splits) == ["default"] or (not splits and len(found) == 1):
            return {ALL: next(iter(found.values())) if not splits else splits["default"]}
        if not splits:
            others = f"has {', '.join(sorted(file.name for file in found.values()))}" if found else "has no list"
            raise DataError(f"{root / lists}: {others}; expected train.txt and val.txt, lists of image names")
        return splits

    def samples(root, file, wanted):
        pictures, others = Named(root / images, ".jpg"), files(root)
        names = names_in(file, pictures)
        found = ((n, [pictures.find(n) or pictures.folder / f"{n}.jpg", *others(n)]) for n in names)
        kept = [(n, partial(read, *paths, wanted)) for n, paths in found if wanted is None or shows(paths, wanted)]
        return Listing(kept, [], passed_over(pictures.folder, sorted(pictures.folder.rglob("*"))))

    def splits(root, category="", held_out=0.0):
        found = present(root)
        return part_names(samples(root, found[ALL], None), held_out) if ALL in found else list(found)

    def listing(root, split, category, held_out):
        known = categories(root) if category else {}
        if category and category not in known:
            raise UsageError(f"data.category is {category!r}; expected one of {', '.join(known)}")
        found, wanted = present(root), known.get(category)
        if ALL in found:
            return part(root, samples(root, found[ALL], wanted), split, held_out)
        return joined({one: samples(root, found[one], wanted) for one in chosen(root, split, list(found))})

    return Layout(name, tree, find, splits, listing)


_TREE = "JPEGImages/*.jpg, SegmentationObject/*.png"
LAYOUT = in_lists(
    "PASCAL VOC 2012", _TREE, _find, "ImageSets/Segmentation", "JPEGImages", _files, _categories, _classes, _read
)
