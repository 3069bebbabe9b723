"""Changes of a label map: adds objects and removes them. Objects that are there stay on top."""

import numpy as np


def next_id(labels):
    """The smallest id above all ids of a label map, integer [H, W]."""
    return int(labels.max(initial=0)) + 1


def free_pixels(labels, mask):
    """Where an object may be added: rows and columns, int [N] each, of the pixels of a mask that no object has.

    Args:
      labels: integer [H, W], 0 for background.
      mask: bool [H, W].
    """
    return np.nonzero(mask & (labels == 0))


def pixels_of(labels, row, column):
    """The pixels of the object at a place: rows and columns, int [N] each; empty on the background.

    Args:
      labels: integer [H, W], 0 for background.
      row, column: int; places outside the label map are background.
    """
    inside = 0 <= row < labels.shape[0] and 0 <= column < labels.shape[1]
    number = labels[row, column] if inside else 0
    return np.nonzero((labels == number) & (labels != 0))


def added(labels, found):
    """What found objects add to a label map. One that lies mostly on objects that are there is left out.

    Args:
      labels: integer [H, W], 0 for background.
      found: integer [H, W], the found objects, 1..n.

    Returns:
      pixels: rows and columns, int [N] each, where something is added.
      numbers: int32 [N], the object at each of them, 1..count.
      count: int.
    """
    free = np.where(labels == 0, found, 0)
    areas = np.bincount(found.ravel())
    kept = 2 * np.bincount(free.ravel(), minlength=len(areas)) > areas
    kept[0] = False
    numbers = np.where(kept, np.cumsum(kept), 0)[free]
    pixels = np.nonzero(numbers)
    return pixels, numbers[pixels].astype(np.int32), int(kept.sum())
