"""Metrics, compared with cases computed by hand, with sets of pixels, and with brute force over all matchings."""

import itertools
import json

import numpy as np
import pytest

from ris_tf.evaluation import metrics, overlaps

SEEDS = range(25)


def random_labels(rng, shape=(24, 31), most=6):
    """Label map of up to `most` rectangles painted over one another, ids with gaps."""
    labels = np.zeros(shape, dtype=np.int32)
    for index in range(rng.integers(0, most + 1)):
        top, left = rng.integers(0, shape[0] - 4), rng.integers(0, shape[1] - 4)
        height, width = rng.integers(2, 15, size=2)
        labels[top : top + height, left : left + width] = 3 * index + 2
    return labels


def related_labels(rng):
    """A pair of similar label maps, so that high IoU values occur too."""
    truth = random_labels(rng)
    pred = np.roll(truth, rng.integers(-2, 3, size=2), axis=(0, 1))
    if rng.random() < 0.5:
        pred[:, rng.integers(0, pred.shape[1]) :] += 50 * (pred[:, -1:] > 0)
    extra = random_labels(rng, most=1)
    return truth, np.where(extra > 0, 99, pred)


def pixel_sets(labels):
    """{id: set of (row, column)} in plain Python, ascending ids."""
    sets = {}
    for row, line in enumerate(labels.tolist()):
        for column, value in enumerate(line):
            if value:
                sets.setdefault(value, set()).add((row, column))
    return [sets[value] for value in sorted(sets)]


def dice_of_sets(a, b):
    return 2 * len(a & b) / (len(a) + len(b))


def iou_of_sets(a, b):
    return len(a & b) / len(a | b)


def most_pairs(allowed):
    """Largest one-to-one matching, by trying every permutation."""
    if allowed.shape[0] > allowed.shape[1]:
        allowed = allowed.T
    n, m = allowed.shape
    orders = itertools.permutations(range(m), n)
    return max(sum(bool(allowed[i, j]) for i, j in enumerate(order)) for order in orders)


def test_hand_worked_pair():
    truth = np.array([[1, 1, 1, 1, 0], [1, 1, 1, 1, 0], [0, 0, 7, 7, 0]])
    pred = np.array([[4, 4, 4, 0, 0], [4, 4, 4, 0, 9], [0, 0, 0, 5, 5]])
    table = overlaps.compare(truth, pred)
    np.testing.assert_array_equal(table.inter, [[6, 0, 0], [0, 1, 0]])
    np.testing.assert_allclose(table.iou, [[6 / 8, 0, 0], [0, 1 / 3, 0]])
    np.testing.assert_allclose(table.dice, [[12 / 14, 0, 0], [0, 0.5, 0]])
    assert table.foreground == (7, 10, 9)
    row = metrics.evaluate_image(truth, pred)
    assert (row["count_true"], row["count_pred"], row["dic"], row["abs_dic"]) == (2, 3, 1, 1)
    assert row["sbd"] == pytest.approx((12 / 14 + 0.5 + 0) / 3)
    assert (row["tp_0.7"], row["fp_0.7"], row["fn_0.7"]) == (1, 2, 1)
    assert row["ap_0.7"] == pytest.approx(1 / 4)
    assert row["ap_0.8"] == 0.0
    assert row["best_dice"] == pytest.approx((12 / 14 + 0.5) / 2) and row["best_dice_pred"] == row["sbd"]
    assert row["foreground_dice"] == pytest.approx(14 / 19)
    assert row["aji"] == pytest.approx((6 + 1) / (8 + 3 + 1))
    assert (row["sq"], row["rq"]) == (pytest.approx(6 / 8), pytest.approx(2 / 5))
    assert row["pq"] == pytest.approx(6 / 8 * 2 / 5)
    assert metrics.evaluate_image(pred, truth)["dic"] == -1


@pytest.mark.parametrize("seed", SEEDS)
def test_matrices_and_best_dice_against_sets_of_pixels(seed):
    rng = np.random.default_rng(seed)
    truth, pred = related_labels(rng)
    sets_true, sets_pred = pixel_sets(truth), pixel_sets(pred)
    table = overlaps.compare(truth, pred)
    for matrix, reference in (
        (table.dice, dice_of_sets),
        (table.iou, iou_of_sets),
        (table.inter, lambda a, b: len(a & b)),
    ):
        expected = np.array([[reference(a, b) for b in sets_pred] for a in sets_true])
        assert matrix.shape == (len(sets_true), len(sets_pred))
        np.testing.assert_allclose(matrix, expected.reshape(matrix.shape), rtol=1e-12)
    if sets_true and sets_pred:
        forward = np.mean([max(dice_of_sets(a, b) for b in sets_pred) for a in sets_true])
        backward = np.mean([max(dice_of_sets(a, b) for a in sets_true) for b in sets_pred])
        assert metrics.best_dice(truth, pred) == pytest.approx(forward)
        assert metrics.best_dice(pred, truth) == pytest.approx(backward)
        assert metrics.symmetric_best_dice(truth, pred) == pytest.approx(min(forward, backward))


