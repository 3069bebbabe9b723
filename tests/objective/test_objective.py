"""The whole loss against plain NumPy, for images with no, one, few and too many objects."""

import numpy as np
import pytest
import scipy.stats
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from ris_tf.configs import leaves_paper
from ris_tf.model import build
from ris_tf.network.unroll import unroll
from ris_tf.objective import losses, matching
from ris_tf.objective.comparison import Comparison, objective
from ris_tf.objective.forcing import TeacherForcing
from ris_tf.objective.rollout import Pass, Rollout
from ris_tf.objective.truth import Truth, interiors, reduce_masks


def squares(counts, limit, size):
    """uint8 [B, N, size, size]: separate squares."""
    masks = np.zeros([len(counts), limit, size, size], np.uint8)
    for b, count in enumerate(counts):
        for n in range(count):
            top, left = divmod(n, 3)
            masks[b, n, top * 20 + 2 : top * 20 + 18, left * 20 + 2 : left * 20 + 18] = 1
    return masks


def numpy_hungarian(masks, logits, truth, count, steps, extra, weight):
    """METHOD: -sum of matched IoU + weight * sum of BCE, over min(T, n + extra) steps, divided by their number."""
    taken = min(steps, count + extra)
    iou = np.zeros([steps, len(truth)])
    for t, n in np.ndindex(*iou.shape):
        inner = (masks[t] * truth[n]).sum()
        union = masks[t].sum() + truth[n].sum() - inner
        iou[t, n] = inner / union if union else 0
    k = min(steps, count)
    rows, columns = linear_sum_assignment(-iou[:k, :count])
    score = 1 / (1 + np.exp(-logits))
    bce = sum(-np.log(score[t] if t < count else 1 - score[t]) for t in range(taken))
    return (weight * bce - iou[rows, columns].sum()) / max(taken, 1)


def test_paper_loss_against_numpy():
    config = leaves_paper.get_config()
    config.model.size, config.model.steps = (60, 60), 5
    config.loss.score = 0.7
    model = build(config)
    counts = [0, 1, 3, 5, 8]
    masks = squares(counts, 9, 60)
    images = np.random.default_rng(0).random((5, 60, 60, 3)).astype(np.float32)
    terms = objective(model.form, {"image": images, "masks": masks, "count": np.int32(counts)}, config.loss, Pass(5))
    outputs = model(images)
    logits = np.log(outputs["scores"].numpy() / (1 - outputs["scores"].numpy() + 1e-12) + 1e-12)
    truth = masks.reshape(5, 9, 12, 5, 12, 5).mean(axis=(3, 5))
    for b, count in enumerate(counts):
        expected = numpy_hungarian(outputs["masks"].numpy()[b], logits[b], truth[b], count, 5, 1, 0.7)
        assert abs(float(terms["loss"][b]) - expected) < 2e-3 * max(1, abs(expected))
    assert float(terms["matched_iou"][0]) == 0


@pytest.mark.parametrize("target", ["count", "uncovered"])
def test_attend_loss_is_finite_and_has_gradients_at_every_count(small, target):
    small.loss.score_target = target
    model = build(small)
    masks = squares([0, 1, 4, 6], 6, 64)
    batch = {"image": tf.random.uniform([4, 64, 64, 3]), "masks": masks, "count": np.int32([0, 1, 4, 6])}
    with tf.GradientTape() as tape:
        terms = objective(model.form, batch, small.loss, Pass(4, forcing=0.5))
        loss = tf.reduce_mean(terms["loss"])
    gradients = tape.gradient(loss, model.trainable_variables)
    for name, term in terms.items():
        assert np.isfinite(term.numpy()).all(), name
    for variable, gradient in zip(model.trainable_variables, gradients, strict=True):
        assert gradient is not None and np.isfinite(np.asarray(gradient)).all(), variable.path
    total = terms["hungarian"] + sum(small.loss[n] * terms[n] for n in ("attention", "query", "auxiliary"))
    np.testing.assert_allclose(total, terms["loss"], rtol=1e-5)


def test_zero_weights_leave_only_the_published_loss(small):
    small.loss.update({"attention": 0.0, "query": 0.0, "auxiliary": 0.0})
    batch = {"image": tf.zeros([1, 64, 64, 3]), "masks": squares([2], 6, 64), "count": np.int32([2])}
    terms = objective(build(small).form, batch, small.loss, Pass(4))
    np.testing.assert_array_equal(terms["loss"], terms["hungarian"])


def test_hungarian_loss_by_hand():
    iou = np.zeros([1, 3, 2], np.float32)
    iou[0, 0, 1], iou[0, 1, 0] = 0.6, 0.8
    assignment = (iou > 0).astype(np.float32)
    logits = np.float32([[0.0, 2.0, -1.0]])
    loss = losses.hungarian_loss(iou, assignment, logits, np.float32([[1, 1, 0]]), np.ones([1, 3], np.float32), 0.5)
    bce = np.log(2) + np.log1p(np.exp(-2)) + np.log1p(np.exp(-1))
    np.testing.assert_allclose(loss, [(0.5 * bce - 1.4) / 3], rtol=1e-5)


