"""Conversion between label maps and mask stacks, and validation of Instances."""

import numpy as np
import pytest

from ris_tf.instances.labels import Instances, labels_to_masks, masks_to_labels, relabel


def test_there_and_back():
    labels = np.random.default_rng(0).integers(0, 6, (20, 30)) * 7  # gaps between ids
    masks = labels_to_masks(labels)
    assert masks.shape == (5, 20, 30)
    np.testing.assert_array_equal(masks.sum(axis=(1, 2)), [(labels == i).sum() for i in (7, 14, 21, 28, 35)])
    np.testing.assert_array_equal(masks_to_labels(masks), labels // 7)
    np.testing.assert_array_equal(relabel(labels), labels // 7)


def test_earlier_mask_wins():
    masks = np.zeros((2, 2, 3), bool)
    masks[0, :, :2], masks[1, :, 1:] = True, True
    np.testing.assert_array_equal(masks_to_labels(masks), [[1, 1, 2]] * 2)


def test_instances_hold_together():
    instances = Instances(np.array([[0, 1], [2, 2]]), [0.5, 0.75])
    assert instances.count == 2 and instances.labels.dtype == np.int32 and instances.scores.dtype == np.float32
    np.testing.assert_array_equal(instances.masks, [[[0, 1], [0, 0]], [[0, 0], [1, 1]]])
    empty = Instances(np.zeros((3, 4), np.uint8), [])
    assert empty.count == 0 and empty.masks.shape == (0, 3, 4)


@pytest.mark.parametrize(
    ("labels", "scores"), [(np.ones((2, 2), int), []), (np.ones((2, 2)), [1]), (np.ones(3, int), [1])]
)
def test_what_does_not_fit_is_refused(labels, scores):
    with pytest.raises(ValueError, match="Received"):
        Instances(labels, scores)