@pytest.mark.parametrize("seed", SEEDS)
def test_matching_is_the_largest_of_all_permutations(seed):
    rng = np.random.default_rng(seed)
    iou = rng.random(rng.integers(1, 7, size=2))
    for threshold in (0.3, 0.5, 0.8):
        tp, fp, fn = metrics.match_at(iou, threshold)
        assert tp == most_pairs(iou >= threshold)
        assert (fp, fn) == (iou.shape[1] - tp, iou.shape[0] - tp)


def test_matching_gives_up_the_best_pair_for_two_pairs():
    iou = np.array([[0.9, 0.6], [0.7, 0.1]])
    assert metrics.match_at(iou, 0.5) == (2, 0, 0)


def test_one_object_cut_in_two_halves_matches_once():
    truth = np.ones((2, 4), dtype=int)
    pred = np.array([[1, 1, 2, 2], [1, 1, 2, 2]])
    assert metrics.match_at(overlaps.compare(truth, pred).iou, 0.5) == (1, 1, 0)
    assert metrics.average_precision(truth, pred, 0.5) == 0.5


def test_iou_on_the_threshold_counts():
    truth, pred = np.zeros((1, 10), int), np.zeros((1, 10), int)
    truth[0, :10], pred[0, :6] = 1, 1
    assert metrics.average_precision(truth, pred, 0.6) == 1.0
    assert metrics.average_precision(truth, pred, 0.7) == 0.0


def test_empty_maps():
    empty = np.zeros((5, 6), dtype=np.int32)
    full = np.full((5, 6), 3, dtype=np.int32)
    assert metrics.symmetric_best_dice(empty, empty) == 1.0
    assert metrics.symmetric_best_dice(full, empty) == 0.0
    assert metrics.symmetric_best_dice(empty, full) == 0.0
    assert metrics.symmetric_best_dice(full, full) == 1.0
    assert metrics.average_precision(empty, empty, 0.5) == 1.0
    assert metrics.average_precision(full, empty, 0.5) == 0.0
    assert metrics.average_precision(empty, full, 0.5) == 0.0
    shares = ("sbd", "best_dice", "best_dice_pred", "foreground_dice", "aji", "pq", "sq", "rq", "ap_0.5")
    for truth, pred, expected in ((empty, empty, 1.0), (full, empty, 0.0), (empty, full, 0.0), (full, full, 1.0)):
        row = metrics.evaluate_image(truth, pred)
        assert {row[key] for key in shares} == {expected}


def test_names_of_ids_do_not_matter():
    rng = np.random.default_rng(3)
    truth, pred = related_labels(rng)
    names = rng.permutation(np.arange(1, 300)).astype(np.uint16)
    renamed = np.concatenate([[0], names]).astype(np.uint16)[pred]
    assert metrics.evaluate_image(truth, renamed) == metrics.evaluate_image(truth, pred)


def test_summary_pools_instances_and_averages_images():
    one = np.zeros((4, 40), dtype=int)
    one[:, ::4] = np.arange(1, 11)  # ten columns
    missing = np.where(one > 2, 0, one)  # only two of them found
    rows = [metrics.evaluate_image(one, missing), metrics.evaluate_image(missing, missing)]
    summary = metrics.summarise(rows)
    assert (summary["images"], summary["instances"]) == (2, 12)
    assert summary["ap_0.5"] == pytest.approx(4 / 12)
    assert summary["image_ap_0.5"] == pytest.approx((2 / 10 + 1) / 2)
    assert summary["ap_mean"] == pytest.approx(4 / 12)
    assert (summary["dic"], summary["abs_dic"]) == (-4.0, 4.0)
    assert (summary["dic_std"], summary["abs_dic_std"]) == (4.0, 4.0)
    assert summary["relative_abs_dic"] == pytest.approx(4 / 6)
    assert summary["sbd"] == pytest.approx((0.2 + 1) / 2)
    json.dumps(summary, allow_nan=False)


def test_summary_keeps_signs_apart():
    counts = np.array([[1, 2, 3, 0]]), np.array([[1, 0, 0, 0]])
    rows = [metrics.evaluate_image(*counts), metrics.evaluate_image(*counts[::-1])]
    summary = metrics.summarise(rows)
    assert (summary["dic"], summary["abs_dic"]) == (0.0, 2.0)


def test_summary_without_any_instance_is_defined():
    empty = np.zeros((3, 3), dtype=int)
    summary = metrics.summarise([metrics.evaluate_image(empty, empty)])
    assert summary["relative_abs_dic"] is None
    assert summary["ap_mean"] == summary["sbd"] == summary["pq"] == summary["aji"] == 1.0
    assert summary["count_r2"] is None and summary["count_rmse"] == 0.0


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match=r"\(2, 2\) and \(2, 3\)"):
        overlaps.compare(np.zeros((2, 2), int), np.zeros((2, 3), int))
    with pytest.raises(ValueError, match="threshold"):
        metrics.match_at(np.zeros((1, 1)), 50)
    with pytest.raises(ValueError, match="at least one image"):
        metrics.summarise([])


