"""Rules for merging the instances of overlapping tiles: which are the same object, and which view of it is kept.

How two instances are compared: a new tile shares some area with the tiles before it. Two views of one object agree in
this area. Therefore a new instance and an earlier object are *the same* if their IoU inside the shared area exceeds
0.3, or if more than half of one of them lies in the other. (Half of its *shared* pixels would not be enough: if an
object barely extends into the shared area, a neighbour's ragged outline can cover that much.)

Which view is kept: a view is *partial* if it touches a cut side of its tile, that is, a side that is not a side of the
whole image, or if most of the other view lies outside its own tile. For the same object:

  new      earlier   result
  whole    whole     the earlier one is kept
  partial  whole     the earlier one is kept
  whole    partial   the new one replaces every partial view that it explains
  partial  partial   their union: a large object grows from tile to tile

Two earlier objects are joined through a new partial view only if no tile saw both of them. If a tile saw two neighbours
as two objects, they stay two objects.
"""

import collections
import dataclasses

import numpy as np

SAME_IOU = 0.3  # in the shared area; low, because two views differ most near the sides of their tiles


@dataclasses.dataclass
class View:
    """An object on the canvas, or an instance of a tile that is about to be added."""

    pixels: np.ndarray  # int64 [area], indices into the flattened canvas
    score: float
    cut: bool  # touches a cut side of a tile it came from
    tiles: set  # numbers of the tiles it came from
    released: int = 0  # number of pixels in rows that a `Scroll` no longer holds

    @property
    def area(self):
        return self.pixels.size + self.released


@dataclasses.dataclass
class Pair:
    """A new instance and an earlier object that are the same."""

    new: int  # index among the tile's instances
    old: int  # id on the canvas
    inter: int  # number of pixels in common
    agree: bool  # whether they agree in the shared area; if not, one lies mostly in the other
    new_is_part: bool
    old_is_part: bool


def pair(index, new, number, old, inter, new_shared, old_shared):
    """Compares a new instance with an earlier object.

    Args:
        index, new: index of the new instance, and its View.
        number, old: id of the earlier object, and its View.
        inter: number of pixels in common.
        new_shared: number of pixels of the new instance in the area shared with earlier tiles.
        old_shared: number of pixels of the earlier object inside the new tile.

    Returns:
        Pair, or None if they are not the same.
    """
    agree = inter > SAME_IOU * (new_shared + old_shared - inter)
    if not agree and 2 * inter <= min(new.area, old.area):
        return None
    new_is_part = new.cut or old.area > 2 * old_shared
    old_is_part = old.cut or new.area > 2 * new_shared
    return Pair(index, number, inter, agree, new_is_part, old_is_part)


def judge(fresh, objects, pairs):
    """Decides each pair by the table at the top of this file.

    Args:
        fresh: list of View, the new instances.
        objects: {id: View}, the earlier objects.
        pairs: list of Pair.

    Returns:
        `(dropped, removed, joins)`: the set of indices of new instances to drop, the set of ids of earlier objects to
        remove, and the list of pairs of partial views to unite. No view in `joins` is dropped or removed.
    """
    dropped = {pair.new for pair in pairs if not pair.old_is_part}
    partial = [pair for pair in pairs if pair.new not in dropped]
    removed = {pair.old for pair in partial if pair.agree and not pair.new_is_part}
    explained = collections.Counter()
    for pair in (pair for pair in partial if not pair.new_is_part):
        explained[pair.old] += pair.inter
    # Pixels are counted over all new instances, so that two objects together can replace a cut view of both.
    removed |= {old for old, pixels in explained.items() if 2 * pixels > objects[old].area}
    for pair in partial:
        # A small whole instance inside a large partial object does not explain it; it is a fragment.
        fragment = not pair.new_is_part and 2 * pair.inter > fresh[pair.new].area
        if fragment and pair.old not in removed:
            dropped.add(pair.new)
    joins = [pair for pair in partial if pair.new_is_part and pair.new not in dropped and pair.old not in removed]
    return dropped, removed, joins


def unite(fresh, joins, placed, tile):
    """Unites partial views, beginning with the pairs that have most pixels in common.

    Args:
        fresh: list of View, the new instances.
        joins: list of Pair, see `judge`.
        placed: ObjectMap with the earlier objects. New views and other earlier objects are merged into them.
        tile: number of the tile.

    Returns:
        set of indices of the new instances that were united with an earlier object.
    """
    homes, moved = {}, {}  # index of new instance -> id; id -> id it was merged into
    for pair in sorted(joins, key=lambda pair: -pair.inter):
        old = pair.old
        while old in moved:
            old = moved[old]
        home = homes.get(pair.new)
        if home is None:
            if tile not in placed.objects[old].tiles:
                placed.absorb(old, fresh[pair.new])
                homes[pair.new] = old
        # Join only if no tile saw both. This also excludes home == old, which have the same tiles.
        elif not placed.objects[home].tiles & placed.objects[old].tiles:
            placed.absorb(home, placed.take(old, home))
            moved[old] = home
    return set(homes)
