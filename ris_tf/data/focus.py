"""Crop box of the "focus" view: the part of an image that contains the objects, for a closer second look.

This module needs only NumPy.
"""

import math

import numpy as np

SHARE = 0.86  # share of the view's height or width that the box around all objects fills
LOST = 0.002  # share of the foreground that is left outside the box on each side, because it may be specks
LEAST = 1.0  # cells of foreground needed to count as an object


def object_box(labels):
    """Bounding box of all objects. On each side, a share LOST of their pixels may lie outside, as in `closer_box`.

    Args:
      labels: int [H, W]; greater than 0 inside objects.

    Returns:
      (top, left, bottom, right) in pixels; bottom and right are exclusive. The whole image if there is no object.
    """
    inside = labels > 0
    if not inside.any():
        return 0, 0, *labels.shape
    (top, bottom), (left, right) = (_span(inside.sum(axis)) for axis in (1, 0))
    return math.floor(top), math.floor(left), math.ceil(bottom), math.ceil(right)


def closer_box(foreground, box, image, size, closest):
    """Box for the closer look: encloses the predicted foreground and, where possible, stays inside the image.

    Args:
      foreground: float [h, w] in [0, 1], probability that a cell of `box` shows an object.
      box: (top, left, height, width) of the part of the image that the network has seen, in pixels.
      image: (height, width) of the image in pixels.
      size: (height, width) of the network's input; the returned box has the same aspect ratio.
      closest: network pixels per image pixel at most, unless the whole image is shown larger. Without a limit, a plant
        of 20 pixels would become a blur that resembles nothing the network was trained on.

    Returns:
      (top, left, height, width) in pixels; None if there is less foreground than LEAST.
    """
    found = np.maximum(2.0 * np.asarray(foreground, np.float64) - 1.0, 0.0)
    for axis, (cells, start, length, pixels) in enumerate(zip(found.shape, box[:2], box[2:], image, strict=True)):
        inside = np.clip((pixels - start) * cells / length - np.arange(cells), 0.0, 1.0)  # 0 for cells off the image
        found *= inside[:, None] if axis == 0 else inside
    if found.sum() < LEAST:
        return None
    spans = []
    for axis, (start, length) in enumerate(zip(box[:2], box[2:], strict=True)):
        cell = length / found.shape[axis]
        spans.append([start + cell * end for end in _span(found.sum(axis=1 - axis))])
    scale = max((end - start) / SHARE / cells for (start, end), cells in zip(spans, size, strict=True))
    scale = max(scale, 1 / closest)
    scale = min(scale, max(pixels / cells for pixels, cells in zip(image, size, strict=True)))
    lengths = [cells * scale for cells in size]
    starts = [
        float(np.clip((start + end - length) / 2, 0.0, max(0.0, pixels - length)))
        for (start, end), length, pixels in zip(spans, lengths, image, strict=True)
    ]
    return *starts, *lengths


def _span(found):
    """Start and end, in fractional cells, of the foreground along one axis, float [cells]; cuts off LOST per side."""
    share = found / found.sum()
    before = np.cumsum(share) - share
    return [float(np.clip((q - before) / np.maximum(share, 1e-9), 0.0, 1.0).sum()) for q in (LOST, 1 - LOST)]