def random_stack(rng, most=5, shape=(20, 22)):
    """Rectangles that may overlap: bool [N, H, W]."""
    stack = np.zeros((rng.integers(0, most + 1), *shape), bool)
    for mask in stack:
        top, left = rng.integers(0, 12, size=2)
        height, width = rng.integers(3, 10, size=2)
        mask[top : top + height, left : left + width] = True
    return stack


@pytest.mark.parametrize("seed", SEEDS)
def test_overlapping_masks_against_sets_of_pixels(seed):
    rng = np.random.default_rng(seed)
    truth, pred = random_stack(rng), random_stack(rng)
    pred[: len(truth)] |= np.roll(truth, 1, axis=2)[: len(pred)]
    sets_true, sets_pred = ([set(zip(*np.nonzero(mask), strict=True)) for mask in stack] for stack in (truth, pred))
    table = overlaps.compare(truth, pred)
    iou = np.array([[iou_of_sets(a, b) for b in sets_pred] for a in sets_true]).reshape(table.iou.shape)
    np.testing.assert_allclose(table.iou, iou, rtol=1e-12)
    both = len(set().union(*sets_true) & set().union(*sets_pred))
    assert table.foreground == (both, len(set().union(*sets_true)), len(set().union(*sets_pred)))
    row = metrics.evaluate_image(truth, pred)
    assert row["aji"] == pytest.approx(aji_of_sets(sets_true, sets_pred))
    # PQ: the best of all one-to-one matchings above 0.5
    close = np.where(iou > 0.5, iou, 0)
    close = close if close.shape[0] <= close.shape[1] else close.T
    orders = itertools.permutations(range(close.shape[1]), close.shape[0])
    best = max(sum(close[i, j] for i, j in enumerate(order)) for order in orders)
    halves = (len(truth) + len(pred)) / 2
    assert row["pq"] == pytest.approx(best / halves if halves else 1.0)


def aji_of_sets(truths, preds):
    """Kumar et al. 2017, algorithm 1, step by step."""
    if not truths or not preds:
        return float(len(truths) == len(preds))
    inter, union, used = 0, 0, set()
    for a in truths:
        index = max(range(len(preds)), key=lambda j: iou_of_sets(a, preds[j]))
        if a & preds[index]:
            inter, union = inter + len(a & preds[index]), union + len(a | preds[index])
            used.add(index)
        else:
            union += len(a)
    return inter / (union + sum(len(b) for j, b in enumerate(preds) if j not in used))


def test_large_and_scattered_ids_give_the_same_table():
    truth, pred = related_labels(np.random.default_rng(5))
    far = np.where(pred > 0, pred.astype(np.int64) * 10**6, 0)
    for one in (far.astype(np.uint32), far.astype(np.int32)):
        np.testing.assert_array_equal(overlaps.compare(truth, one).inter, overlaps.compare(truth, pred).inter)


def test_figures_of_the_counts():
    labels = [np.arange(1, n + 1)[None] * np.ones((2, 1), int) for n in (2, 4, 9)]
    shifted = [np.where(one > 1, one, 0) for one in labels]
    rows = [metrics.evaluate_image(*pair) for pair in zip(labels, shifted, strict=True)]
    summary = metrics.summarise(rows)
    assert (summary["count_mae"], summary["count_rmse"]) == (1.0, 1.0)
    assert summary["count_r2"] == pytest.approx(1 - 3 / (9 + 1 + 16))


def test_scores_must_be_one_for_each_instance():
    with pytest.raises(ValueError, match="one value per instance: 1"):
        overlaps.compare(np.eye(3, dtype=int), np.eye(3, dtype=int), [0.5, 0.6])


def test_against_stardist():
    matching = pytest.importorskip("stardist.matching")
    pairs = [related_labels(np.random.default_rng(seed)) for seed in SEEDS]
    pairs = [pair for pair in pairs if pair[0].any() or pair[1].any()]
    truths, preds = (list(maps) for maps in zip(*pairs, strict=True))
    summary = metrics.summarise([metrics.evaluate_image(*pair) for pair in pairs])
    for threshold in metrics.THRESHOLDS:
        for by_image, key in ((False, "ap"), (True, "image_ap")):
            theirs = matching.matching_dataset(truths, preds, thresh=threshold, by_image=by_image, show_progress=False)
            assert summary[f"{key}_{threshold}"] == pytest.approx(theirs.accuracy)
        # where a pair's IoU is 0.5 exactly, stardist's match counts it and PQ's, above 0.5, does not
    theirs = matching.matching_dataset(truths, preds, thresh=0.5001, by_image=False, show_progress=False)
    assert summary["pq"] == pytest.approx(theirs.panoptic_quality) and summary["rq"] == pytest.approx(theirs.f1)
    assert summary["sq"] == pytest.approx(theirs.mean_matched_score)
