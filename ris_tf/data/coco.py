"""Read a data set with COCO annotations: annotations/instances_SPLIT.json beside a folder SPLIT of images.

A split's name may be cut short: "train" is train2017. Polygons and run lengths, compressed or not, are read. Crowd
regions become ignored pixels where no object lies. Where objects overlap, the smaller one is on top.
"""

import contextlib
import io
import json
from collections import Counter
from functools import partial
from pathlib import Path

import numpy as np
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO

from ris_tf.data.decoding import MAX_PIXELS
from ris_tf.data.readers import read_image
from ris_tf.data.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.labels import IGNORED, smaller_on_top

_PREFIX = "instances_"
_FIELDS = {  # of the entries that are read, and their types
    "images": {"id": (int, str), "file_name": str, "height": int, "width": int},
    "categories": {"id": (int, str), "name": str},
    "annotations": {"id": (int, str), "image_id": (int, str), "category_id": (int, str), "segmentation": (list, dict)},
}
_LONGEST_OUTLINE = 2**20  # pixels along all polygons of an object; pycocotools takes memory for each


def _find(root):
    return root if _splits(root) else None


def _splits(root, category="", held_out=0.0):
    """{name: annotation file}."""
    files = sorted((root / "annotations").glob(f"{_PREFIX}*.json"))
    return {file.stem.removeprefix(_PREFIX): file for file in files}


def _listing(root, split, category, held_out):
    splits = _splits(root)
    return joined({name: _samples(splits[name], root / name, category) for name in chosen(root, split, splits)})


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
    images = sorted(((coco.imgs[key]["file_name"], key) for key in shown), key=lambda image: (image[0], str(image[1])))
    return Listing(
        [(Path(p).stem, partial(_read, file, folder / p, coco.imgs[k], entries[k])) for p, k in images], problems
    )


def _read(file, path, said, entries):
    image = read_image(path)
    height, width = image.shape[:2]
    if (said["height"], said["width"]) != (height, width):
        raise DataError(
            f"{path}: image is {width}x{height} but {file.name} says {said['width']}x{said['height']} (width x height)"
        )
    masks = gather(*(partial(_draw, file, said, entry) for entry in entries))
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
            _check_polygons(outline, max(shape))
            return run_lengths.decode(run_lengths.merge(run_lengths.frPyObjects(outline, *shape)))
        size, counts = list(outline["size"]), outline["counts"]
        packed = not isinstance(counts, list)
        runs = _unpacked(counts) if packed else counts
        if not all(isinstance(run, int) for run in runs):
            raise TypeError
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


def _check_polygons(outline, side):
    """Raises ValueError for numbers that pycocotools would trip over or take all memory for.

    An outline may reach beyond the image, whose longer side is `side`, by as much again.
    """
    length = 0.0
    for polygon in outline:
        points = np.asarray(polygon, np.float64)
        if points.ndim != 1 or not np.isfinite(points).all() or np.abs(points).max(initial=0) > 2 * side:
            raise ValueError
        points = points[: points.size // 2 * 2].reshape(-1, 2)
        length += np.abs(points - np.roll(points, 1, axis=0)).max(axis=1, initial=0).sum()
    if length > _LONGEST_OUTLINE:
        raise ValueError


def _unpacked(text):
    """Run lengths of a compressed string, which pycocotools decodes past its end if they do not fill the image.

    The code is that of `rleFrString` in pycocotools: six bits a character, of which the lowest five are digits, least
    first and signed, the sixth says that more follow; from the third run on, the difference to the run before last.
    """
    counts, value, shift = [], 0, 0
    for character in text if isinstance(text, bytes) else text.encode():
        digits = character - 48
        if not 0 <= digits < 64 or shift > 30:  # no run is longer than 32 bits
            raise ValueError
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
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read as JSON ({error}); {expected}") from error
    problems, kept = [], {}
    for part in _FIELDS:
        found = content.get(part) if isinstance(content, dict) else None
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise DataError(f"{file}: holds no list {part!r} of entries; {expected}")
        kept[part] = []
        for entry in found:
            problem = _problem(part, entry)
            if problem:
                problems.append(f"{file}: the entry {str(entry.get('id', ''))[:40]} of {part!r} {problem}")
            else:
                kept[part].append(entry)
        ids = [entry["id"] for entry in kept[part]]
        if len(set(ids)) < len(ids):
            twice = next(one for one, times in Counter(ids).items() if times > 1)
            problems.append(f"{file}: {part!r} has two entries of the id {twice}; expected each id once")
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


def _problem(part, entry):
    """What is wrong with an entry, or None."""
    fields = _FIELDS[part]
    lacking = ", ".join(repr(field) for field in fields if field not in entry)
    if lacking:
        return f"lacks {lacking}; expected annotations in COCO's format"
    for field, kind in fields.items():
        value = entry[field]
        if not isinstance(value, kind) or isinstance(value, bool):
            expected = "/".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
            return f"has {field!r} of {type(value).__name__}; expected {expected}"
    if part != "images":
        return None
    if min(entry["height"], entry["width"]) < 1 or entry["height"] * entry["width"] > MAX_PIXELS:
        said = f"{entry['width']}x{entry['height']}"
        return f"says {said} (width x height); expected 1 to {MAX_PIXELS:,} pixels"
    if not entry["file_name"] or "\0" in entry["file_name"]:
        return f"has 'file_name' {entry['file_name'][:40]!r}; expected the name of a file"
    return None


LAYOUT = Layout("COCO instances", "annotations/instances_SPLIT.json with SPLIT/*.jpg", _find, _splits, _listing)
