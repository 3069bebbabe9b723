"""Read a data set with COCO annotations: annotations/instances_SPLIT.json beside a folder SPLIT of images.

A split's name may be cut short: "train" is train2017. Objects of one category are read, crowd regions are not.
"""

import contextlib
import io
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO

from ris_tf.data.readers import read_image
from ris_tf.errors import DataError, UsageError

_PREFIX = "instances_"


def is_coco(data):
    """Whether a folder holds annotations/instances_*.json."""
    return bool(_splits(data))


def open_coco(data, split, category):
    """Lists the images of a split that show at least one object of a category, crowd regions aside.

    Args:
      data: folder, see the top of this file.
      split: name of a split, or its beginning if only one begins so.
      category: name of a category, such as "person".

    Returns:
      list of (name, read) sorted by name, where read() -> (image [H, W, C], labels int32 [H, W]). Where objects
      overlap, the smaller one is on top.

    Raises:
      DataError: the split or its images are missing, or the annotations are broken.
      UsageError: the annotations have no such category.
    """
    name, file = _find(data, split)
    folder = Path(data) / name
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected the images of {file.name}")
    coco = _parse(file)
    names = [entry["name"] for entry in coco.cats.values()]
    if category not in names:
        some = ", ".join(names[:5])
        raise UsageError(f"data.category is {category!r}; expected one of the {len(names)} of {file}, such as {some}")
    wanted = [key for key, entry in coco.cats.items() if entry["name"] == category]
    objects = {}
    for entry in coco.anns.values():
        if entry["category_id"] in wanted and not entry.get("iscrowd"):
            objects.setdefault(entry["image_id"], []).append(entry)
    unknown = sorted(set(objects) - set(coco.imgs))
    if unknown:
        raise DataError(f"{file}: has objects of the image {unknown[0]}, which it does not list")
    if not objects:
        raise DataError(f"{file}: no object of the category {category!r}; expected at least one")
    images = sorted((coco.imgs[key]["file_name"], key) for key in objects)
    return [
        (Path(path).stem, lambda path=path, key=key: _read(coco, file, folder / path, key, objects[key]))
        for path, key in images
    ]


def _read(coco, file, path, key, objects):
    image = read_image(path)
    height, width = image.shape[:2]
    said = coco.imgs[key]
    if (said["height"], said["width"]) != (height, width):
        raise DataError(
            f"{path}: image is {width}x{height} but {file.name} says {said['width']}x{said['height']} (width x height)"
        )
    masks = []
    for entry in objects:
        try:
            masks.append(coco.annToMask(entry))
        except Exception as error:  # pycocotools raises a plain one, or trips over the entry
            raise DataError(
                f"{file}: the object {entry['id']} cannot be drawn; expected polygons or run lengths in 'segmentation'"
            ) from error
    labels = np.zeros((height, width), np.int32)
    for index in np.argsort([-np.count_nonzero(mask) for mask in masks], kind="stable"):
        labels[masks[index] > 0] = index + 1
    return image, labels


def _parse(file):
    try:
        with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
            coco = COCO(file)
        for entries, fields in (
            (coco.imgs, ("file_name", "height", "width")),
            (coco.anns, ("image_id", "category_id")),
            (coco.cats, ("name",)),
        ):
            for entry in entries.values():
                for field in fields:
                    entry[field]
        return coco
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected annotations in COCO's format") from error
    except KeyError as error:
        raise DataError(f"{file}: an entry lacks {error}; expected annotations in COCO's format") from error
    except Exception as error:  # what is no JSON, or JSON of something else, trips it anywhere
        raise DataError(f"{file}: cannot be read as annotations in COCO's format ({type(error).__name__})") from error


def _splits(data):
    """Names of the splits and their files."""
    files = sorted((Path(data) / "annotations").glob(f"{_PREFIX}*.json"))
    return {file.stem.removeprefix(_PREFIX): file for file in files}


def _find(data, split):
    splits = _splits(data)
    found = [split] if split in splits else [name for name in splits if name.startswith(split)]
    if len(found) != 1:
        problem = "no split" if not found else f"{len(found)} splits begin with"
        raise DataError(f"{data}: {problem} {split!r}; the splits present are {', '.join(splits)}")
    return found[0], splits[found[0]]
