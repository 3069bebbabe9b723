"""Boxes of an image -> arrays of a given size, and masks back to pixels; NumPy only, as every runtime needs it.

An axis is resampled by a matrix: each cell averages what lies within its width, or, where cells are smaller than
pixels, within the width of one pixel, which is linear interpolation. The result is continuous in the box's place and
size.
"""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=64)  # all masks of one look have the same box
def axis_weights(start, length, inputs, outputs):
    """How cells along an axis average its pixels.

    Args:
      start, length: the span that the cells share equally, in pixels; it may reach beyond the axis, whose ends go on.
      inputs: number of pixels.
      outputs: number of cells.

    Returns:
      float32 [outputs, inputs], rows sum to 1; kept for the next call, so not to be written to.
    """
    width = max(length / outputs, 1.0)
    centres = start + (np.arange(outputs) + 0.5) * (length / outputs)
    low, high = centres[:, None] - width / 2, centres[:, None] + width / 2
    left, right = np.arange(inputs, dtype=float), np.arange(1.0, inputs + 1)
    left[0], right[-1] = -np.inf, np.inf
    overlap = np.minimum(high, right) - np.maximum(low, left)
    weights = (np.maximum(overlap, 0.0) / width).astype(np.float32)
    weights.flags.writeable = False
    return weights


def within(start, length, inputs, outputs):
    """Whether the centre of each cell lies on the axis: bool [outputs]; arguments as of `axis_weights`."""
    centres = start + (np.arange(outputs) + 0.5) * (length / outputs)
    return (centres >= 0) & (centres <= inputs)


def fitting_box(height, width, size):
    """The smallest box of the proportions of `size` that holds an image: (top, left, height, width), pixels.

    The image lies at its top left.
    """
    scale = max(height / size[0], width / size[1])
    return 0.0, 0.0, size[0] * scale, size[1] * scale


def pixels(start, length, inputs):
    """Slice of the pixels that a span takes, and one more on each side; at least one pixel, none beside the axis."""
    first = int(np.clip(math.floor(start) - 1, 0, inputs - 1))
    return slice(first, int(np.clip(math.ceil(start + length) + 1, first + 1, inputs)))


def sample(image, box, size, beside=None):
    """Resamples a box of an image.

    Args:
      image: float32 [H, W, C].
      box: (top, left, height, width), pixels; it may reach beyond the image.
      size: (height, width) of the result.
      beside: float [C], what lies beside the image; None for its edge going on.

    Returns:
      float32 [*size, C].
    """
    if tuple(box) == (0, 0, *size) and image.shape[:2] == tuple(size):
        return image[0 : size[0], 0 : size[1]]  # each cell is a pixel; what stands for an image gives an array
    spans = list(zip(box[:2], box[2:], image.shape[:2], size, strict=True))
    rows, columns = (pixels(*span[:3]) for span in spans)
    near = image[rows, columns]
    down, across = (
        (start - part.start, length, part.stop - part.start, cells)
        for (start, length, _, cells), part in zip(spans, (rows, columns), strict=True)
    )
    result = _averaged(np.ascontiguousarray(_averaged(near, down).swapaxes(0, 1)), across)  # [w, h, C]
    result = np.ascontiguousarray(result.swapaxes(0, 1))
    if beside is not None:
        inside = np.outer(*(within(*span) for span in spans))
        result = np.where(inside[..., None], result, np.float32(beside))
    return result


def _averaged(pixels, span):
    """Averages the rows of float32 [inputs, ...] as `axis_weights(*span)` says; only weights above 0 are touched."""
    firsts, weights = _axis_band(*span)
    result = np.zeros((len(firsts), *pixels.shape[1:]), np.float32)
    for offset in range(weights.shape[1]):
        result += weights[:, offset, None, None] * pixels[firsts + offset]
    return result


@functools.lru_cache(maxsize=64)
def _axis_band(*span):
    """The weights of an axis without their zeros: first pixel of each cell, int [outputs], and float32 [outputs, k]."""
    weights = axis_weights(*span)
    used = weights > 0
    firsts, counts = used.argmax(axis=1), used.sum(axis=1)
    width = counts.max()
    firsts = np.minimum(firsts, weights.shape[1] - width)
    return firsts, np.take_along_axis(weights, firsts[:, None] + np.arange(width), axis=1)


def place(mask, box, size):
    """Brings a mask made for a box of an image to the image's pixels; 0 outside the box.

    Args:
      mask: float32 [h, w].
      box: (top, left, height, width) of what the mask shows, pixels of the image.
      size: (height, width) of the image.

    Returns:
      float32 [*size].
    """
    rows, columns = _placing(mask.shape, box, size)
    return rows @ mask @ columns.T


def place_above(mask, box, size, threshold):
    """As `place`, but of the smallest window that holds all pixels above a threshold of at least 0.

    Returns:
      part: float32 [a, b]; and the window, two slices, of the `size` pixels that it is.
    """
    weights, window = _placing(mask.shape, box, size), []
    for axis, matrix in enumerate(weights):
        # A pixel is a mean of cells, so one of those that it is made of has to be above.
        made = np.flatnonzero(matrix @ (mask > threshold).any(axis=1 - axis))
        window.append(slice(int(made[0]), int(made[-1]) + 1) if made.size else slice(0, 0))
    rows, columns = (matrix[part] for matrix, part in zip(weights, window, strict=True))
    return rows @ mask @ columns.T, tuple(window)


def _placing(cells, box, size):
    """Matrices that bring a mask of `cells` to pixels: float32 [size[0], cells[0]] and [size[1], cells[1]]."""
    return tuple(_placing_axis(*span) for span in zip(box[:2], box[2:], cells, size, strict=True))


@functools.lru_cache(maxsize=64)
def _placing_axis(start, length, cells, pixels):
    span = (-start * cells / length, pixels * cells / length, cells, pixels)
    return axis_weights(*span) * within(*span)[:, None]
