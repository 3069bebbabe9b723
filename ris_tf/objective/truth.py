"""True masks of a batch at the resolutions that the losses need."""

import functools

import numpy as np
import tensorflow as tf


def reduce_masks(masks, stride):
    """Reduces masks by area averaging: uint8 or float [B, N, H, W] -> float32 [B, N, H / stride, W / stride].

    TensorFlow's pooling of images with one channel takes several times as long on a CPU.
    """
    _, count, height, width = masks.shape
    rows = tf.reshape(tf.cast(masks, tf.float32), [-1, count, height // stride, stride, width])
    cells = tf.reshape(tf.reduce_mean(rows, axis=3), [-1, count, height // stride, width // stride, stride])
    return tf.reduce_mean(cells, axis=4)


def erode(masks):
    """Minimum of 3x3 pixels, of those inside the image at its border: float32 [B, N, h, w] -> the same shape."""
    for axis in (2, 3):
        masks = functools.reduce(tf.minimum, _shifted(masks, 1, axis, 1.0))
    return masks


def interiors(inside):
    """Core cells of each object, for objects of any size.

    These are the cells where a 5x5 average of the object reaches 0.75 of its own maximum.

    Args:
      inside: float32 [B, N, h, w] in [0, 1].

    Returns:
      float32 [B, N, h, w] of 0 and 1; every object that is not empty has at least one core cell.
    """
    blurred = inside
    for axis in (2, 3):
        blurred = tf.add_n(_shifted(blurred, 2, axis, 0.0))
    within = [[min(i + 3, n) - max(i - 2, 0) for i in range(n)] for n in inside.shape[2:]]  # cells inside the image
    blurred = blurred / np.outer(*within).astype(np.float32) * inside
    peak = tf.reduce_max(blurred, axis=(2, 3), keepdims=True)
    return tf.cast((blurred >= 0.75 * peak) & (peak > 0), tf.float32)


def _shifted(x, reach, axis, fill):
    """The tensor shifted by -reach to reach along an axis, with `fill` beyond its ends: list of tensors like x."""
    length = x.shape[axis]
    padded = tf.pad(x, [[reach, reach] if i == axis else [0, 0] for i in range(4)], constant_values=fill)
    return [padded[(slice(None),) * axis + (slice(i, i + length),)] for i in range(2 * reach + 1)]


def flatten(x):
    """[B, N, h, w] -> [B, N, h * w]."""
    return tf.reshape(x, [-1, x.shape[1], x.shape[2] * x.shape[3]])


class Truth:
    """True masks of a batch at the resolutions that the losses need.

    Args:
      masks: uint8 [B, N, H, W] of 0 and 1.
      count: int [B], number of objects.
      mask_stride: image pixels per mask pixel.
      attend: whether to compute the attributes that only the attend form needs.
      ignored: uint8 [B, H, W], 1 at pixels that are ignored; None for none.

    Attributes:
      count: int32 [B], number of objects.
      shape: (h, w), size of the masks at the mask stride.
      fine: float32 [B, N, P] in [0, 1], masks at the mask stride.
      known: float32 [B, 1, P] in [0, 1], share of each cell that is not ignored, at the mask stride.
      coarse: float32 [B, N, Q] in [0, 1], masks at the stride of the inhibition (attend form only).
      cores: float32 [B, N, Q] of 0 and 1, see `interiors` (attend form only).
      ignored: float32 [B, 1, Q], 1 in cells that are less than half known, else 0 (attend form only).
    """

    def __init__(self, masks, count, mask_stride, attend, ignored=None):
        fine = reduce_masks(masks, mask_stride)
        self.count = tf.cast(count, tf.int32)
        self.shape = fine.shape[2:4]
        self.fine = flatten(fine)
        ignored = tf.zeros_like(masks[:, 0]) if ignored is None else ignored
        known = 1.0 - reduce_masks(ignored[:, None], mask_stride)
        self.known = flatten(known)
        if attend:
            self.ignored = tf.cast(flatten(reduce_masks(known, 2)) < 0.5, tf.float32)
            coarse = tf.reshape(fine, [-1, *self.shape, 1])
            coarse = tf.nn.avg_pool2d(coarse, 2, 2, "VALID")
            coarse = tf.reshape(coarse, [-1, fine.shape[1], self.shape[0] // 2, self.shape[1] // 2])
            self.coarse, self.cores = flatten(coarse), flatten(interiors(coarse))

    def uncovered(self, coverage):
        """Finds the objects that are less than half covered: coverage [B, h, w, 1] -> float32 [B, N] of 0 and 1."""
        area = tf.reduce_sum(self.coarse, axis=2)
        covered = tf.einsum("bnp,bp->bn", self.coarse, tf.reshape(coverage, [-1, self.coarse.shape[2]]))
        return tf.cast((covered < 0.5 * area) & (area > 0), tf.float32)
