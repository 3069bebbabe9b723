"""Ranked average precision, compared with pycocotools on masks and with a direct implementation of VOC's rules."""

import contextlib
import io

import numpy as np
import pytest
from pycocotools import mask as rle
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval
from test_metrics import random_stack

from ris_tf.commands import evaluate
from ris_tf.evaluation import ranking
from ris_tf.evaluation.overlaps import compare


def stacks(seed, images=6):
    """Overlapping masks: [(truth, prediction, scores)]; some images lack one or the other."""
    rng = np.random.default_rng(seed)
    result = []
    for _ in range(images):
        truth, pred = random_stack(rng), random_stack(rng)
        pred[: len(truth)] = np.roll(truth, rng.integers(-1, 2, size=2), axis=(1, 2))[: len(pred)]
        result.append((truth, pred, rng.choice(20, len(pred), replace=False) / 20))
    scores = rng.permutation(sum(len(pred) for _, pred, _ in result)) / 100  # no ties: their order is nowhere defined
    parts = np.split(scores, np.cumsum([len(pred) for _, pred, _ in result])[:-1])
    return [(truth, pred, part) for (truth, pred, _), part in zip(result, parts, strict=True)]


def voc_by_hand(images, threshold):
    """Hariharan et al. 2014: one prediction after another, then the area under monotonic precision."""
    ranked = [(score, i, j) for i, (_, _, scores) in enumerate(images) for j, score in enumerate(scores)]
    total, claimed, right = sum(len(truth) for truth, _, _ in images), set(), []
    for _, i, j in sorted(ranked, reverse=True):
        truth, pred, _ = images[i]
        overlaps = [(mask & pred[j]).sum() / (mask | pred[j]).sum() for mask in truth]
        best = int(np.argmax(overlaps)) if overlaps else -1
        hit = best >= 0 and overlaps[best] >= threshold and (i, best) not in claimed
        claimed |= {(i, best)} if hit else set()
        right.append(hit)
    precision = [sum(right[: n + 1]) / (n + 1) for n in range(len(right))]
    return sum(max(precision[n:]) for n, hit in enumerate(right) if hit) / total


def coco_by_masks(images):
    """pycocotools used in the normal way, on encoded masks."""

    def entries(stack, index, scores=None):
        for number, mask in enumerate(stack):
            shape = rle.encode(np.asfortranarray(mask.astype(np.uint8)))
            entry = {"image_id": index, "category_id": 1, "segmentation": shape, "area": float(mask.sum())}
            yield {**entry, "iscrowd": 0} if scores is None else {**entry, "score": float(scores[number])}

    truth = COCO()
    annotations = [entry for i, one in enumerate(images) for entry in entries(one[0], i)]
    truth.dataset = {
        "images": [{"id": i, "height": 20, "width": 22} for i in range(len(images))],
        "annotations": [{**entry, "id": number} for number, entry in enumerate(annotations, 1)],
        "categories": [{"id": 1}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        truth.createIndex()
        found = truth.loadRes([entry for i, one in enumerate(images) for entry in entries(one[1], i, one[2])])
        evaluation = COCOeval(truth, found, "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats


@pytest.mark.parametrize("seed", range(8))
def test_against_pycocotools_and_voc_by_hand(seed):
    images = stacks(seed)
    tables = [compare(*one) for one in images]
    figures, ranked = ranking.coco(tables)
    stats = coco_by_masks(images)
    names = ("coco_ap", "coco_ap_50", "coco_ap_75")
    np.testing.assert_allclose([figures[name] for name in names], stats[:3])
    assert figures["coco_ar"] == pytest.approx(stats[8])
    assert ranked.average_precision().mean() == pytest.approx(stats[0])
    voc = ranking.voc_figures(ranking.voc(tables))
    expected = {f"apr_{t}": voc_by_hand(images, t) for t in ranking.VOLUME}
    assert voc == pytest.approx({**expected, "apr_ave": np.mean(list(expected.values()))})


def test_weights_are_images_that_come_several_times():
    images = [compare(*one) for one in stacks(3)]
    chosen = np.random.default_rng(0).integers(0, len(images), len(images))
    weights = np.bincount(chosen, minlength=len(images))
    for make in (ranking.voc, lambda some: ranking.coco(some)[1]):
        expected = make([images[i] for i in sorted(chosen)]).average_precision()
        np.testing.assert_allclose(make(images).average_precision(weights), expected, atol=0.03)  # ties by then
        np.testing.assert_allclose(make(images).average_precision(np.ones(6, int)), make(images).average_precision())
        half = [images[i] for i in (0, 2, 5)]
        np.testing.assert_allclose(
            make(images).average_precision(np.array([1, 0, 1, 0, 0, 1])), make(half).average_precision()
        )


def test_order_of_scores_decides():
    truth = np.zeros((1, 4, 4), bool)
    truth[0, :2] = True
    pred = np.stack([truth[0], np.roll(truth[0], 2, axis=0)])
    for scores, expected in (([0.9, 0.8], 1.0), ([0.8, 0.9], 0.5)):
        table = [compare(truth, pred, scores)]
        assert ranking.voc_figures(ranking.voc(table))["apr_0.5"] == pytest.approx(expected)
        assert ranking.coco(table)[0]["coco_ap_50"] == pytest.approx(expected)


def test_empty():
    none, one = np.zeros((0, 4, 4), bool), np.ones((1, 4, 4), bool)
    for truth, pred, expected in ((none, none, None), (none, one, None), (one, none, 0.0)):
        table = [compare(truth, pred)]
        assert set(ranking.voc_figures(ranking.voc(table)).values()) == {expected}
        assert set(ranking.coco(table)[0].values()) == {expected}


def test_crowded_image_is_not_cut_at_a_hundred():
    masks = np.eye(150, dtype=bool).reshape(150, 10, 15)
    assert ranking.coco([compare(masks, masks)])[0]["coco_ap"] == pytest.approx(1.0)


def test_the_printed_table_has_every_threshold_and_their_mean():
    images = stacks(3)
    result = evaluate.measure(list("abcdef"), [compare(*one) for one in images]).result
    lines = evaluate.table(result).splitlines()
    place = next(index for index, line in enumerate(lines) if line.startswith("AP^r"))
    thresholds, figures = (line.split()[1:11] for line in lines[place - 1 : place + 1])
    expected = [voc_by_hand(images, t) for t in ranking.VOLUME]
    assert thresholds == [*map(str, ranking.VOLUME), "Ave"]
    assert [float(figure) for figure in figures] == pytest.approx([*expected, np.mean(expected)], abs=6e-4)