def test_fuzzy_iou_is_the_relaxed_one_for_binary_truth_and_largest_at_the_truth_itself():
    rng = np.random.default_rng(0)
    predicted, binary = np.float32(rng.random((3, 50))), np.float32(rng.random((3, 50)) > 0.5)
    relaxed = matching.relaxed_iou(predicted[:, None], binary[:, None])[:, 0, 0]
    np.testing.assert_allclose(losses.fuzzy_iou(predicted, binary), relaxed, rtol=1e-5)
    partial = np.float32(rng.random((3, 50)))
    np.testing.assert_allclose(losses.fuzzy_iou(partial, partial), 1, rtol=1e-6)
    assert (losses.fuzzy_iou(partial, np.round(partial)).numpy() < 0.9).all()
    np.testing.assert_array_equal(losses.fuzzy_iou(np.zeros([2, 4]), np.zeros([2, 4])), 0)


def test_attention_loss_is_minus_log_mass():
    logits = np.float32([[[0.0, 1.0, 2.0], [3.0, 0.0, 0.0]]])
    allowed = np.float32([[[1, 0, 1], [0, 0, 0]]])
    probability = np.exp(logits[0, 0]) / np.exp(logits[0, 0]).sum()
    loss = losses.attention_loss(logits, allowed, np.ones([1, 2], np.float32))
    np.testing.assert_allclose(loss, [-np.log(probability[[0, 2]].sum())], rtol=1e-5)  # the second step has no object


def test_interiors_lie_inside_and_are_never_empty():
    masks = np.zeros([1, 3, 32, 32], np.float32)
    masks[0, 0, 4:28, 4:28] = 1
    masks[0, 1, 10, 10] = 0.4  # a speck
    cores = interiors(tf.constant(masks)).numpy()
    assert (cores[0] <= (masks[0] > 0)).all()
    assert cores[0, 0].sum() > 100 and cores[0, 0, 4, 4] == 0  # away from the corner
    assert cores[0, 1].sum() == 1 and cores[0, 2].sum() == 0


def test_covered_objects_are_told_from_open_ones():
    truth = Truth(squares([3], 4, 64), np.int32([3]), 2, True)
    coverage = np.zeros([1, 16, 16, 1], np.float32)
    coverage[0, :5, :5] = 1
    np.testing.assert_array_equal(truth.uncovered(coverage), [[0, 1, 1, 0]])


def test_forced_coverage_explains_one_object_a_step(small):
    """With the true mask always entering, each step leaves one object fewer; without, an untrained model's does not."""
    model = build(small)
    truth = Truth(squares([3, 1], 6, 64), np.int32([3, 1]), 2, True)
    images = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    _, outputs = unroll(model.form, images, 4, TeacherForcing(truth, 1.0, 0.0, (0, 0)))
    np.testing.assert_array_equal(outputs["uncovered"].numpy().sum(axis=2), [[3, 2, 1, 0], [1, 0, 0, 0]])
    _, outputs = unroll(model.form, images, 4, TeacherForcing(truth, 0.0, 0.0, (0, 0)))
    assert outputs["uncovered"].numpy().sum(axis=2).tolist() != [[3, 2, 1, 0], [1, 0, 0, 0]]


def test_a_pass_that_starts_midway_has_objects_left_in_every_number(small):
    """Any number of covered objects, from none to all, is equally likely in the given share of the samples."""
    model = build(small)
    images = np.zeros((200, 64, 64, 3), np.float32)
    truth = Truth(np.repeat(squares([3], 6, 64), 200, axis=0), np.full(200, 3), 2, True)
    _, outputs = unroll(model.form, images, 1, TeacherForcing(truth, 0.0, 0.8, (1, 2)))
    left = np.bincount(outputs["uncovered"][:, 0].numpy().sum(axis=1).astype(int), minlength=4)
    expected = np.float64([40, 40, 40, 40 + 40])  # a fifth starts at the beginning
    assert scipy.stats.chisquare(left, expected).pvalue > 0.01


def test_a_mask_of_an_object_covered_from_the_start_earns_nothing(small):
    """Two objects, both covered: no pair is matched, and the score learns that nothing is left."""
    model, count = build(small), np.int32([2] * 8)
    batch = {"image": np.zeros((8, 64, 64, 3), np.float32), "masks": np.repeat(squares([2], 6, 64), 8, axis=0)}
    truth = Truth(batch["masks"], count, 2, True)
    rollout = Rollout(model.form, batch["image"], truth, Pass(4, forcing=1.0, midway=1.0, seed=(0, 5)))
    compared = Comparison(rollout, truth, small.loss)
    left = compared.open.numpy().sum(axis=1)
    assert set(left) == {0, 1, 2}
    terms = compared.terms(matching.match(compared.similarity, compared.rows, compared.columns))
    np.testing.assert_array_equal(compared.targets.numpy().sum(axis=1), left)
    assert (terms["matched_iou"].numpy()[left == 0] == 0).all() and (terms["matched_iou"].numpy()[left > 0] > 0).all()
    bce = np.log1p(np.exp(rollout.outputs["score"].numpy()[left == 0, : small.loss.extra_steps])).mean(axis=1)
    np.testing.assert_allclose(terms["hungarian"].numpy()[left == 0], bce, rtol=1e-5)


def test_masks_are_reduced_by_area():
    masks = np.random.default_rng(0).integers(0, 2, (2, 3, 20, 30)).astype(np.uint8)
    np.testing.assert_allclose(reduce_masks(masks, 5), masks.reshape(2, 3, 4, 5, 6, 5).mean(axis=(3, 5)), atol=1e-6)
