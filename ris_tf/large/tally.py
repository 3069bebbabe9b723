"""Measures area, centroid and bounding box of the objects in a label map that is read strip by strip. NumPy only."""

import numpy as np

_SUMS = ("area", "rows", "columns")  # per object: number of pixels, and sums of their rows and columns
_MOST = np.iinfo(np.int64).max


class Tally:
    """Measures the objects of a label map in which several ids may later turn out to be one object.

    Args:
        width: width of the map in pixels.
    """

    def __init__(self, width):
        self._width = width
        self._rows = 0  # number of rows added so far
        self._sums = np.zeros((len(_SUMS), 0), np.int64)
        self._lows = np.zeros((2, 0), np.int64)  # index of the first pixel, and left column
        self._highs = np.zeros((2, 0), np.int64)  # index of the last pixel, and right column

    def add(self, strip):
        """Adds the next rows: int32 `[rows, width]`, 0 for background."""
        places = np.flatnonzero(strip)
        if places.size:
            ids = strip.ravel()[places].astype(np.int64)
            self._grow(int(ids.max()) + 1)
            rows, columns = np.divmod(places, self._width)
            rows += self._rows
            places += self._rows * self._width
            low = int(ids.min())
            near = slice(low, int(ids.max()) + 1)  # most ids of a strip lie close together
            ids -= low
            for row, weights in enumerate((None, rows, columns)):
                self._sums[row, near] += np.bincount(ids, weights).astype(np.int64)
            for row, values in enumerate((places, columns)):
                np.minimum.at(self._lows[row, near], ids, values)
                np.maximum.at(self._highs[row, near], ids, values)
        self._rows += len(strip)

    def objects(self, homes):
        """Returns the measurements of all objects, ordered by their first pixels in reading order.

        Args:
            homes: int `[ids + 1]`, the object that each id belongs to; 0 for none.

        Returns:
            `(ids, area, centroid, box)`: int64 `[n]`, the ids in `homes` that have pixels; int64 `[n]`, pixels;
            float64 `[n, 2]`, (row, column); int64 `[n, 4]`, (left, top, width, height).
        """
        self._grow(len(homes))
        sums, lows, highs = np.zeros_like(self._sums), np.full_like(self._lows, _MOST), np.full_like(self._highs, -1)
        joins = (sums, self._sums, np.add), (lows, self._lows, np.minimum), (highs, self._highs, np.maximum)
        for merged, parts, join in joins:
            for row, part in zip(merged, parts, strict=True):
                join.at(row, homes, part[: len(homes)])
        ids = np.flatnonzero(sums[0])
        ids = ids[ids > 0]
        ids = ids[np.argsort(lows[0, ids])]
        (first, left), (last, right) = lows[:, ids], highs[:, ids]
        top, bottom = first // self._width, last // self._width
        area = sums[0, ids]
        box = np.stack([left, top, right - left + 1, bottom - top + 1], axis=1)
        return ids, area, (sums[1:, ids] / area).T, box

    def _grow(self, count):
        """Makes room for at least `count` ids."""
        missing = count - self._sums.shape[1]
        if missing > 0:
            wide = (0, 0), (0, max(missing, count // 2))  # more than needed, so that arrays are seldom copied
            self._sums = np.pad(self._sums, wide)
            self._lows = np.pad(self._lows, wide, constant_values=_MOST)
            self._highs = np.pad(self._highs, wide, constant_values=-1)
