"""A label map whose objects can be added, removed and enlarged."""

import dataclasses

import numpy as np

from ris_tf.instances.labels import Instances


class ObjectMap:
    """A label map and the objects on it. No pixel belongs to two objects.

    Args:
        height, width: size of the map in pixels, int.
        min_area: smallest number of pixels of an object that is added, int.

    Attributes:
        labels: int32 `[height, width]`, 0 for background, else the id of an object.
        objects: {id: View}.
        last_id: highest id used so far, int.
    """

    def __init__(self, height, width, min_area=1):
        self.labels = np.zeros((height, width), dtype=np.int32)
        self.objects = {}
        self.last_id = 0
        self._min_area = min_area

    def inside(self, window):
        """Objects in a window (two slices): {id: number of its pixels there}."""
        return _counted(self.labels[window])

    def below(self, view):
        """Objects under the pixels of a view: {id: number of pixels in common}."""
        return _counted(self.labels.flat[view.pixels])

    def place(self, view):
        """Adds a new object on its free pixels, unless these are less than half of it or fewer than `min_area`."""
        free = self._free(view)
        if 2 * free.size < view.area or free.size < self._min_area:
            return
        self.last_id += 1
        self.labels.flat[free] = self.last_id
        self.objects[self.last_id] = dataclasses.replace(view, pixels=free)

    def take(self, number, home=None):
        """Removes an object from the map, for good or in order to merge it into the object `home`; returns its View."""
        view = self.objects.pop(number)
        self.labels.flat[view.pixels] = 0
        return view

    def absorb(self, number, view):
        """Adds the free pixels of another view of an object to it; the object counts as cut, so it may still grow."""
        target, free = self.objects[number], self._free(view)
        self.labels.flat[free] = number
        target.pixels = np.concatenate([target.pixels, free])
        target.score = max(target.score, view.score)
        target.cut = True
        target.tiles |= view.tiles
        target.released += view.released

    def instances(self):
        """Returns the objects on the map as `Instances`, in the reading order of their first pixels."""
        views = sorted(self.objects.values(), key=lambda view: view.pixels.min())
        labels = np.zeros_like(self.labels)
        for index, view in enumerate(views):
            labels.flat[view.pixels] = index + 1
        return Instances(labels, np.array([view.score for view in views], dtype=np.float32))

    def _free(self, view):
        return view.pixels[self.labels.flat[view.pixels] == 0]


def _counted(labels):
    ids, counts = np.unique(labels, return_counts=True)
    return {number: count for number, count in zip(ids.tolist(), counts.tolist(), strict=True) if number}
