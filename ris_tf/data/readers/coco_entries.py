"""Parse and check the images, categories and annotations of a COCO file.

Harmless variants are read: whole numbers written as floats, numbers written as text, annotations without an id or
without a segmentation. Everything else that is wrong becomes one line per problem.
"""

import posixpath
from collections import Counter
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.readers.json_files import read_json
from ris_tf.errors import DataError

FIELDS = {  # required fields of the entries, with their types
    "images": {"id": (int, str), "file_name": str, "height": int, "width": int},
    "categories": {"id": (int, str), "name": str},
    "annotations": {"id": (int, str), "image_id": (int, str), "category_id": (int, str), "segmentation": (list, dict)},
}
_EXPECTED = "expected annotations in COCO format"


class Annotations(NamedTuple):
    """The valid entries of a COCO file.

    Attributes:
        images: {id: entry of an image}.
        categories: {id: entry of a category}.
        objects: {image id: list of its annotations}.
        problems: one line per problem.
    """

    images: dict[int | str, dict]
    categories: dict[int | str, dict]
    objects: dict[int | str, list[dict]]
    problems: list[str]


def parse(file: Path) -> Annotations:
    """Reads a COCO file and checks its entries.

    Raises:
        DataError: the file cannot be read, is not JSON, or lacks one of the three lists.
    """
    content, problems, kept = read_json(file, _EXPECTED), [], {}
    for part in FIELDS:
        found = content.get(part) if isinstance(content, dict) else None
        if not isinstance(found, list) or not all(isinstance(entry, dict) for entry in found):
            raise DataError(f"{file}: has no list of entries under {part!r}; {_EXPECTED}")
        kept[part] = []
        for place, entry in enumerate(found, 1):
            entry = _usual(part, entry, place)
            problem = _problem(part, entry)
            if problem:
                problems.append(f"{file}: the entry {str(entry.get('id', ''))[:40]} of {part!r} {problem}")
            else:
                kept[part].append(entry)
        if twice := _repeated(entry["id"] for entry in kept[part]):
            problems.append(f"{file}: {part!r} has several entries with the id {twice[0]}; expected each id once")
    if twice := _repeated(posixpath.normpath(entry["file_name"]) for entry in kept["images"]):
        problems.append(f"{file}: 'images' lists the file {twice[0]} more than once; expected each image once")
    images, categories = ({entry["id"]: entry for entry in kept[part]} for part in ("images", "categories"))
    objects = {}
    for entry in kept["annotations"]:
        for field, known, part in (("image_id", images, "images"), ("category_id", categories, "categories")):
            entry[field] = _matched(entry[field], known)
            if entry[field] not in known:
                problems.append(
                    f"{file}: the object {entry['id']} has the {field} {entry[field]}; expected an id from {part!r}"
                )
                break
        else:
            objects.setdefault(entry["image_id"], []).append(entry)
    return Annotations(images, categories, objects, problems)


def sample_names(file_names: list[str]) -> list[str]:
    """Names of images: their paths below the image folder, with / between the parts and without the suffix.

    Names that would be equal keep their suffixes. A file outside the image folder is called by its own name.
    """
    paths = [PurePosixPath(posixpath.normpath(name.replace("\\", "/"))) for name in file_names]
    paths = [PurePosixPath(path.name) if path.is_absolute() or ".." in path.parts else path for path in paths]
    names = [str(path.parent / path.stem) for path in paths]
    times = Counter(names)
    return [name if times[name] == 1 else str(path) for name, path in zip(names, paths, strict=True)]


def _usual(part, entry, place):
    """A copy of an entry in which harmless variants of values are replaced by the usual ones.

    Args:
        part: key of FIELDS.
        entry: dict.
        place: 1 for the first entry of the part; stands for the id of an annotation without one.
    """
    entry = dict(entry)
    if part == "annotations":
        entry.setdefault("id", f"at place {place}")
        if entry.get("segmentation") is None:
            entry["segmentation"] = []
    for field in FIELDS[part]:
        if _is_whole(entry.get(field), as_text=field in ("height", "width")):
            entry[field] = int(entry[field])
    return entry


def _is_whole(value, as_text):
    """Whether a value is a whole number written as a float or, with `as_text`, as digits."""
    if isinstance(value, str):
        return as_text and value.isdecimal() and len(value) < 10
    return isinstance(value, float) and value.is_integer()


def _matched(value, known):
    """The id from `known` that `value` stands for: some tools write the number 1 as "1" in one place only."""
    if value in known:
        return value
    if not isinstance(value, str):
        other = str(value)
    elif value.isdecimal() and len(value) < 20:
        other = int(value)
    else:
        return value
    return other if other in known else value


def _repeated(values):
    return [value for value, times in Counter(values).items() if times > 1]


def _problem(part, entry):
    """Describes what is wrong with an entry of `part`, or returns None."""
    fields = FIELDS[part]
    lacking = ", ".join(repr(field) for field in fields if field not in entry)
    if lacking:
        return f"lacks {lacking}; {_EXPECTED}"
    for field, kind in fields.items():
        value = entry[field]
        if not isinstance(value, kind) or isinstance(value, bool):
            expected = "/".join(one.__name__ for one in (kind if isinstance(kind, tuple) else (kind,)))
            return f"has {field!r} of the type {type(value).__name__}; expected {expected}"
    if part != "images":
        return None
    if min(entry["height"], entry["width"]) < 1 or entry["height"] * entry["width"] > MAX_PIXELS:
        size = f"{entry['width']}x{entry['height']}"
        return f"has the size {size} (width x height); expected 1 to {MAX_PIXELS:,} pixels"
    if not entry["file_name"] or "\0" in entry["file_name"]:
        return f"has the 'file_name' {entry['file_name'][:40]!r}; expected the name of an image file"
    return None
