"""Ignored pixels (-1 in a true label map) on their way into the loss and the figures."""

import numpy as np
import pytest
import tensorflow as tf
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ris_tf.configs import base, leaves_paper
from ris_tf.data.focus import object_box
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.augment import warp
from ris_tf.data.sampling.records import zoom_range
from ris_tf.data.sampling.resize import fit_labels
from ris_tf.evaluation import metrics, overlaps
from ris_tf.instances.labels import smaller_on_top, without_ignored
from ris_tf.instances.visualize import overlay
from ris_tf.model import build
from ris_tf.objective.comparison import objective
from ris_tf.objective.encoder_terms import auxiliary_loss
from ris_tf.objective.rollout import Pass
from ris_tf.objective.truth import Truth

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")


def test_half_of_a_prediction_decides():
    truth = np.zeros((4, 12), int)
    truth[:, :4], truth[:, 8:] = 1, -1
    pred = np.zeros((4, 12), int)
    pred[:, :4], pred[0, 6:11], pred[1, 6:10], pred[2, 7:9] = 1, 2, 3, 4
    kept_truth, kept = without_ignored(truth, pred)
    np.testing.assert_array_equal(kept_truth, truth * (truth > 0))
    expected = pred.copy()
    expected[0] = expected[0] * (expected[0] == 1)  # 3 of 5 pixels ignored: the whole of it goes
    expected[:, 8:] = 0  # 2 of 4 and 1 of 2: the rest stays
    np.testing.assert_array_equal(kept, expected)
    row = metrics.evaluate_image(truth, pred)
    assert (row["count_true"], row["count_pred"], row["tp_0.5"], row["fp_0.5"]) == (1, 3, 1, 2)
    assert list(overlaps.compare(truth, pred, [0.9, 0.8, 0.7, 0.6]).scores) == [0.9, 0.7, 0.6]
    nothing = metrics.evaluate_image(np.full((4, 12), -1), pred)
    assert nothing["count_true"] == nothing["count_pred"] == 0 and nothing["sbd"] == 1


def coco_counts(truth, pred):
    """(true positives, false positives) at IoU 0.5 in the words of COCO's evaluation."""

    def entries(labels, **more):
        for key, value in enumerate(np.unique(labels[labels != 0]), 1):
            mask = run_lengths.encode(np.asfortranarray(labels == value, np.uint8))
            area = int(run_lengths.area(mask))
            yield {
                "id": key, "image_id": 1, "category_id": 1, "segmentation": mask, "area": area,
                "bbox": run_lengths.toBbox(mask).tolist(), "iscrowd": int(value < 0), **more,
            }  # fmt: skip

    both = []
    for annotations in (entries(truth), entries(pred, score=0.9)):
        coco = COCO()
        coco.dataset = {
            "images": [{"id": 1, "height": 48, "width": 48}],
            "categories": [{"id": 1}],
            "annotations": list(annotations),
        }
        coco.createIndex()
        both.append(coco)
    evaluation = COCOeval(*both, "segm")
    evaluation.params.iouThrs = np.array([0.5])
    evaluation.evaluate()
    found = next(image for image in evaluation.evalImgs if image["aRng"] == evaluation.params.areaRng[0])
    counted = ~found["dtIgnore"][0].astype(bool)
    matched = found["dtMatches"][0] > 0
    return int((matched & counted).sum()), int((~matched & counted).sum())


@pytest.mark.parametrize("seed", range(20))
def test_crowds_count_as_in_coco(seed):
    """Blocks of 6 x 6 pixels on a grid, so that no prediction lies across the edge of an ignored region but as a whole
    or to one or two thirds; one that is half inside is not made, for COCO lets IoU 0.5 itself count."""
    rng = np.random.default_rng(seed)
    truth, pred = np.zeros((2, 48, 48), int)
    truth[:, rng.integers(2, 4) * 12 :] = -1
    for value, (row, column) in enumerate(np.ndindex(4, 4), 1):
        if rng.random() < 0.6:
            truth[row * 12 : row * 12 + 6, column * 12 : column * 12 + 6] = value
        shift = rng.choice([-4, -2, 0, 2])
        if rng.random() < 0.7:
            pred[row * 12 : row * 12 + 6, max(column * 12 + shift, 0) : column * 12 + 6 + shift] = value
    row = metrics.evaluate_image(truth, pred)
    assert (row["tp_0.5"], row["fp_0.5"]) == coco_counts(truth, pred)


def test_smaller_is_on_top():
    large, small = np.ones((3, 4)), np.eye(3, 4)
    np.testing.assert_array_equal(smaller_on_top([small, large]), np.where(small, 1, 2))
    np.testing.assert_array_equal(smaller_on_top([large, small]), np.where(small, 2, 1))


