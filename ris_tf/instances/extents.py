"""Area, centroid and bounding box of every object of a label map. NumPy only."""

from typing import NamedTuple

import numpy as np


class Extents(NamedTuple):
    """The n objects of a label map, in ascending order of their ids.

    Attributes:
        ids: int64 `[n]`.
        area: int64 `[n]`, pixels.
        centroid: float64 `[n, 2]`, (row, column); the centre of the first pixel is (0, 0).
        box: int64 `[n, 4]`, (left, top, width, height), pixels.
    """

    ids: np.ndarray
    area: np.ndarray
    centroid: np.ndarray
    box: np.ndarray


def extents(labels):
    """Measures the objects of a label map.

    Args:
        labels: integer `[H, W]`; only positive values are objects, ids may have gaps.

    Returns:
        Extents.
    """
    places = np.flatnonzero(labels > 0)
    if not places.size:
        return Extents(*(np.zeros(shape, np.int64) for shape in (0, 0)), np.zeros((0, 2)), np.zeros((0, 4), np.int64))
    places = places[np.argsort(labels.ravel()[places], kind="stable")]  # object by object, each in reading order
    ids, starts, area = np.unique(labels.ravel()[places], return_index=True, return_counts=True)
    rows, columns = np.divmod(places, labels.shape[1])
    centroid = np.stack([np.add.reduceat(part, starts) for part in (rows, columns)], axis=1) / area[:, None]
    top, bottom = rows[starts], rows[np.append(starts[1:], len(rows)) - 1]
    left, right = np.minimum.reduceat(columns, starts), np.maximum.reduceat(columns, starts)
    box = np.stack([left, top, right - left + 1, bottom - top + 1], axis=1)
    return Extents(ids.astype(np.int64), area, centroid, box)
