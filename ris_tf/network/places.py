"""Coordinates of the cells of a feature map, as tensors."""

import tensorflow as tf


def zeros_of(tensor):
    """Float32 zeros of the shape of a tensor, computed from it.

    What is computed from these zeros is not a constant. Exported files therefore store its formula instead of its
    values, and it takes the shape of a larger input.
    """
    return tf.stop_gradient(tf.nn.relu(-tf.abs(tf.cast(tensor, tf.float32))))


def zero_of(tensor):
    """A single zero of `zeros_of` for a tensor [B, H, W, C]."""
    return zeros_of(tensor[0, 0, 0, 0])


def cell_grid(height, width, stride, zero=0.0):
    """Centres of the cells of a `height` x `width` grid, in units of 32 image pixels.

    Args:
      height, width: size of the grid in cells, int.
      stride: image pixels per cell.
      zero: a zero from `zero_of`, if the grid must not be a constant.

    Returns:
      x, y: float32 [height * width] each, row by row.
    """
    unit = stride / 32.0
    x = (tf.range(width, dtype=tf.float32) + 0.5) * unit + zero
    y = (tf.range(height, dtype=tf.float32) + 0.5) * unit + zero
    grids = tf.broadcast_to(x, [height, width]), tf.broadcast_to(y[:, None], [height, width])
    return tuple(tf.reshape(grid, [-1]) for grid in grids)


def append_places(flat, *places):
    """Appends K values per position, the same for every image: float32 [B, P, F] and K times [P] -> [B, P, F + K]."""
    columns = tf.stack(places, axis=-1)
    return tf.concat([flat, tf.broadcast_to(columns, tf.concat([tf.shape(flat)[:2], [len(places)]], axis=0))], axis=-1)
