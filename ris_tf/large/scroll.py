"""Stitches tiles into a label map that does not fit into memory: only rows that tiles can still reach are held.

Tiles are added from top to bottom. Rows that no later tile reaches are released with provisional ids. Later, two ids
may turn out to be one object, or an id may be dropped. `Scroll.finish` returns the final state of each id.
"""

import numpy as np

from ris_tf.inference.canvas import MARGIN, Canvas
from ris_tf.inference.object_map import ObjectMap


class _Provisional(ObjectMap):
    """An object map that records what became of the objects that were removed from it.

    Attributes:
        homes: {id: the id that it was merged into, or 0 if it was dropped}.
    """

    def __init__(self, width, min_area):
        super().__init__(0, width, min_area)
        self.homes = {}

    def take(self, number, home=None):
        self.homes[number] = home or 0
        return super().take(number, home)


class Scroll(Canvas):
    """A label map that grows tile by tile, from top to bottom, and is released row by row.

    Args:
        height, width, min_area, margin: see `Canvas`.
    """

    def __init__(self, height, width, min_area=1, margin=MARGIN):
        super().__init__(0, width, min_area, margin)
        self._placed = _Provisional(width, min_area)
        self._height = height
        self._first = 0  # first row of the image that is still held
        self._scores = {}  # scores of the objects that are complete

    def add(self, labels, scores, top, left):
        """Adds a tile, see `Canvas.add`.

        Raises:
            ValueError: see `Canvas.add`; or the tile begins in rows that were released.
        """
        if top < self._first and self._first:
            raise ValueError(f"only rows from {self._first} on are held. Received: a tile at row {top}")
        labels = np.asarray(labels)[: max(self._height - top, 0)]
        reach = min(top + len(labels) + self._margin, self._height)  # `_is_stray` checks if the rows below were seen
        missing = reach - self._first - len(self._seen)
        if missing > 0:
            wide = (0, missing), (0, 0)
            self._placed.labels, self._seen = np.pad(self._placed.labels, wide), np.pad(self._seen, wide)
        super().add(labels, scores, top - self._first, left)

    def release(self, row):
        """Releases the rows that no later tile can change, those more than `margin` rows above `row`.

        Args:
            row: smallest top of the tiles still to come, int; the height of the image if no tile follows.

        Returns:
            int32 `[rows, width]` with provisional ids: the rows that follow those of the previous call, possibly none.
        """
        count = row - self._first - (self._margin if row < self._height else 0)
        count = max(min(count, len(self._seen)), 0)
        gone = self._placed.labels[:count]
        self._placed.labels, self._seen = self._placed.labels[count:].copy(), self._seen[count:].copy()
        self._first += count
        shift = count * self._seen.shape[1]
        objects = self._placed.objects
        for number in list(objects):
            view = objects[number]
            left = view.pixels[view.pixels >= shift] - shift
            view.released += view.pixels.size - left.size
            view.pixels = left
            if not left.size:
                self._scores[number] = objects.pop(number).score
        return gone

    def finish(self):
        """Returns the final state of the provisional ids. Call it after the last rows were released.

        Returns:
            `(homes, scores)`. `homes` is int64 `[ids + 1]`: for each provisional id, the id of the object that it
            belongs to (often itself), or 0 if it was dropped. `scores` is {provisional id: score} of the objects.
        """
        homes = np.arange(self._placed.last_id + 1)
        homes[list(self._placed.homes)] = list(self._placed.homes.values())
        while not np.array_equal(homes[homes], homes):  # the id that it was merged into may itself have been merged
            homes = homes[homes]
        return homes, self._scores

    def _beyond(self, box):
        return box[0] + self._first > 0, box[1] + self._first < self._height
