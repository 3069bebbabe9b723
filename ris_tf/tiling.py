"""A large image goes through the network in overlapping tiles; this file makes one result of them.

`tile_grid` places the tiles. `Canvas` joins their instances, so that an object in the overlap of
two tiles, or cut in two by a seam, is counted once. NumPy only: it serves every runtime.

How two instances are compared. A new tile shares some area with the tiles before it. Two views of
one object agree there, so a new instance and an earlier object are *the same* if, inside the
shared area, their IoU exceeds 0.3, or if more than half of one of them lies in the other. (Half of
its *shared* pixels would not do: of an object that barely reaches into the shared area, a
neighbour's ragged outline can cover that much.)

Which view is kept. A view is *partial* if it touches a cut side of its tile, that is, a side which
is not a side of the whole image, or if most of the other view lies where its own tile could not
look. Then, for the same object:

  new      earlier   result
  whole    whole     the earlier one stays
  partial  whole     the earlier one stays
  whole    partial   the new one replaces every partial view that it explains
  partial  partial   their union: a large object grows from tile to tile

Two earlier objects are joined through a new partial view only if no tile saw both of them: a tile
that looked at two neighbours and told them apart is believed.
"""

import collections
import dataclasses

import numpy as np

from ris_tf.errors import UsageError
from ris_tf.labels import Instances

MARGIN = 2  # pixels, see `Canvas`
SAME_IOU = 0.3  # in the shared area; two views differ most near the sides of their tiles


