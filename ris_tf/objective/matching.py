"""Hungarian matching: relaxed IoU between predicted and true masks, and the assignment of steps to objects."""

import numpy as np
import scipy.optimize
import tensorflow as tf


def relaxed_iou(masks, truth):
    """Relaxed IoU of every predicted mask with every true mask (poster, f_IoU).

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
    """Best one-to-one assignment of steps to objects, image by image, with SciPy's `linear_sum_assignment`.

    The first `rows[b]` steps are assigned to the first `columns[b]` objects without further restrictions. Every element
    of the smaller side gets a partner.

    Args:
      similarity: float [B, T, N]; its sum over the assigned pairs is maximised.
      rows: int [B], number of steps that take part, 0..T.
      columns: int [B], number of objects that take part, 0..N.

    Returns:
      float32 [B, T, N], 1 where step t is assigned to object n, else 0.
    """
    # SciPy refuses NaN. A loss that is NaN is reported by the training loop, with the names of the images.
    similarity, rows, columns = np.nan_to_num(similarity), np.asarray(rows), np.asarray(columns)
    assignment = np.zeros(similarity.shape, np.float32)
    for image, (t, n) in enumerate(zip(rows, columns, strict=True)):
        pairs = scipy.optimize.linear_sum_assignment(similarity[image, :t, :n], maximize=True)
        assignment[image][pairs] = 1.0
    return assignment


def match(similarity, rows, columns):
    """Runs `assign` on the host from a TensorFlow graph (poster: "matching"). The gradient treats it as a constant."""
    assignment = tf.py_function(assign, [tf.stop_gradient(similarity), rows, columns], tf.float32)
    assignment.set_shape(similarity.shape)
    return assignment


def match_in_graph(similarity, rows, columns):
    """Same as `assign`, for the whole batch at once, with TensorFlow operations only, so that XLA can compile it.

    The algorithm finds shortest augmenting paths with potentials, one path for each step (Jonker and Volgenant 1987, in
    the form of Crouse 2016, IEEE TAES 52(4), which SciPy uses). The problem is padded to a square. A pair that does not
    take part costs more than any pair that does, so every element of the smaller side gets a partner.

    Args:
      similarity: float32 [B, T, N], finite, with static T and N; its sum over the assigned pairs is maximised.
      rows: int32 [B], number of steps that take part, 0..T.
      columns: int32 [B], number of objects that take part, 0..N.

    Returns:
      float32 [B, T, N], 1 where step t is assigned to object n, else 0. The gradient treats it as a constant.
    """
    _, steps, objects = similarity.shape
    side = max(steps, objects)
    real = tf.range(side)[None, :, None] < rows[:, None, None]
    real &= tf.range(side)[None, None, :] < columns[:, None, None]  # [B, side, side]
    similarity = tf.pad(tf.stop_gradient(similarity), [[0, 0], [0, side - steps], [0, side - objects]])
    dearest = tf.reduce_max(tf.where(real, -similarity, -np.inf), axis=(1, 2), keepdims=True)
    cost = tf.where(real, -similarity, tf.where(tf.math.is_finite(dearest), dearest, 0.0) + 1.0)
    batch = tf.shape(cost)[0]
    state = (tf.constant(0), tf.zeros([batch, side]), tf.zeros([batch, side]), tf.fill([batch, side], -1))

    def augment(row, u, v, owner):
        u, v, owner = _augment(cost, row, u, v, owner)
        return row + 1, u, v, owner

    _, _, _, owner = tf.while_loop(lambda row, *_: row < side, augment, state, maximum_iterations=side)
    assignment = tf.transpose(tf.one_hot(owner, side), [0, 2, 1]) * tf.cast(real, tf.float32)
    return tf.stop_gradient(tf.ensure_shape(assignment[:, :steps, :objects], [None, steps, objects]))


def _augment(cost, row, u, v, owner):
    """Adds one row to a partial assignment along the cheapest augmenting path (Dijkstra on reduced costs).

    Args:
      cost: float32 [B, S, S].
      row: int32 scalar, the row to add.
      u, v: float32 [B, S], potentials of rows and columns.
      owner: int32 [B, S], the row to which each column is assigned, -1 for none.

    Returns:
      u, v, owner: the same after the row was added.
    """
    batch, side = tf.shape(cost)[0], cost.shape[1]
    column = tf.range(side)[None]

    def searching(_, done, *rest):
        return tf.reduce_any(~done)

    def scan(current, done, end, lowest, distance, before, visited):
        """Relaxes the edges of the row `current`, then moves to the nearest column that was not yet visited."""
        edges = tf.gather(cost, current, batch_dims=1) - tf.gather(u, current, batch_dims=1)[:, None] - v
        through = lowest[:, None] + edges
        better = (through < distance) & ~visited & ~done[:, None]
        distance = tf.where(better, through, distance)
        before = tf.where(better, current[:, None], before)
        open_distance = tf.where(visited, np.inf, distance)
        nearest = tf.argmin(open_distance, axis=1, output_type=tf.int32)
        lowest = tf.where(done, lowest, tf.reduce_min(open_distance, axis=1))
        visited |= (column == nearest[:, None]) & ~done[:, None]
        holder = tf.gather(owner, nearest, batch_dims=1)
        found = ~done & (holder < 0)
        end = tf.where(found, nearest, end)
        current = tf.where(done | found, current, holder)
        return current, done | found, end, lowest, distance, before, visited

    start = (
        tf.fill([batch], row),
        tf.zeros([batch], tf.bool),
        tf.zeros([batch], tf.int32),
        tf.zeros([batch]),
        tf.fill([batch, side], np.float32(np.inf)),
        tf.fill([batch, side], -1),
        tf.zeros([batch, side], tf.bool),
    )
    _, _, end, lowest, distance, before, visited = tf.while_loop(searching, scan, start, maximum_iterations=side)
    # Update the potentials: of the new row by the length of the path, of the visited columns and their rows by the
    # amount that they lie below this length.
    saved = tf.where(visited, lowest[:, None] - distance, 0.0)
    u += tf.cast(column == row, tf.float32) * lowest[:, None]
    held = tf.one_hot(owner, side) * saved[:, :, None]  # [B, column, row]; -1 gives zeros
    u, v = u + tf.reduce_sum(held, axis=1), v - saved

    def flip(at, more, owner):
        """Assigns the column `at` to the row that reached it, then moves to the column that this row held before."""
        here = (column == at[:, None]) & more[:, None]
        taker = tf.gather(before, at, batch_dims=1)
        held_before = tf.argmax(owner == taker[:, None], axis=1, output_type=tf.int32)
        owner = tf.where(here, taker[:, None], owner)
        return tf.where(more, held_before, at), more & (taker != row), owner

    begin = (end, tf.ones([batch], tf.bool), owner)
    _, _, owner = tf.while_loop(lambda at, more, owner: tf.reduce_any(more), flip, begin, maximum_iterations=side)
    return u, v, owner
