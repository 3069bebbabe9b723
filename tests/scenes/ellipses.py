"""Label maps of ellipses, and the same with errors such as a network makes."""

import numpy as np
from scipy import ndimage


def ellipse(shape, row, column, a, b, angle=0.0):
    """Mask of an ellipse with semi-axes `a` and `b` in pixels, turned by `angle` in radians: bool [H, W]."""
    y, x = np.ogrid[: shape[0], : shape[1]]
    u = (x - column) * np.cos(angle) + (y - row) * np.sin(angle)
    v = (y - row) * np.cos(angle) - (x - column) * np.sin(angle)
    return (u / a) ** 2 + (v / b) ** 2 <= 1


def mosaic(rng, shape, count, smallest, largest, gap=0):
    """Label map of `count` ellipses that do not overlap.

    Args:
      rng: NumPy random generator.
      shape: (height, width), pixels.
      count: int.
      smallest, largest: limits of the diameters, pixels.
      gap: distance between two ellipses, about, pixels; with 0 they may touch.

    Returns:
      int32 [H, W], ids 1..count.
    """
    labels = np.zeros(shape, dtype=np.int32)
    placed = 0
    while placed < count:
        a, b = rng.uniform(smallest, largest, size=2) / 2
        reach = int(max(a, b)) + gap + 2
        row, column = (int(rng.integers(0, size)) for size in shape)
        top, left = max(row - reach, 0), max(column - reach, 0)
        window = labels[top : row + reach, left : column + reach]
        angle = rng.uniform(0, np.pi)
        mask = ellipse(window.shape, row - top, column - left, a, b, angle)
        room = ellipse(window.shape, row - top, column - left, a + gap, b + gap, angle)
        # An ellipse cut by the image border may be too thin to survive the erosion in `disturbed`.
        if not window[room].any() and mask.sum() >= 0.5 * np.pi * a * b:
            placed += 1
            window[mask] = placed
    return labels


def disturbed(rng, tile):
    """Imitates a network's output for a tile: objects eroded or dilated by a pixel, with random ids and scores.

    Args:
      rng: NumPy random generator.
      tile: int [H, W], label map.

    Returns:
      label map like `tile`, and scores, float32 [number of objects].
    """
    out = np.zeros_like(tile)
    ids = rng.permutation(np.unique(tile[tile > 0]))
    kept = 0
    for value in ids:
        mask = tile == value
        change = rng.integers(-1, 2)
        if change < 0:
            mask = ndimage.binary_erosion(mask)
        elif change > 0:
            mask |= ndimage.binary_dilation(mask) & ((tile == 0) | (rng.random(tile.shape) < 0.3))
        mask &= out == 0
        if mask.any():
            kept += 1
            out[mask] = kept
    return out, rng.uniform(0.5, 1.0, size=kept).astype(np.float32)
