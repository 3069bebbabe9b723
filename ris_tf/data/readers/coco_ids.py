"""Find the ids that images and a category have in a user's own COCO annotations, for the results of `ris-predict`."""

import os
from collections.abc import Sequence
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from ris_tf.data.readers.coco_entries import Annotations, parse
from ris_tf.errors import DataError, UsageError


class Target(NamedTuple):
    """What the results of one image refer to.

    Attributes:
        image: entry of the image: dict with "id", "file_name", "height" and "width".
        category: entry of the category: dict with "id" and "name".
    """

    image: dict
    category: dict


def targets(
    file: Path | str, images: Sequence[Path], category: str = "", preferred: str = ""
) -> tuple[dict[Path, Target], int]:
    """Finds images in COCO annotations by their paths.

    An image is the entry whose `file_name` is the end of the image's path. The longest one counts if several are.

    Args:
        file: COCO instances file.
        images: paths of the images.
        category: name of the category of the objects; "" for the only one that has annotations.
        preferred: name of a category that is taken if `category` is "" and several have annotations, or "".

    Returns:
        {path: Target}, and the number of images in the file that are not among `images`.

    Raises:
        DataError: the file is invalid, or an image is not listed in it.
        UsageError: there is no such category, or there are several and none is chosen.
    """
    file = Path(file)
    found = parse(file)
    if found.problems:
        raise DataError(*found.problems)
    chosen = _category(file, found, category, preferred)
    listed = {PurePosixPath(entry["file_name"].replace("\\", "/")).parts: entry for entry in found.images.values()}
    entries = {path: _entry(path, listed) for path in images}
    missing = [path for path, entry in entries.items() if entry is None]
    if missing:
        example = next(iter(found.images.values()))["file_name"] if found.images else "no image"
        raise DataError(
            f"{', '.join(map(str, missing))}: not listed in {file}, which lists {example}; expected a file_name that "
            "is the end of the path of the image"
        )
    used = {entry["id"] for entry in entries.values()}
    if len(used) < len(entries):
        raise DataError(f"{file}: two of the images to predict are the same file_name; predict them in two runs")
    return {path: Target(entry, chosen) for path, entry in entries.items()}, len(found.images) - len(used)


def _entry(path: Path, listed: dict[tuple[str, ...], dict]) -> dict | None:
    parts = Path(os.path.abspath(path)).parts
    return next((listed[parts[start:]] for start in range(len(parts)) if parts[start:] in listed), None)


def _category(file: Path, found: Annotations, category: str, preferred: str) -> dict:
    used = {entry["category_id"] for objects in found.objects.values() for entry in objects}
    present = [entry for key, entry in found.categories.items() if key in used or not used]
    names = ", ".join(entry["name"] for entry in present[:10])
    if category:
        present = [entry for entry in found.categories.values() if entry["name"] == category]
        if len(present) != 1:
            many = f"{len(present)} categories" if present else "no category"
            raise UsageError(f"--category={category}: {file} has {many} of this name; it has {names}")
        return present[0]
    if len(present) > 1 and preferred:
        present = [entry for entry in present if entry["name"] == preferred] or present
    if len(present) != 1:
        raise UsageError(
            f"--annotations={file}: objects of {len(present)} categories are annotated ({names}); "
            "choose the one that the model finds with --category=NAME"
        )
    return present[0]
