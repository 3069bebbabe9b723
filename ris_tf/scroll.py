"""A canvas for images too large to hold: only the rows that tiles still reach are in memory.

Tiles come from top to bottom. Rows that no later tile reaches are released with provisional ids, of which some turn out
later to be one object, or none; `Scroll.finish` says what became of each.
"""

import numpy as np

from ris_tf.tiling import MARGIN, Canvas


class Scroll(Canvas):
    """One label map that grows tile by tile, from top to bottom, and is given away row by row.

    Args:
        height, width, min_area, margin: as of `Canvas`.
    """

    def __init__(self, height, width, min_area=1, margin=MARGIN):
        super().__init__(0, width, min_area, margin)
        self._height = height
        self._first = 0  # row of the image that is the first row held
        self._homes = {}  # provisional id -> the one that took it in, or 0 if it was dropped
        self._scores = {}  # of objects that are complete

    def add(self, labels, scores, top, left):
        """As `Canvas.add`.

        Raises:
            ValueError: as of `Canvas.add`, and if the tile reaches into rows that were released.
        """
        if top < self._first and self._first:
            raise ValueError(f"rows from {self._first} on are held. Received: a tile at row {top}")
        labels = np.asarray(labels)[: max(self._height - top, 0)]
        reach = min(top + len(labels) + self._margin, self._height)  # `_is_stray` asks whether the rows below were seen
        missing = reach - self._first - len(self._labels)
        if missing > 0:
            wide = (0, missing), (0, 0)
            self._labels, self._seen = np.pad(self._labels, wide), np.pad(self._seen, wide)
        super().add(labels, scores, top - self._first, left)

    def release(self, row):
        """Gives away the rows above `row` that no later tile may reach; a later tile may look `margin` rows above it.

        Args:
            row: least top of the tiles to come, int; the image's height if none comes.

        Returns:
            int32 `[rows, width]` with provisional ids, the rows that follow those of the call before; maybe none.
        """
        count = row - self._first - (self._margin if row < self._height else 0)
        count = max(min(count, len(self._labels)), 0)
        gone = self._labels[:count]
        self._labels, self._seen = self._labels[count:].copy(), self._seen[count:].copy()
        self._first += count
        shift = count * self._labels.shape[1]
        for number in list(self._objects):
            view = self._objects[number]
            left = view.pixels[view.pixels >= shift] - shift
            view.released += view.pixels.size - left.size
            view.pixels = left
            if not left.size:
                self._scores[number] = self._objects.pop(number).score
        return gone

    def finish(self):
        """Says what the provisional ids stand for, after the last rows were released.

        Returns:
            `(homes, scores)`: int64 `[ids + 1]`, the provisional id that each one became part of, itself or 0 for
            none; and {provisional id: score} of the objects.
        """
        homes = np.arange(self._last_id + 1)
        homes[list(self._homes)] = list(self._homes.values())
        while not np.array_equal(homes[homes], homes):  # what took one in may have been taken in itself
            homes = homes[homes]
        return homes, self._scores

    def _take(self, old, home=None):
        self._homes[old] = home or 0
        return super()._take(old, home)

    def _beyond(self, box):
        return box[0] + self._first > 0, box[1] + self._first < self._height
