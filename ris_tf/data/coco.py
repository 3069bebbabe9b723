"""Read a data set with COCO annotations: annotations/instances_SPLIT.json beside a folder SPLIT of images.

A split's name may be cut short: "train" is train2017. Polygons and run lengths, compressed or not, are read. Crowd
regions become ignored pixels where no object lies. Where objects overlap, the smaller one is on top.
"""

import contextlib
import io
import json
from functools import partial
from pathlib import Path

import numpy as np
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from ris_tf.data.readers import read_image
from ris_tf.data.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.labels import IGNORED, smaller_on_top

_PREFIX = "instances_"
_FIELDS = {  # of the entries that are read
    "images": ("id", "file_name", "height", "width"),
    "categories": ("id", "name"),
    "annotations": ("id", "image_id", "category_id", "segmentation"),
}


def _find(root):
    return root if _splits(root) else None


def _splits(root, category="", held_out=0.0):
    """{name: annotation file}."""
    files = sorted((root / "annotations").glob(f"{_PREFIX}*.json"))
    return {file.stem.removeprefix(_PREFIX): file for file in files}


def _listing(root, split, category, held_out):
    splits = _splits(root)
    return joined([_samples(splits[name], root / name, category) for name in chosen(root, split, splits)])


def _samples(file, folder, category):
    """The images that show an object of the category, crowds aside; for the category "" all images."""
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; expected the images of {file.name}")
    coco, problems = _parse(file)
    names = [entry["name"] for entry in coco.cats.values()]
    if category and category not in names:
        some = ", ".join(names[:5])
        raise UsageError(f"data.category is {category!r}; expected one of the {len(names)} of {file}, such as {some}")
    wanted = [key for key, entry in coco.cats.items() if category in ("", entry["name"])]
    entries = {key: [e for e in coco.imgToAnns.get(key, []) if e["category_id"] in wanted] for key in coco.imgs}
    shown = [key for key in coco.imgs if not category or any(not e.get("iscrowd") for e in entries[key])]
    if not shown and not problems:
        problems.append(f"{file}: no object of the category {category!r}; expected at least one")
    images = sorted((coco.imgs[key]["file_name"], key) for key in shown)
    return Listing(
        [(Path(p).stem, partial(_read, file, folder / p, coco.imgs[k], entries[k])) for p, k in images], problems
    )


def _read(file, path, said, entries):
    image, *masks = gather(lambda: read_image(path), *(partial(_draw, file, said, entry) for entry in entries))
    height, width = image.shape[:2]
    if (said["height"], said["width"]) != (height, width):
        raise DataError(
            f"{path}: image is {width}x{height} but {file.name} says {said['width']}x{said['height']} (width x height)"
        )
    crowd = [mask for mask, entry in zip(masks, entries, strict=True) if entry.get("iscrowd")]
    objects = [mask for mask, entry in zip(masks, entries, strict=True) if not entry.get("iscrowd")]
    labels = smaller_on_top(objects) if objects else np.zeros((height, width), np.int32)
    for mask in crowd:
        labels[(mask > 0) & (labels == 0)] = IGNORED
    return image, labels


def _draw(file, said, entry):
    """Mask of an annotation, uint8 [H, W] of 0 and 1, by pycocotools."""
    shape, outline = [said["height"], said["width"]], entry["segmentation"]
    wrong = f"{file}: the object {entry['id']} of {said['file_name']} cannot be drawn"
    try:
        if not isinstance(outline, dict):
            return run_lengths.decode(run_lengths.merge(run_lengths.frPyObjects(outline, *shape)))
        size, counts = list(outline["size"]), outline["counts"]
        packed = not isinstance(counts, list)
        runs = _unpacked(counts) if packed else counts
        pixels = sum(runs) if min(runs, default=0) >= 0 else -1
    except Exception as error:  # pycocotools raises a plain one, or trips over the entry
        raise DataError(f"{wrong}; expected polygons or run lengths in 'segmentation'") from error
    if size != shape:
        raise DataError(f"{wrong}: its size is {size}; expected {shape} (height, width)")
    if pixels != shape[0] * shape[1]:
        raise DataError(f"{wrong}: its run lengths add up to {pixels}; expected {shape[0] * shape[1]}, one for a pixel")
    try:
        return run_lengths.decode(outline if packed else run_lengths.frPyObjects(outline, *shape))
    except Exception as error:
        raise DataError(f"{wrong}; expected polygons or run lengths in 'segmentation'") from error


def _unpacked(text):
    """Run lengths of a compressed string, which pycocotools decodes past its end if they do not fill the image.

    The code is that of `rleFrString` in pycocotools: six bits a character, of which the lowest five are digits, least
    first and signed, the sixth says that more follow; from the third run on, the difference to the run before last.
    """
    counts, value, shift = [], 0, 0
    for character in text if isinstance(text, bytes) else text.encode():
        digits = character - 48
        value |= (digits & 0x1F) << shift
        shift += 5
        if not digits & 0x20:
            value -= (digits & 0x10) << (shift - 4)
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    return counts


def _parse(file):
    """COCO of the entries that can be read, and a line for each that cannot."""
    expected = "expected annotations in COCO's format"
    try:
        content = json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; {expected}") from error
    except ValueError as error:
        raise DataError(f"{file}: cannot be read as JSON ({error}); {expected}") from error
    problems, kept = [], {}
    for part, fields in _FIELDS.items():
        found = content.get(part) if isinstance(content, dict) else None
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise DataError(f"{file}: holds no list {part!r} of entries; {expected}")
        kept[part] = [entry for entry in found if all(field in entry for field in fields)]
        for entry in found:
            lacking = ", ".join(repr(field) for field in fields if field not in entry)
            if lacking:
                problems.append(f"{file}: the entry {entry.get('id', '')} of {part!r} lacks {lacking}; {expected}")
    images, categories = ({entry["id"] for entry in kept[part]} for part in ("images", "categories"))
    for entry in kept["annotations"]:
        if entry["image_id"] not in images:
            problems.append(
                f"{file}: the object {entry['id']} is of the image {entry['image_id']}, which is not listed"
            )
        elif entry["category_id"] not in categories:
            problems.append(f"{file}: the object {entry['id']} is of the category {entry['category_id']}, not listed")
    coco = COCO()
    coco.dataset = kept
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
        coco.createIndex()
    return coco, problems


LAYOUT = Layout("COCO instances", "annotations/instances_SPLIT.json with SPLIT/*.jpg", _find, _splits, _listing)
