"""Read annotations of labelme: NAME.json beside NAME.jpg.

Polygons, rectangles, circles and masks are objects; points and lines are left out. Shapes with the same label and the
same group_id are one object. labelme turns images upright as their EXIF orientation says, and so do its coordinates.
"""

import base64
import io
import math
from collections import Counter
from functools import partial

import numpy as np
from PIL import Image

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.images.orientation import orientation_of
from ris_tf.data.readers.beside import beside
from ris_tf.data.readers.json_files import read_json
from ris_tf.data.readers.outlines import Annotated, Outline, paint_polygons
from ris_tf.errors import DataError

_LEAST = {"polygon": 3, "oriented_rectangle": 4, "rectangle": 2, "circle": 2, "mask": 2}  # points


def _content(file):
    expected = "expected annotations of labelme"
    content = read_json(file, expected)
    if not isinstance(content, dict) or not isinstance(content.get("shapes"), list):
        raise DataError(f"{file}: has no list of 'shapes'; {expected}")
    return content


def _is_one(file):
    try:
        return bool(_content(file))
    except DataError:
        return False


def _parse(file, image_file):
    content, wrong = _content(file), Counter()
    _check_size(file, content, image_file)
    objects = {}  # (label, group or number of the shape) -> shapes
    for number, shape in enumerate(content["shapes"]):
        reason = _problem(shape)
        if reason:
            wrong[reason] += 1
            continue
        label, group = str(shape.get("label") or ""), shape.get("group_id")
        objects.setdefault((label, number if group is None else f"group {group}"), []).append(shape)
    outlines = [Outline(label, partial(_paint, shapes)) for (label, _), shapes in objects.items()]
    return Annotated(outlines, wrong)


def _check_size(file, content, image_file):
    """Raises DataError if the annotations are for an image of another size."""
    said = content.get("imageWidth"), content.get("imageHeight")
    try:
        with Image.open(image_file) as image:
            turned = orientation_of(image_file) >= 5 and image.format != "TIFF"  # Pillow turns a TIFF itself
            size = image.size[::-1] if turned else image.size
    except Exception:  # Pillow cannot read it; `files.read_image` reports what matters
        return
    if None not in said and tuple(said) != size:
        raise DataError(
            f"{file}: is for an image of {said[0]}x{said[1]} (imageWidth x imageHeight), but {image_file.name} is "
            f"{size[0]}x{size[1]}; expected the annotations of this image"
        )


def _problem(shape):
    """Why a shape cannot be an object, or None."""
    if not isinstance(shape, dict):
        return "not in the form of a shape"
    kind = str(shape.get("shape_type") or "polygon")
    if kind not in _LEAST:
        return f"of the type {kind[:20]!r}"
    try:
        points = np.asarray(shape["points"], np.float64)
    except (KeyError, TypeError, ValueError, OverflowError):
        return "without points"
    if points.ndim != 2 or points.shape[1] != 2 or len(points) < _LEAST[kind] or not np.isfinite(points).all():
        return "with too few points"
    return "without a mask" if kind == "mask" and not isinstance(shape.get("mask"), str) else None


def _paint(shapes, shape):
    windows = [_painted(one, shape) for one in shapes]
    if len(windows) == 1:
        return windows[0]
    mask = np.zeros(shape, np.uint8)
    for top, left, part in windows:
        mask[top : top + part.shape[0], left : left + part.shape[1]] |= part
    return 0, 0, mask


def _painted(one, shape):
    kind, points = one.get("shape_type") or "polygon", np.asarray(one["points"], np.float64)
    if kind == "mask":
        return _mask(one["mask"], points, shape)
    if kind == "rectangle":
        (left, top), (right, bottom) = points[:2]
        points = np.array([[left, top], [right, top], [right, bottom], [left, bottom]])
    elif kind == "circle":
        radius = math.hypot(*(points[1] - points[0]))
        angles = np.linspace(0, 2 * np.pi, int(min(max(12, 8 * radius), 4096)), endpoint=False)
        points = points[0] + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    return paint_polygons([(points.ravel().tolist(), [])], shape)


def _mask(text, points, shape):
    """Places the mask of a shape, a PNG in base64, at its first point."""
    try:
        with Image.open(io.BytesIO(base64.b64decode(text)), formats=("PNG",)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise ValueError
            part = (np.array(image.convert("L")) > 0).astype(np.uint8)
    except Exception as error:  # Pillow raises almost anything for a broken file
        raise DataError("the mask of a shape cannot be read") from error
    left, top = (int(value) for value in np.round(points.min(axis=0)))
    inside = part[max(-top, 0) : max(shape[0] - top, 0), max(-left, 0) : max(shape[1] - left, 0)]
    return max(top, 0), max(left, 0), inside


LAYOUT = beside("labelme", (".json",), _is_one, _parse, as_viewed=True)
