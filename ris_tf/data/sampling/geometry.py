"""Geometric augmentations: the elements of `data.augment` that move pixels.

Each element changes one coordinate transform. Image and labels are then resampled only once.
"""

import functools
import math
from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.interpolate import BSpline

from ris_tf.data.sampling.draws import spread, uniform

SPACING = 32  # network pixels between the control points of the elastic element


class Move(NamedTuple):
    """Coordinate transform from the view to the image: `p -> matrix p + displacement[p]`.

    The point p is measured from the centre of the view, the result from the point of the image that lies there.

    Attributes:
      matrix: 2x2 nested tuple of float32 [], acts on (x, y).
      displacement: float32 [H, W, 2] in (x, y), image pixels; None without displacement.
      zoom: float32 [], network pixels per image pixel; applied by the element "scale".
    """

    matrix: tuple
    displacement: tf.Tensor | None
    zoom: tf.Tensor


def rotation(move, seed, config):
    """Rotates by a random angle within +- `data.rotation` degrees (0 or more)."""
    limit = config.data.rotation * math.pi / 180
    angle = uniform(seed, 1, -limit, limit)
    cos, sin = tf.cos(angle), tf.sin(angle)
    return move._replace(matrix=tuple((a * cos + b * sin, b * cos - a * sin) for a, b in move.matrix))


def flip(move, seed, config):
    """Swaps left and right with probability 0.5; has no config field."""
    del config
    sign = tf.where(uniform(seed, 2) < 0.5, -1.0, 1.0)
    return move._replace(matrix=tuple((a * sign, b) for a, b in move.matrix))


def flip_vertical(move, seed, config):
    """Swaps top and bottom with probability 0.5; has no config field."""
    del config
    sign = tf.where(uniform(seed, 12) < 0.5, -1.0, 1.0)
    return move._replace(matrix=tuple((a, b * sign) for a, b in move.matrix))


def scale(move, seed, config):
    """Scales by the zoom that `views.zoom` has drawn.

    The range of the zoom comes from `data.scale`, (low, high) above 0, or in the view "tiles" from `data.diameter`.
    """
    del seed, config
    bent = None if move.displacement is None else move.displacement / move.zoom
    return move._replace(matrix=tuple((a / move.zoom, b / move.zoom) for a, b in move.matrix), displacement=bent)


def elastic(move, seed, config):
    """Deforms by a cubic B-spline whose control points move by up to `data.elastic` network pixels along x and along y.

    Free-form deformation (Rueckert et al., IEEE TMI 18(8), 1999). The deformation cannot fold as long as control points
    move by less than 0.48 of their spacing (Choi and Lee, Graphical Models 62(6), 2000); therefore `data.elastic` is
    above 0 and at most 15. The limit for one sample is uniform from 0 to `data.elastic`.
    """
    size = config.model.size
    down, across = (_basis(length) for length in size)  # [H, M], [W, N]
    limit = uniform(seed, 10, 0.0, config.data.elastic)
    shape = [2, down.shape[1], across.shape[1]]
    points = tf.random.stateless_uniform(shape, spread(seed, 11), -1.0, 1.0) * limit
    field = tf.matmul(tf.matmul(down, points), across, transpose_b=True)  # [2, H, W]
    moved = tf.stack([a * field[0] + b * field[1] for a, b in move.matrix], axis=-1)
    return move._replace(displacement=moved if move.displacement is None else move.displacement + moved)


MOVES = {
    "rotation": rotation,
    "flip": flip,
    "flip_vertical": flip_vertical,
    "scale": scale,
    "elastic": elastic,
}


@functools.cache
def _basis(length):
    """Values of the cubic B-spline basis at each pixel along one side: float32 [length, number of control points]."""
    places = (np.arange(length) + 0.5) / SPACING
    knots = np.arange(-3, math.ceil(length / SPACING) + 4)
    return BSpline.design_matrix(places, knots, 3).toarray().astype(np.float32)


def sample_at(array, x, y, smooth, edge):
    """Samples an array at arbitrary points, like `tf.raw_ops.ImageProjectiveTransformV3` for a projective transform.

    Args:
      array: [h, w, C], float32 if `smooth`.
      x, y: float32 [H, W], pixel coordinates; (0, 0) is the centre of the first pixel.
      smooth: True for bilinear interpolation, False for nearest neighbour.
      edge: True to repeat the edge pixels outside the array, False for zeros.

    Returns:
      [H, W, C], same dtype as `array`.
    """
    rows, columns = tf.shape(array)[0], tf.shape(array)[1]
    flat = tf.reshape(array, [-1, array.shape[2]])

    def read(column, row):
        inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
        column, row = tf.clip_by_value(column, 0, columns - 1), tf.clip_by_value(row, 0, rows - 1)
        values = tf.gather(flat, row * columns + column)
        return values if edge else tf.where(inside[..., None], values, tf.zeros([], array.dtype))

    if not smooth:
        return read(tf.cast(tf.round(x), tf.int32), tf.cast(tf.round(y), tf.int32))
    left, top = tf.floor(x), tf.floor(y)
    right, below = (x - left)[..., None], (y - top)[..., None]  # weights of the next column and row
    column, row = tf.cast(left, tf.int32), tf.cast(top, tf.int32)
    upper = read(column, row) * (1 - right) + read(column + 1, row) * right
    lower = read(column, row + 1) * (1 - right) + read(column + 1, row + 1) * right
    return upper * (1 - below) + lower * below
