"""Draw the outlines of COCO annotations, polygons and run lengths (RLE), and find those that cannot be drawn."""

from operator import mul

import numpy as np
from pycocotools import mask as run_lengths

from ris_tf.errors import DataError

_LONGEST_OUTLINE = 2**20  # pixels, total length of an object's polygons; pycocotools needs memory for each pixel
_SHORT = 8  # characters; compressed run lengths without any pixel are not longer

NONE = "no outline of three points or more"
NO_PIXEL = "an outline that contains no pixel"
REPEATED = "the same outline as another object"


def draw(file, listed, entry):
    """Converts an annotation to a mask, uint8 [H, W] of 0 and 1, with pycocotools.

    Args:
      file: annotation file, for messages.
      listed: entry of the image in the annotations.
      entry: the annotation.

    Raises:
      DataError: the outline is malformed, or does not fit the size of the image.
    """
    return run_lengths.decode(_encoded(file, listed, entry))


def undrawable(file, listed, entries):
    """Finds the annotations of an image that would get no pixel of their own.

    Args:
      file, listed: see `draw`.
      entries: list of annotations of the image.

    Returns:
      list of (annotation, NONE, NO_PIXEL or REPEATED).
    """
    found, seen = [], set()
    for entry in entries:
        parts = parts_of(entry["segmentation"])
        if not parts:
            found.append((entry, NONE))
            continue
        if all(map(_may_be_empty, parts)) and _is_empty(file, listed, entry):
            found.append((entry, NO_PIXEL))
            continue
        outline = _hashable(parts)
        if outline in seen:
            found.append((entry, REPEATED))
        elif outline:
            seen.add(outline)
    return found


def parts_of(outline):
    """List of the parts of an object: flat lists of x and y with at least three points, and run lengths."""
    if not isinstance(outline, list):
        return [outline]
    if outline and all(isinstance(value, int | float) for value in outline):  # a polygon that is not in a list
        outline = [outline]
    return [part for part in outline if not isinstance(part, list) or len(part) >= 6]


def _may_be_empty(part):
    """Whether a part may contain no pixel: a polygon less than a pixel wide on average, or very short run lengths."""
    try:
        if isinstance(part, dict):
            counts = part["counts"]
            return len(counts) <= _SHORT if isinstance(counts, str | bytes) else not any(counts[1::2])
        xs, ys = part[0 : len(part) // 2 * 2 : 2], part[1::2]
        twice = sum(map(mul, xs, ys[1:] + ys[:1])) - sum(map(mul, ys, xs[1:] + xs[:1]))  # twice the signed area
        return abs(twice) <= 2 * (max(max(xs) - min(xs), max(ys) - min(ys)) + 1)
    except (TypeError, KeyError, ValueError, OverflowError):
        return False  # reported when it is drawn


def _is_empty(file, listed, entry):
    try:
        return not run_lengths.area(_encoded(file, listed, entry))
    except DataError:
        return False  # reported when it is drawn


def _hashable(parts):
    try:
        outline = tuple(
            (*part["size"], part["counts"] if isinstance(part["counts"], str) else tuple(part["counts"]))
            if isinstance(part, dict)
            else tuple(part)
            for part in parts
        )
        hash(outline)
    except (TypeError, KeyError):
        return None  # reported when it is drawn
    return outline


def _encoded(file, listed, entry):
    """The run lengths of an annotation, as pycocotools encodes them."""
    shape = [listed["height"], listed["width"]]
    wrong = f"{file}: the object {entry['id']} of {listed['file_name']} cannot be converted to a mask"
    parts = parts_of(entry["segmentation"])
    polygons = [part for part in parts if not isinstance(part, dict)]
    encoded = [_checked_runs(wrong, shape, part) for part in parts if isinstance(part, dict)]
    try:
        if polygons or not encoded:
            _check_polygons(polygons, max(shape))
            encoded += run_lengths.frPyObjects(polygons, *shape)
        return encoded[0] if len(encoded) == 1 else run_lengths.merge(encoded)
    except Exception as error:  # pycocotools raises a plain Exception, or fails in other ways on malformed entries
        raise DataError(f"{wrong}; expected polygons or run lengths in 'segmentation'") from error


def _checked_runs(wrong, shape, outline):
    """Run lengths in pycocotools' encoding, checked against the size of the image; `wrong` begins the messages."""
    try:
        size, counts = list(outline["size"]), outline["counts"]
        packed = not isinstance(counts, list)
        runs = _unpacked(counts) if packed else counts
        if not all(isinstance(run, int) for run in runs):
            raise TypeError
        pixels = sum(runs) if min(runs, default=0) >= 0 else -1
    except Exception as error:
        raise DataError(f"{wrong}; expected polygons or run lengths in 'segmentation'") from error
    if size != shape:
        raise DataError(f"{wrong}: its size is {size}; expected {shape} (height, width)")
    if pixels != shape[0] * shape[1]:
        total = shape[0] * shape[1]
        raise DataError(f"{wrong}: its run lengths add up to {pixels}; expected {total}, the number of pixels")
    try:
        return outline if packed else run_lengths.frPyObjects(outline, *shape)
    except Exception as error:
        raise DataError(f"{wrong}; expected polygons or run lengths in 'segmentation'") from error


def _check_polygons(outline, side):
    """Raises ValueError for polygons on which pycocotools would crash or exhaust the memory.

    Args:
      outline: list of polygons, each a flat list of x and y.
      side: longer side of the image in pixels. Coordinates may range from -2 * side to 2 * side.
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
    """Decodes a compressed RLE string to a list of run lengths, so that they can be checked.

    pycocotools reads past the end of the string if the run lengths do not fill the image. The encoding is that of
    `rleFrString` in pycocotools. Each character encodes six bits: the lower five are digits of a signed number, least
    significant first, and the sixth says that more digits follow. From the fourth run on, the number is the difference
    from the run two places before.
    """
    counts, value, shift = [], 0, 0
    for character in text if isinstance(text, bytes) else text.encode():
        digits = character - 48
        if not 0 <= digits < 64 or shift > 30:  # a run length has at most 32 bits
            raise ValueError
        value |= (digits & 0x1F) << shift
        shift += 5
        if not digits & 0x20:
            value -= (digits & 0x10) << (shift - 4)
            counts.append(value + (counts[-2] if len(counts) > 2 else 0))
            value, shift = 0, 0
    return counts
