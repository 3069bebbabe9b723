"""Outlines of objects along the edges of their pixels. The area that they enclose is exactly the number of pixels."""

from typing import NamedTuple

import numpy as np

from ris_tf.optional import import_optional


class Outlined(NamedTuple):
    """An object and its outlines.

    Attributes:
        label: id of the object, int.
        score: float in [0, 1].
        polygons: see `polygons`.
    """

    label: int
    score: float
    polygons: list


def libraries():
    """Imports SciPy and scikit-image, which a light installation may lack: scipy.ndimage and skimage.measure.

    Raises:
        UsageError: one of them is not installed.
    """
    modules = ("scipy.ndimage", "SciPy", "scipy"), ("skimage.measure", "scikit-image", "scikit-image")
    return tuple(import_optional(module, "outlines of objects:", *names) for module, *names in modules)


def outlined(instances):
    """Yields an Outlined for each object of Instances, in ascending order of the ids."""
    for label, found in outlines(instances.labels):
        yield Outlined(label, float(instances.scores[label - 1]), found)


def outlines(labels):
    """Outlines the objects of a label map.

    Args:
        labels: integer [H, W]; only positive values are objects, ids may have gaps.

    Yields:
        (id, polygons) in ascending order of the ids, see `polygons`.
    """
    ndimage, _ = libraries()
    ids, places = np.unique(np.maximum(labels, 0), return_inverse=True)
    windows = ndimage.find_objects(places.reshape(labels.shape) + (ids[0] > 0))
    for value, (rows, columns) in zip(ids[ids > 0], windows, strict=True):
        yield int(value), polygons(labels[rows, columns] == value, columns.start, rows.start)


def polygons(mask, left=0, top=0):
    """Outlines one object.

    Args:
        mask: bool [h, w], a window of an image.
        left, top: column and row of the window's first pixel.

    Returns:
        list of polygons, one for each piece of the object; pieces that meet only at a corner are apart. A polygon is a
        list of rings, its outer edge and then its holes. A ring is int64 [n, 2], x and y of corners of pixels, without
        the first point again; (0, 0) is the upper left corner of the image and (0.5, 0.5) the centre of its first
        pixel. No ring touches itself, and two rings touch only at single points, so that the polygons are valid as
        OGC's Simple Features define it. As in RFC 7946, the signed area of an outer edge is positive and that of a
        hole negative.
    """
    ndimage, measure = libraries()
    pieces, _ = ndimage.label(mask)
    found = []
    for number, (rows, columns) in enumerate(ndimage.find_objects(pieces), 1):
        rings = _rings(pieces[rows, columns] == number, measure.find_contours)
        rings.sort(key=_signed_area, reverse=True)  # only that of the outer edge is positive
        found.append([ring + (left + columns.start, top + rows.start) for ring in rings])
    return found


def _rings(piece, find_contours):
    """All edges of a piece, bool [h, w], as rings that do not touch themselves: list of int64 [n, 2], x and y."""
    rings = []
    for line in find_contours(np.pad(piece, 1).astype(np.float32), 0.5):
        middles, following = line[:-1], np.roll(line[:-1], -1, axis=0)  # (row, column) of the middles of pixel edges
        lies, lies_next = (points[:, 0] % 1 == 0.5 for points in (middles, following))  # horizontal edges
        rows = np.where(lies, middles[:, 0], following[:, 0])
        columns = np.where(lies, following[:, 1], middles[:, 1])
        corners = np.stack([columns, rows], axis=1)[lies != lies_next] - 0.5  # where the edges turn; without the pad
        rings += _parted(corners.astype(np.int64))
    return rings


def _parted(ring):
    """Divides a ring where it touches itself: list of rings that do not."""
    found, way, place = [], [], {}
    for point in map(tuple, ring.tolist()):
        if point in place:  # what was passed since then is a ring of its own
            start = place[point]
            for passed in way[start:]:
                del place[passed]
            found.append(way[start:])
            del way[start:]
        place[point] = len(way)
        way.append(point)
    return [np.array(one) for one in (*found, way)]


def _signed_area(ring):
    x, y = ring.T
    return int(x @ np.roll(y, -1) - np.roll(x, -1) @ y)  # twice the area
