"""The "focus" view: where in an image its objects are, so that the network may look closer. NumPy only."""

import math

import numpy as np

SHARE = 0.86  # of the view's height or width that all objects together take
_LOST = 0.002  # of the foreground on each side may be specks, which are left outside


def object_box(labels):
    """Bounding box of all objects.

    Args:
      labels: int [H, W].

    Returns:
      top, left, bottom, right, pixels, the ends excluded; the whole image if there is no object.
    """
    rows, columns = np.flatnonzero(labels.any(axis=1)), np.flatnonzero(labels.any(axis=0))
    if not rows.size:
        return 0, 0, *labels.shape
    return int(rows[0]), int(columns[0]), int(rows[-1]) + 1, int(columns[-1]) + 1


def window(foreground, size):
    """The part of an image to look at closely: a square around what is found, as far as the image goes.

    Args:
      foreground: float [h, w] in [0, 1], how likely a cell of the image shows an object.
      size: (height, width) of the image, pixels.

    Returns:
      (slice of rows, slice of columns), or None where there is nothing to see.
    """
    found = np.where(foreground > 0.5, foreground, 0.0)
    if not found.any():
        return None
    spans = []
    for axis, length in enumerate(size):
        share = np.cumsum(found.sum(axis=1 - axis)) / found.sum()
        cell = length / len(share)
        spans.append((np.searchsorted(share, _LOST) * cell, (np.searchsorted(share, 1 - _LOST) + 1) * cell))
    side = max(end - start for start, end in spans) / SHARE
    parts = []
    for (start, end), length in zip(spans, size, strict=True):
        first = int(np.clip((start + end - side) / 2, 0, max(0, length - side)))
        parts.append(slice(first, min(length, math.ceil(first + side))))
    return tuple(parts)
