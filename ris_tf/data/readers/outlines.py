"""Draw label maps from outlines that lie in files of annotations: YOLO, labelme, VIA and GeoJSON.

Polygons are drawn as in COCO, by pycocotools. An object that cannot be read or drawn is left out and counted; its image
stays.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ris_tf.data.images.notes import warn_once
from ris_tf.data.images.orientation import upright_pair
from ris_tf.data.images.single import read_image
from ris_tf.data.readers import coco_outlines
from ris_tf.errors import DataError
from ris_tf.wording import counted

Window = tuple[int, int, np.ndarray]  # top row, left column, and a mask, uint8 [h, w]


class Outline(NamedTuple):
    """One object.

    Attributes:
        category: name of its category, "" if it has none.
        paint: function (shape of the image (H, W)) -> Window. It raises DataError if the object cannot be drawn.
    """

    category: str
    paint: Callable[[tuple[int, int]], Window]


class Annotated(NamedTuple):
    """What an annotation file says of an image.

    Attributes:
        outlines: its objects.
        left_out: {reason: number of objects that were left out}.
    """

    outlines: list[Outline]
    left_out: Mapping[str, int] = {}


def paint_polygons(polygons: Sequence[tuple[list[float], list[list[float]]]], shape: tuple[int, int]) -> Window:
    """Draws an object of one or more polygons, each without its holes.

    Args:
        polygons: pairs of an outline and a list of holes. Each is a flat list of x and y in pixels, where the upper
            left corner of the image is (0, 0) and the centre of its first pixel (0.5, 0.5).
        shape: (H, W) of the image.

    Raises:
        DataError: a coordinate is not a number or lies far outside the image.
    """
    points = np.concatenate([np.asarray(outer, np.float64) for outer, _ in polygons])
    low, high = [np.inf, np.inf], [np.inf, np.inf]
    if np.isfinite(points).all():
        low = [int(np.floor(points[axis::2].min())) - 1 for axis in (1, 0)]
        high = [int(np.ceil(points[axis::2].max())) + 1 for axis in (1, 0)]
    if min(low) < 0 or high[0] > shape[0] or high[1] > shape[1]:
        low, high = (0, 0), shape  # pycocotools clips at the borders of what it draws
    size, shift = (high[0] - low[0], high[1] - low[1]), np.array([low[1], low[0]], np.float64)
    mask = np.zeros(size, np.uint8)
    for outer, holes in polygons:
        drawn = _drawn([outer], size, shift)
        mask |= drawn & ~_drawn(holes, size, shift) if holes else drawn
    return low[0], low[1], mask


def _drawn(parts, size, shift):
    moved = [(np.asarray(part, np.float64).reshape(-1, 2) - shift).ravel().tolist() for part in parts]
    listed = {"height": size[0], "width": size[1], "file_name": "the image"}
    return coco_outlines.draw("", listed, {"id": 0, "segmentation": moved})


def label_map(file: Path, shape: tuple[int, int], outlines: Sequence[Outline]) -> np.ndarray:
    """Draws objects; where they overlap, the smaller one is on top.

    Args:
        file: annotation file, for warnings.
        shape: (H, W) of the image.
        outlines: the objects.

    Returns:
        int32 [H, W], ids 1 and up in the order of `outlines`. The id of an object without a pixel is missing.
    """
    windows, wrong = [], Counter()
    for number, outline in enumerate(outlines, 1):
        try:
            top, left, mask = outline.paint(shape)
        except DataError:
            wrong["with coordinates outside the image or not finite"] += 1
            continue
        area = np.count_nonzero(mask)
        if area:
            windows.append((-area, number, top, left, mask))
        else:
            wrong["without a pixel"] += 1
    labels = np.zeros(shape, np.int32)
    for _, number, top, left, mask in sorted(windows, key=lambda window: window[:2]):
        labels[top : top + mask.shape[0], left : left + mask.shape[1]][mask > 0] = number
    hidden = len(windows) - len(np.unique(labels[labels > 0]))
    wrong += Counter({"hidden entirely by smaller ones": hidden})
    if wrong:
        warn_once(f"{file}: objects left out: {_counted(wrong)}")
    return labels


def read(image_file: Path, file: Path, annotated: Annotated, as_viewed: bool) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image and draws its objects; both are turned upright if the image has an EXIF orientation.

    Args:
        image_file: the image.
        file: annotation file, for warnings.
        annotated: the objects.
        as_viewed: whether coordinates belong to the upright image, or to the pixels as stored.

    Returns:
        image [H, W, C] and labels int32 [H, W].
    """
    image = read_image(image_file)
    if not as_viewed:
        return upright_pair(image_file, image, label_map(file, image.shape[:2], annotated.outlines))
    (picture,) = upright_pair(image_file, image)
    return picture, label_map(file, picture.shape[:2], annotated.outlines)


def chosen_of(annotated: Annotated, category: str) -> Annotated:
    """Keeps the objects of a category; all if it is ""."""
    if not category:
        return annotated
    return annotated._replace(outlines=[one for one in annotated.outlines if one.category == category])


def left_out(where: Path, files: Mapping[Path, Annotated]) -> list[str]:
    """A list of one line that says how many objects of the annotation files were left out; empty if none was."""
    some = {file: found.left_out for file, found in files.items() if found.left_out}
    if not some:
        return []
    total = sum((Counter(reasons) for reasons in some.values()), Counter())
    return [f"{where}: objects left out: {_counted(total)}; in {counted(len(some), 'file')}, such as {min(some).name}"]


def _counted(reasons):
    return ", ".join(f"{count} {reason}" for reason, count in sorted(reasons.items()) if count)
