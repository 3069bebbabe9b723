"""Resampling: boxes of an image to arrays of a given size, and masks back to image pixels.

Each axis is resampled by a matrix. A cell is the average of the pixels within its width. If cells are smaller than
pixels, it is the average within the width of one pixel, which is linear interpolation. The result is continuous in the
position and size of the box. Uses only NumPy, because every runtime needs this module.
"""

import functools
import math

import numpy as np


@functools.lru_cache(maxsize=64)  # all masks of one look have the same box
def axis_weights(start, length, inputs, outputs):
    """Weights with which the cells along an axis average its pixels.

    Args:
      start, length: the span that is divided into equal cells, in pixels. It may extend beyond the axis, where the
        first and the last pixel are repeated.
      inputs: number of pixels.
      outputs: number of cells.

    Returns:
      float32 [outputs, inputs] whose rows sum to 1. The array is cached and therefore read-only.
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
    """Whether the centre of each cell lies on the axis: bool [outputs]. For the arguments, see `axis_weights`."""
    centres = start + (np.arange(outputs) + 0.5) * (length / outputs)
    return (centres >= 0) & (centres <= inputs)


def fitting_box(height, width, size):
    """The smallest box with the aspect ratio of `size` that contains an image: (top, left, height, width), pixels.

    The image lies in its top left corner.
    """
    scale = max(height / size[0], width / size[1])
    return 0.0, 0.0, size[0] * scale, size[1] * scale


def pixels(start, length, inputs):
    """Slice of the pixels that a span covers, and one more on each side. It lies on the axis and is never empty."""
    first = int(np.clip(math.floor(start) - 1, 0, inputs - 1))
    return slice(first, int(np.clip(math.ceil(start + length) + 1, first + 1, inputs)))


def sample(image, box, size, beside=None):
    """Resamples a box of an image.

    Args:
      image: float32 [H, W, C].
      box: (top, left, height, width), pixels; it may extend beyond the image.
      size: (height, width) of the result.
      beside: float [C], value outside the image; None to repeat the image's edge.

    Returns:
      float32 [*size, C].
    """
    if tuple(box) == (0, 0, *size) and image.shape[:2] == tuple(size):
        return image[0 : size[0], 0 : size[1]]  # each cell is a pixel; slicing turns image-like objects into arrays
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


def background(image, box):
    """The median colour of what a box shows of an image: float32 [C]; for the arguments, see `sample`.

    It is the colour to put outside the image. Any other, such as black, would turn an image of nothing but noise into
    a bright object, with the image's edge as its outline. None if the box lies within the image.
    """
    top, left, height, width = box
    if min(top, left) >= 0 and top + height <= image.shape[0] and left + width <= image.shape[1]:
        return None
    near = image[pixels(top, height, image.shape[0]), pixels(left, width, image.shape[1])]
    return np.median(near, axis=(0, 1))


def _averaged(pixels, span):
    """Averages float32 [inputs, ...] along axis 0 with `axis_weights(*span)`; weights of 0 are skipped."""
    firsts, weights = _axis_band(*span)
    result = np.zeros((len(firsts), *pixels.shape[1:]), np.float32)
    for offset in range(weights.shape[1]):
        result += weights[:, offset, None, None] * pixels[firsts + offset]
    return result


@functools.lru_cache(maxsize=64)
def _axis_band(*span):
    """`axis_weights` without zeros: first pixel of each cell, int [outputs], and its weights, float32 [outputs, k]."""
    weights = axis_weights(*span)
    used = weights > 0
    firsts, counts = used.argmax(axis=1), used.sum(axis=1)
    width = counts.max()
    firsts = np.minimum(firsts, weights.shape[1] - width)
    return firsts, np.take_along_axis(weights, firsts[:, None] + np.arange(width), axis=1)


def place(mask, box, size):
    """Resamples a mask of a box of an image to the pixels of the image; 0 outside the box.

    Args:
      mask: float32 [h, w].
      box: (top, left, height, width), the part of the image that the mask shows, in pixels of the image.
      size: (height, width) of the image.

    Returns:
      float32 [*size].
    """
    rows, columns = _placing(mask.shape, box, size)
    return rows @ mask @ columns.T


def place_above(mask, box, size, threshold):
    """Same as `place`, but only for a small window that contains all pixels above a threshold.

    Args:
      mask, box, size: see `place`.
      threshold: at least 0.

    Returns:
      part: float32 [a, b], the mask in the window.
      window: two slices of the image.
    """
    weights, window = _placing(mask.shape, box, size), []
    for axis, matrix in enumerate(weights):
        # A pixel is a mean of cells. It can only be above the threshold if one of these cells is.
        made = np.flatnonzero(matrix @ (mask > threshold).any(axis=1 - axis))
        window.append(slice(int(made[0]), int(made[-1]) + 1) if made.size else slice(0, 0))
    rows, columns = (matrix[part] for matrix, part in zip(weights, window, strict=True))
    return rows @ mask @ columns.T, tuple(window)


def _placing(cells, box, size):
    """Matrices that resample a mask of `cells` to pixels: float32 [size[0], cells[0]] and [size[1], cells[1]]."""
    return tuple(_placing_axis(*span) for span in zip(box[:2], box[2:], cells, size, strict=True))


@functools.lru_cache(maxsize=64)
def _placing_axis(start, length, cells, pixels):
    span = (-start * cells / length, pixels * cells / length, cells, pixels)
    return axis_weights(*span) * within(*span)[:, None]