def tile_grid(length, tile, overlap):
    """Places windows along one axis.

    Args:
        length: pixels to cover, int >= 1.
        tile: pixels of a window, int >= 1.
        overlap: pixels that neighbours share at least, int in [0, tile).

    Returns:
        list of int, ascending starts, evenly spread, as few as will do. The first is 0 and the
        last window ends at `length`; `[0]` if one window covers everything.

    Raises:
        UsageError: the overlap does not fit the tile, or a size is not positive.
    """
    if length < 1 or tile < 1:
        raise UsageError(f"length and tile must be at least 1. Received: {length} and {tile}")
    if not 0 <= overlap < tile:
        raise UsageError(f"overlap must be at least 0 and smaller than the tile ({tile}). Received: {overlap}")
    if tile >= length:
        return [0]
    gaps = -(-(length - tile) // (tile - overlap))  # rounded up
    return [index * (length - tile) // gaps for index in range(gaps + 1)]


@dataclasses.dataclass
class _View:
    """An object on the canvas, or an instance of a tile on its way there."""

    pixels: np.ndarray  # int64 [area], indices into the flattened canvas
    score: float
    cut: bool  # touches a cut side of a tile it came from
    tiles: set  # numbers of the tiles it came from
    released: int = 0  # pixels in rows that a `Scroll` no longer holds

    @property
    def area(self):
        return self.pixels.size + self.released


@dataclasses.dataclass
class _Pair:
    """A new instance and an earlier object that are the same."""

    new: int  # index among the tile's instances
    old: int  # id on the canvas
    inter: int  # pixels in common
    agree: bool  # in the shared area; if not, one lies mostly in the other
    new_is_part: bool
    old_is_part: bool


class Canvas:
    """One label map that grows tile by tile, in any order of the tiles.

    Args:
        height: pixels of the whole image, int.
        width: pixels of the whole image, int.
        min_area: least pixels of an object that is put down, int.
        margin: an instance touches a side if it comes closer than this many pixels, int >= 1.
            Masks often end a pixel before the side that cuts them. Taking a whole object for a
            cut one is harmless; the reverse can lose its better view.
    """

    def __init__(self, height, width, min_area=1, margin=MARGIN):
        self._labels = np.zeros((height, width), dtype=np.int32)
        self._seen = np.zeros((height, width), dtype=bool)
        self._objects = {}  # id on the canvas -> _View
        self._last_id = 0
        self._tiles = 0
        self._min_area = min_area
        self._margin = margin

    def add(self, labels, scores, top, left):
        """Puts the instances of one tile on the canvas.

        Args:
            labels: integer `[h, w]`, 0 background, 1..n the tile's instances.
            scores: float `[n]` in [0, 1]; `scores[i]` belongs to label `i + 1`.
            top: row of the tile's first row on the canvas, int; may be negative.
            left: column of the tile's first column on the canvas, int; may be negative.
                Whatever falls outside the canvas (padding) is left out.

        Raises:
            ValueError: a label has no score.
        """
        labels, scores = np.asarray(labels), np.asarray(scores)
        if labels.ndim != 2 or (labels.size and labels.max() > len(scores)):
            received = f"shape {labels.shape}, largest id {labels.max(initial=0)}, {len(scores)} scores"
            raise ValueError(f"labels must be [h, w] with ids 1..len(scores). Received: {received}")
        height, width = self._labels.shape
        labels = labels[max(-top, 0) : max(height - top, 0), max(-left, 0) : max(width - left, 0)]
        top, left = max(top, 0), max(left, 0)
        if not labels.size:
            return
        box = (top, top + labels.shape[0], left, left + labels.shape[1])
        window = np.s_[box[0] : box[1], box[2] : box[3]]

        fresh = self._views(labels, scores, box)
        ids, counts = np.unique(self._labels[window], return_counts=True)
        inside = {int(old): int(count) for old, count in zip(ids, counts, strict=True) if old}
        pairs = [pair for index in range(len(fresh)) for pair in self._same(index, fresh, inside)]

        dropped, removed, joins = self._judge(fresh, pairs)
        paired_new, paired_old = {pair.new for pair in pairs}, {pair.old for pair in pairs}
        for index, view in enumerate(fresh):
            if view.cut and index not in paired_new and self._is_stray(view):
                dropped.add(index)
        for old, count in inside.items():
            view = self._objects[old]
            unpaired = view.cut and old not in paired_old and count == view.area
            if unpaired and self._is_stray_in(view, labels, box):
                removed.add(old)

        for old in removed:
            self._take(old)
        joined = self._join(fresh, joins)
        for index, view in enumerate(fresh):
            if index not in dropped and index not in joined:
                self._place(view)
        self._seen[window] = True
        self._tiles += 1

    def instances(self):
        """Returns what is on the canvas as `Instances`, in the reading order of their first pixels."""
        views = sorted(self._objects.values(), key=lambda view: view.pixels.min())
        labels = np.zeros_like(self._labels)
        for index, view in enumerate(views):
            labels.flat[view.pixels] = index + 1
        return Instances(labels, np.array([view.score for view in views], dtype=np.float32))

    def _views(self, labels, scores, box):
        """The tile's instances as `_View`s, in the order of their ids; ids without pixels skip."""
        rows, columns = np.nonzero(labels)
        values = labels[rows, columns]
        pixels = (rows + box[0]) * self._labels.shape[1] + columns + box[2]
        order = np.argsort(values, kind="stable")
        ids, starts = np.unique(values[order], return_index=True)
        views = []
        for value, part in zip(ids, np.split(pixels[order], starts[1:]), strict=False):
            cut = self._touches_cut_side(part, box)
            views.append(_View(part, float(scores[value - 1]), cut, {self._tiles}))
        return views

    def _touches_cut_side(self, pixels, box):
        rows, columns = np.divmod(pixels, self._labels.shape[1])
        above, below = self._beyond(box)
        width = self._labels.shape[1]
        top, bottom, left, right = box
        return bool(
            (above and rows.min() < top + self._margin)
            or (below and rows.max() >= bottom - self._margin)
            or (left > 0 and columns.min() < left + self._margin)
            or (right < width and columns.max() >= right - self._margin)
        )

    def _beyond(self, box):
        """Whether the image goes on above and below a box."""
        return box[0] > 0, box[1] < self._labels.shape[0]

    def _same(self, index, fresh, inside):
        """Yields a `_Pair` for each earlier object that is the same as one new instance.

        `inside` is {id of an earlier object: its pixels inside the tile}.
        """
        new = fresh[index]
        below = self._labels.flat[new.pixels]
        new_shared = int(np.count_nonzero(self._seen.flat[new.pixels]))
        ids, counts = np.unique(below[below > 0], return_counts=True)
        for old_id, inter in zip(ids.tolist(), counts.tolist(), strict=True):
            old, old_shared = self._objects[old_id], inside[old_id]
            agree = inter > SAME_IOU * (new_shared + old_shared - inter)
            if agree or 2 * inter > min(new.area, old.area):
                new_is_part = new.cut or old.area > 2 * old_shared
                old_is_part = old.cut or new.area > 2 * new_shared
                yield _Pair(index, old_id, inter, agree, new_is_part, old_is_part)

    def _judge(self, fresh, pairs):
        """Decides each pair by the table at the top of this file.

        Returns:
            `(dropped, removed, joins)`: set of indices of new instances, set of ids of earlier
            objects, and the list of pairs of partial views, of which neither is dropped or removed.
        """
        dropped = {pair.new for pair in pairs if not pair.old_is_part}
        partial = [pair for pair in pairs if pair.new not in dropped]
        removed = {pair.old for pair in partial if pair.agree and not pair.new_is_part}
        explained = collections.Counter()
        for pair in (pair for pair in partial if not pair.new_is_part):
            explained[pair.old] += pair.inter
        # Counted over all new instances: a cut view of two objects gives way to both together.
        removed |= {old for old, pixels in explained.items() if 2 * pixels > self._objects[old].area}
        for pair in partial:
            # A small whole instance inside a large partial object does not explain it: a fragment.
            fragment = not pair.new_is_part and 2 * pair.inter > fresh[pair.new].area
            if fragment and pair.old not in removed:
                dropped.add(pair.new)
        joins = [pair for pair in partial if pair.new_is_part and pair.new not in dropped and pair.old not in removed]
        return dropped, removed, joins

    def _is_stray(self, view):
        """Whether a cut instance that is nothing known is the rim of an object known already.

        Earlier tiles saw it and all around it, and put down something that overlaps or touches it.
        """
        near = self._grown(view.pixels)
        return bool(self._seen.flat[near].all() and self._labels.flat[near].any())

    def _is_stray_in(self, view, labels, box):
        """The same the other way round: a cut object, and a tile that sees all around it."""
        if self._touches_cut_side(view.pixels, box):
            return False
        rows, columns = np.divmod(self._grown(view.pixels), self._labels.shape[1])
        return bool(labels[rows - box[0], columns - box[2]].any())

    def _grown(self, pixels):
        """The pixels within `margin` of the given ones, in squares, on the canvas; with repeats."""
        height, width = self._labels.shape
        rows, columns = np.divmod(pixels, width)
        reach = np.arange(-self._margin, self._margin + 1)
        rows = np.clip(rows[:, None] + reach, 0, height - 1)  # [area, 2 * margin + 1]
        columns = np.clip(columns[:, None] + reach, 0, width - 1)
        return (rows[:, :, None] * width + columns[:, None, :]).ravel()

    def _join(self, fresh, joins):
        """Unites partial views, most common pixels first; returns the indices of those new ones it used."""
        homes, moved = {}, {}  # index of the new instance -> id; id -> id that took it in
        for pair in sorted(joins, key=lambda pair: -pair.inter):
            old = pair.old
            while old in moved:
                old = moved[old]
            home = homes.get(pair.new)
            if home is None:
                if self._tiles not in self._objects[old].tiles:
                    self._absorb(old, fresh[pair.new])
                    homes[pair.new] = old
            # Only if no tile saw both; an object shares its tiles with itself.
            elif not self._objects[home].tiles & self._objects[old].tiles:
                self._absorb(home, self._take(old, home))
                moved[old] = home
        return set(homes)

    def _absorb(self, old, view):
        """Gives an object the free pixels of another view of it; it may still grow."""
        target = self._objects[old]
        free = view.pixels[self._labels.flat[view.pixels] == 0]
        self._labels.flat[free] = old
        target.pixels = np.concatenate([target.pixels, free])
        target.score = max(target.score, view.score)
        target.cut = True
        target.tiles |= view.tiles
        target.released += view.released

    def _take(self, old, home=None):
        """Takes an object off the canvas, for good or to give it to another, `home`; returns its view."""
        view = self._objects.pop(old)
        self._labels.flat[view.pixels] = 0
        return view

    def _place(self, view):
        """Puts a new object on free pixels; not if less than half of it is left, or too little."""
        free = view.pixels[self._labels.flat[view.pixels] == 0]
        if 2 * free.size < view.area or free.size < self._min_area:
            return
        self._last_id += 1
        self._labels.flat[free] = self._last_id
        self._objects[self._last_id] = dataclasses.replace(view, pixels=free)
