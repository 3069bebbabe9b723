"""The "focus" view: where in an image its objects are, so that the network may look closer. NumPy only."""

import math

import numpy as np

SHARE = 0.86  # of the view's height or width that all objects together take
LOST = 0.002  # of the foreground on each side may be specks, which are left outside
LEAST = 1.0  # cells of foreground that make an object


def object_box(labels):
    """Bounding box of all objects, but for specks: LOST of their pixels on each side, as in `closer_box`.

    Args:
      labels: int [H, W]; above 0 in objects.

    Returns:
      top, left, bottom, right, pixels, the ends excluded; the whole image if there is no object.
    """
    inside = labels > 0
    if not inside.any():
        return 0, 0, *labels.shape
    (top, bottom), (left, right) = (_span(inside.sum(axis)) for axis in (1, 0))
    return math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right)


def closer_box(foreground, box, image, size):
    """The part of an image to look at closely: a box around what is found, as far as the image goes.

    Args:
      foreground: float [h, w] in [0, 1], how likely a cell of `box` shows an object.
      box: (top, left, height, width) of what was looked at, pixels.
      image: (height, width) of the image, pixels.
      size: (height, width) of the network's input, whose proportions the result has.

    Returns:
      (top, left, height, width), pixels; None where there is nothing to see.
    """
    found = np.maximum(2.0 * np.asarray(foreground, np.float64) - 1.0, 0.0)
    for axis, (cells, start, length, pixels) in enumerate(zip(found.shape, box[:2], box[2:], image, strict=True)):
        inside = np.clip((pixels - start) * cells / length - np.arange(cells), 0.0, 1.0)  # what lies beside is no image
        found *= inside[:, None] if axis == 0 else inside
    if found.sum() < LEAST:
        return None
    spans = []
    for axis, (start, length) in enumerate(zip(box[:2], box[2:], strict=True)):
        cell = length / found.shape[axis]
        spans.append([start + cell * end for end in _span(found.sum(axis=1 - axis))])
    scale = max((end - start) / SHARE / cells for (start, end), cells in zip(spans, size, strict=True))
    scale = min(scale, max(pixels / cells for pixels, cells in zip(image, size, strict=True)))
    lengths = [cells * scale for cells in size]
    starts = [
        float(np.clip((start + end - length) / 2, 0.0, max(0.0, pixels - length)))
        for (start, end), length, pixels in zip(spans, lengths, image, strict=True)
    ]
    return *starts, *lengths


def _span(found):
    """Where what is found, float [cells], begins and ends, less LOST of it on each side: cells, the ends in part."""
    share = found / found.sum()
    before = np.cumsum(share) - share
    return [float(np.clip((q - before) / np.maximum(share, 1e-9), 0.0, 1.0).sum()) for q in (LOST, 1 - LOST)]
