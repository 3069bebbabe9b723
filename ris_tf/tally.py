"""Area, centroid and bounding box of the objects of a label map that is seen strip by strip; NumPy only."""

import numpy as np

_SUMS = ("area", "rows", "columns")  # of an object's pixels: their number, and the sums of their places
_MOST = np.iinfo(np.int64).max


class Tally:
    """Measures the objects of a label map whose ids may later turn out to be parts of one another.

    Args:
        width: of the map, pixels.
    """

    def __init__(self, width):
        self._width = width
        self._rows = 0  # seen so far
        self._sums = np.zeros((len(_SUMS), 0), np.int64)
        self._lows = np.zeros((2, 0), np.int64)  # first pixel, and left side
        self._highs = np.zeros((2, 0), np.int64)  # last pixel, and right side

    def add(self, strip):
        """Sees the next rows: int32 `[rows, width]`, 0 background."""
        places = np.flatnonzero(strip)
        if places.size:
            ids = strip.ravel()[places].astype(np.int64)
            self._grow(int(ids.max()) + 1)
            rows, columns = np.divmod(places, self._width)
            rows += self._rows
            places += self._rows * self._width
            low = int(ids.min())
            near = slice(low, int(ids.max()) + 1)  # ids of one strip lie close together, but for a few
            ids -= low
            for row, weights in enumerate((None, rows, columns)):
                self._sums[row, near] += np.bincount(ids, weights).astype(np.int64)
            for row, values in enumerate((places, columns)):
                np.minimum.at(self._lows[row, near], ids, values)
                np.maximum.at(self._highs[row, near], ids, values)
        self._rows += len(strip)

    def objects(self, homes):
        """What was seen, in the reading order of the first pixels.

        Args:
            homes: int `[ids + 1]`, the id that each id is part of; 0 for none.

        Returns:
            `(ids, area, centroid, box)`: int64 `[n]` those of `homes` that have pixels, int64 `[n]`, float64 `[n, 2]`
            of (row, column), int64 `[n, 4]` of (left, top, width, height).
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
        missing = count - self._sums.shape[1]
        if missing > 0:
            wide = (0, 0), (0, max(missing, count // 2))  # more than needed, so that it is seldom done
            self._sums = np.pad(self._sums, wide)
            self._lows = np.pad(self._lows, wide, constant_values=_MOST)
            self._highs = np.pad(self._highs, wide, constant_values=-1)