def test_what_looks_at_objects_does_not_see_ignored_pixels():
    labels = np.zeros((40, 50), int)
    labels[10:20, 5:15], labels[25:, 30:] = 3, -1
    assert object_box(labels) == (10, 5, 20, 15)
    config = base.get_config()
    config.data.view = "tiles"
    assert zoom_range(labels, config) == zoom_range(np.maximum(labels, 0), config)
    np.testing.assert_array_equal(fit_labels(labels, (20, 25)) < 0, fit_labels(labels < 0, (20, 25)))
    image = np.full((40, 50, 3), 90, np.uint8)
    shown = overlay(image, labels)[::11, ::11]  # enlarged 11 times
    np.testing.assert_array_equal((shown == 30).all(axis=-1), labels < 0)


def test_they_move_with_the_image_into_the_batch(small):
    labels = np.full((64, 64), -1, np.int32)
    labels[:20], labels[30:50, 10:40] = 0, 1
    image = (labels[..., None] == -1).astype(np.float32)
    sample = {"image": image, "labels": labels, "zoom": tf.constant([1.0, 1.0]), "box": tf.constant([0.0, 0, 64, 64])}
    small.data.rotation, small.data.shift, small.model.channels = 0.0, 0.0, 1
    moved, ids = warp(sample, tf.constant([1, 2], tf.int64), small)
    record = pipeline.to_record(moved, ids, tf.constant("a"), small)
    assert record["ignored"].dtype == tf.uint8 and record["count"] == 1
    np.testing.assert_array_equal(record["ignored"], moved[..., 0] > 0.5)
    assert 0.3 < record["ignored"].numpy().mean() < 0.7
    assert not (record["masks"][0].numpy() & record["ignored"].numpy()).any()
    assert record["masks"][0].numpy().any() and not record["masks"][1:].numpy().any()  # they are no objects


@pytest.mark.parametrize("form", ["attend", "paper"])
def test_nothing_ignored_changes_nothing_and_all_ignored_leaves_the_score(small, form):
    if form == "paper":
        small = leaves_paper.get_config()
        small.model.size, small.model.steps = (60, 60), 3
    size = small.model.size[0]
    model = build(small)
    masks = np.zeros((2, 3, size, size), np.uint8)
    masks[0, 0, 4:20, 8:28] = masks[0, 1, 30:50, 8:28] = 1
    images = np.random.default_rng(0).random((2, size, size, 3)).astype(np.float32)
    batch = {"image": images, "masks": masks, "count": np.int32([2, 0])}

    def terms(**further):
        return objective(model.form, batch | further, small.loss, Pass(3))

    plain, none = terms(), terms(ignored=np.zeros((2, size, size), np.uint8))
    for name in plain:
        np.testing.assert_array_equal(plain[name], none[name])
    everything = terms(ignored=np.ones((2, size, size), np.uint8))
    assert not everything["matched_iou"].numpy().any()
    assert everything["hungarian"][0] > plain["hungarian"][0]  # no mask is rewarded
    if form == "attend":
        assert not everything["auxiliary"].numpy().any() and plain["auxiliary"].numpy().all()


def test_the_encoder_is_taught_by_known_pixels_alone():
    rng = np.random.default_rng(0)
    masks = np.zeros((1, 1, 32, 32), np.uint8)
    masks[0, 0, :16, :8] = 1
    ignored = np.zeros((1, 32, 32), np.uint8)
    ignored[:, 16:] = 1
    truth = Truth(masks, np.int32([1]), 2, True, ignored)
    fine, coarse = rng.normal(size=(1, 16, 16, 2)), rng.normal(size=(1, 8, 8, 1))
    context = {"auxiliary": np.float32(fine), "objectness": np.float32(coarse)}
    before = float(auxiliary_loss(context, truth)[0])
    context["auxiliary"][:, 8:] += 5
    context["objectness"][:, 4:] -= 5
    assert float(auxiliary_loss(context, truth)[0]) == pytest.approx(before, rel=1e-6)
    context["auxiliary"][:, 7] += 5
    assert float(auxiliary_loss(context, truth)[0]) != pytest.approx(before, rel=1e-3)
    everywhere = float(auxiliary_loss(context, Truth(masks, np.int32([1]), 2, True))[0])
    assert everywhere > float(auxiliary_loss(context, truth)[0])


def test_an_object_whose_interior_is_ignored_draws_no_attention(small):
    model = build(small)
    masks = np.zeros((1, 1, 64, 64), np.uint8)
    masks[0, 0, 20:40, 20:40] = 1
    ignored = np.zeros((1, 64, 64), np.uint8)
    image = np.random.default_rng(0).random((1, 64, 64, 3)).astype(np.float32)

    batch = {"image": image, "masks": masks, "count": np.int32([1]), "ignored": ignored}

    def attention():
        return float(objective(model.form, batch, small.loss, Pass(2))["attention"][0])

    assert 0 < attention() < 20
    ignored[:, 18:42, 18:36] = 1
    assert attention() < 20
    ignored[:, 18:42, 18:42] = 1
    assert attention() == 0
