"""Relaxed IoU between predicted and true masks, and the assignment of steps to objects."""

import numpy as np
import scipy.optimize
import tensorflow as tf


def relaxed_iou(masks, truth):
    """Relaxed IoU of every predicted with every true mask (poster, f_IoU).

        f(p, y) = <p, y> / (|p|_1 + |y|_1 - <p, y>)

    Args:
      masks: float32 [B, T, P] in [0, 1].
      truth: float32 [B, N, P] in [0, 1].

    Returns:
      float32 [B, T, N] in [0, 1]; 0 where both masks are empty.
    """
    intersection = tf.matmul(masks, truth, transpose_b=True)
    union = tf.reduce_sum(masks, -1)[:, :, None] + tf.reduce_sum(truth, -1)[:, None, :] - intersection
    return tf.math.divide_no_nan(intersection, union)


def assign(similarity, rows, columns):
    """Best one-to-one assignment of steps to objects, image by image, by SciPy's `linear_sum_assignment`.

    The first `rows[b]` steps freely choose among the first `columns[b]` objects; the smaller side is used up.

    Args:
      similarity: float [B, T, N]; its sum over the assigned pairs is maximised.
      rows: int [B], steps that take part, 0..T.
      columns: int [B], objects that take part, 0..N.

    Returns:
      float32 [B, T, N], 1 where step t is assigned to object n, else 0.
    """
    similarity, rows, columns = np.asarray(similarity), np.asarray(rows), np.asarray(columns)
    assignment = np.zeros(similarity.shape, np.float32)
    for image, (t, n) in enumerate(zip(rows, columns, strict=True)):
        pairs = scipy.optimize.linear_sum_assignment(similarity[image, :t, :n], maximize=True)
        assignment[image][pairs] = 1.0
    return assignment


def match(similarity, rows, columns):
    """`assign` inside a TensorFlow graph, on the host; a constant for the gradient (poster: "matching")."""
    assignment = tf.py_function(assign, [tf.stop_gradient(similarity), rows, columns], tf.float32)
    assignment.set_shape(similarity.shape)
    return assignment
