"""Merges the instances of overlapping tiles of a large image into one result.

`Canvas` receives the instances of one tile after another. An object in the overlap of two tiles, or cut in two by a
seam, is counted once. The rules are in `stitching`. Uses only NumPy, because every runtime needs this module.
"""

import numpy as np

from ris_tf.inference import stitching
from ris_tf.inference.object_map import ObjectMap
from ris_tf.inference.stitching import View
from ris_tf.wording import counted

MARGIN = 2  # pixels, see `Canvas`


class Canvas:
    """A label map of the whole image that is filled tile by tile. The tiles may come in any order.

    Args:
        height: height of the whole image in pixels, int.
        width: width of the whole image in pixels, int.
        min_area: smallest number of pixels of an object that is added, int.
        margin: an instance touches a side if it comes closer than this many pixels, int >= 1. Masks often end a pixel
            before the side that cuts them. It is harmless to treat a whole object as cut, but treating a cut object as
            whole can lose the better view of it.
    """

    def __init__(self, height, width, min_area=1, margin=MARGIN):
        self._placed = ObjectMap(height, width, min_area)
        self._seen = np.zeros((height, width), dtype=bool)
        self._tiles = 0
        self._margin = margin

    def add(self, labels, scores, top, left):
        """Adds the instances of one tile to the canvas.

        Args:
            labels: integer `[h, w]`, 0 for background, 1..n for the tile's instances.
            scores: float `[n]` in [0, 1]; `scores[i]` belongs to label `i + 1`.
            top: row of the canvas at which the tile begins, int; may be negative.
            left: column of the canvas at which the tile begins, int; may be negative.
                Pixels outside the canvas (padding) are ignored.

        Raises:
            ValueError: the labels are not two-dimensional, or a label has no score.
        """
        labels, scores = np.asarray(labels), np.asarray(scores)
        if labels.ndim != 2 or (labels.size and labels.max() > len(scores)):
            received = f"shape {labels.shape}, largest id {labels.max(initial=0)}, {counted(len(scores), 'score')}"
            raise ValueError(f"labels must be [h, w] with ids 1..len(scores). Received: {received}")
        height, width = self._seen.shape
        labels = labels[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
        top, left = max(top, 0), max(left, 0)
        if not labels.size:
            return
        box = (top, top + labels.shape[0], left, left + labels.shape[1])
        window = np.s_[box[0] : box[1], box[2] : box[3]]

        fresh, inside = self._views(labels, scores, box), self._placed.inside(window)
        pairs = self._pairs(fresh, inside)
        dropped, removed, joins = stitching.judge(fresh, self._placed.objects, pairs)
        unpaired = set(range(len(fresh))) - {pair.new for pair in pairs}
        dropped |= {index for index in unpaired if self._is_stray(fresh[index])}
        unpaired = inside.keys() - {pair.old for pair in pairs}
        removed |= {number for number in unpaired if self._is_stray_in(number, inside[number], labels, box)}

        for number in removed:
            self._placed.take(number)
        joined = stitching.unite(fresh, joins, self._placed, self._tiles)
        for index, view in enumerate(fresh):
            if index not in dropped and index not in joined:
                self._placed.place(view)
        self._seen[window] = True
        self._tiles += 1

    def instances(self):
        """Returns the objects on the canvas as `Instances`, in the reading order of their first pixels."""
        return self._placed.instances()

    def _views(self, labels, scores, box):
        """Returns the tile's instances as Views, in the order of their ids; ids without pixels are skipped."""
        rows, columns = np.nonzero(labels)
        values = labels[rows, columns]
        pixels = (rows + box[0]) * self._seen.shape[1] + columns + box[2]
        order = np.argsort(values, kind="stable")
        ids, starts = np.unique(values[order], return_index=True)
        views = []
        for value, part in zip(ids, np.split(pixels[order], starts[1:]), strict=False):
            cut = self._touches_cut_side(part, box)
            views.append(View(part, float(scores[value - 1]), cut, {self._tiles}))
        return views

    def _touches_cut_side(self, pixels, box):
        width = self._seen.shape[1]
        rows, columns = np.divmod(pixels, width)
        above, below = self._beyond(box)
        top, bottom, left, right = box
        return bool(
            (above and rows.min() < top + self._margin)
            or (below and rows.max() >= bottom - self._margin)
            or (left > 0 and columns.min() < left + self._margin)
            or (right < width and columns.max() >= right - self._margin)
        )

    def _beyond(self, box):
        """Whether the image continues above and below a box."""
        return box[0] > 0, box[1] < self._seen.shape[0]

    def _pairs(self, fresh, inside):
        """Pairs every new instance with every earlier object that is the same.

        Args:
            fresh: list of View, the new instances.
            inside: {id of an earlier object: number of its pixels inside the tile}.

        Returns:
            list of Pair.
        """
        found = []
        for index, new in enumerate(fresh):
            shared = int(np.count_nonzero(self._seen.flat[new.pixels]))
            for number, inter in self._placed.below(new).items():
                old = self._placed.objects[number]
                found.append(stitching.pair(index, new, number, old, inter, shared, inside[number]))
        return [pair for pair in found if pair]

    def _is_stray(self, view):
        """Whether a cut instance without a partner is only the rim of a known object.

        This is so if earlier tiles saw the instance and everything around it, and added an object that overlaps or
        touches it.
        """
        if not view.cut:
            return False
        near = self._grown(view.pixels)
        return bool(self._seen.flat[near].all() and self._placed.labels.flat[near].any())

    def _is_stray_in(self, number, inside, labels, box):
        """Same as `_is_stray` for an earlier cut object and a new tile that sees everything around it."""
        view = self._placed.objects[number]
        if not view.cut or inside != view.area or self._touches_cut_side(view.pixels, box):
            return False
        rows, columns = np.divmod(self._grown(view.pixels), self._seen.shape[1])
        return bool(labels[rows - box[0], columns - box[2]].any())

    def _grown(self, pixels):
        """Dilates pixels by a square of `margin` pixels on each side, within the canvas; the result has duplicates."""
        height, width = self._seen.shape
        rows, columns = np.divmod(pixels, width)
        reach = np.arange(-self._margin, self._margin + 1)
        rows = np.clip(rows[:, None] + reach, 0, height - 1)  # [area, 2 * margin + 1]
        columns = np.clip(columns[:, None] + reach, 0, width - 1)
        return (rows[:, :, None] * width + columns[:, None, :]).ravel()
