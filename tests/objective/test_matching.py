"""The assignment against brute force, the relaxed IoU against its definition and closed-form gradient."""

import itertools

import numpy as np
import pytest
import tensorflow as tf

from ris_tf.objective import matching


def best_by_brute_force(similarity):
    t, n = similarity.shape
    if t < n:
        similarity, (t, n) = similarity.T, (n, t)
    choices = itertools.permutations(range(t), n)
    return max((sum(similarity[row, column] for column, row in enumerate(rows)) for rows in choices), default=0.0)


@pytest.mark.parametrize("seed", range(20))
def test_assignment_is_the_best_there_is(seed):
    rng = np.random.default_rng(seed)
    batch, steps, objects = 5, 6, 6
    similarity = rng.random((batch, steps, objects)).round(rng.integers(1, 4)).astype(np.float32)  # with ties
    rows, columns = rng.integers(0, steps + 1, batch), rng.integers(0, objects + 1, batch)
    assignment = tf.function(matching.match)(tf.constant(similarity), tf.constant(rows), tf.constant(columns)).numpy()
    for b in range(batch):
        t, n = rows[b], columns[b]
        assert assignment[b].sum() == min(t, n) and assignment[b, :t, :n].sum() == min(t, n)
        assert assignment[b].sum(axis=0).max() <= 1 and assignment[b].sum(axis=1).max() <= 1
        value = (assignment[b] * similarity[b]).sum()
        assert abs(value - best_by_brute_force(similarity[b, :t, :n])) < 1e-5


def test_relaxed_iou_against_definition():
    rng = np.random.default_rng(0)
    masks, truth = rng.random((2, 3, 50)).astype(np.float32), (rng.random((2, 4, 50)) > 0.6).astype(np.float32)
    truth[1, 2] = 0
    masks[1, 1] = 0
    iou = matching.relaxed_iou(masks, truth).numpy()
    for b, t, n in np.ndindex(2, 3, 4):
        inner = (masks[b, t] * truth[b, n]).sum()
        union = masks[b, t].sum() + truth[b, n].sum() - inner
        assert abs(iou[b, t, n] - (inner / union if union else 0)) < 1e-6


def test_gradient_of_relaxed_iou_has_its_closed_form():
    rng = np.random.default_rng(3)
    p = tf.constant(rng.random((1, 1, 40)), tf.float32)
    y = (rng.random((1, 1, 40)) > 0.5).astype(np.float32)
    with tf.GradientTape() as tape:
        tape.watch(p)
        loss = -matching.relaxed_iou(p, y)[0, 0, 0]
    inner = float((p.numpy() * y).sum())
    d = float(p.numpy().sum() + y.sum() - inner)
    np.testing.assert_allclose(tape.gradient(loss, p), -(d * y - (1 - y) * inner) / d**2, rtol=1e-4, atol=1e-7)


def test_matching_is_a_constant_for_the_gradient():
    similarity = tf.random.uniform([1, 3, 3])
    with tf.GradientTape() as tape:
        tape.watch(similarity)
        total = tf.reduce_sum(similarity * matching.match(similarity, [3], [3]))
    np.testing.assert_array_equal(tape.gradient(total, similarity), matching.assign(similarity, [3], [3]))


def test_graph_matcher_costs_what_scipy_does_on_10000_problems():
    """Ties, zeros, no step and no object included."""
    rng = np.random.default_rng(0)
    compiled = tf.function(matching.match_in_graph, jit_compile=True, reduce_retracing=False)
    shapes = [(5, 8), (20, 20), (7, 3), (1, 1)]
    for trial in range(40):
        steps, objects = shapes[trial % 4]
        similarity = rng.random((250, steps, objects)).astype(np.float32)
        similarity[50:100] = np.round(similarity[50:100] * 4) / 4  # ties
        similarity[100:150] *= rng.random((50, steps, objects)) < 0.3
        similarity[150:160] = 0.0
        rows = rng.integers(0, steps + 1, 250).astype(np.int32)
        columns = rng.integers(0, objects + 1, 250).astype(np.int32)
        rows[-5:] = 0
        ours = compiled(similarity, rows, columns).numpy()
        expected = matching.assign(similarity, rows, columns)
        np.testing.assert_allclose((ours * similarity).sum((1, 2)), (expected * similarity).sum((1, 2)), atol=1e-5)
        np.testing.assert_array_equal(ours.sum((1, 2)), np.minimum(rows, columns))
        assert ours.sum(1).max() <= 1 and ours.sum(2).max() <= 1
        inside = (np.arange(steps)[:, None] < rows[:, None, None]) & (np.arange(objects) < columns[:, None, None])
        assert not ours[~inside].any()
