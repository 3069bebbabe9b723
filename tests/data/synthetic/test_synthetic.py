"""The synthetic generators: determinism, label conventions and rough statistics."""

import numpy as np
import pytest
from scipy import ndimage
from skimage.measure import regionprops

from ris_tf.data.synthetic.drawings import KINDS, sample
from ris_tf.data.synthetic.scene import MIN_PIXELS
from ris_tf.errors import UsageError

COUNTED = 60


@pytest.fixture(scope="module")
def drawn():
    """COUNTED samples of every kind, as kind -> list of (image, labels)."""
    return {kind: [sample(kind, 3, i, 128) for i in range(COUNTED)] for kind in KINDS}


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_same_arguments_same_sample(kind):
    image, labels = sample(kind, 7, 4)
    again, labels_again = sample(kind, 7, 4)
    assert np.array_equal(image, again) and np.array_equal(labels, labels_again)
    assert not np.array_equal(image, sample(kind, 7, 5)[0])
    assert not np.array_equal(image, sample(kind, 8, 4)[0])


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("size", [128, 256, 300])
def test_shapes_and_types(kind, size):
    image, labels = sample(kind, 0, 0, size)
    assert image.shape == (size, size, 3) and image.dtype == np.uint8
    assert labels.shape == (size, size) and labels.dtype == np.uint16


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_labels_are_consecutive_and_large_enough(drawn, kind):
    for _, labels in drawn[kind]:
        area = np.bincount(labels.ravel())
        assert (area[1:] >= MIN_PIXELS).all()


@pytest.mark.parametrize(
    "kind, low, high, mean",
    [
        ("rosettes", 4, 20, (9, 15)),
        ("discs", 0, 30, (4, 16)),
        ("heaps", 0, 20, (4, 14)),
        ("seedlings", 1, 12, (3, 8)),
        ("tissue", 0, 400, (40, 100)),
        ("tokens", 0, 30, (6, 15)),
    ],
)
def test_instance_counts(drawn, kind, low, high, mean):
    counts = [int(labels.max()) for _, labels in drawn[kind]]
    assert low <= min(counts) and max(counts) <= high
    assert mean[0] <= np.mean(counts) <= mean[1]
    assert max(counts) - min(counts) >= 7


def test_discs_are_sometimes_absent():
    assert any(sample("discs", 1, i, 64)[1].max() == 0 for i in range(150))


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_instances_occlude_each_other(drawn, kind):
    def overlapping(labels):
        boxes = ndimage.find_objects(labels)
        return any(
            a[0].start < b[0].stop and b[0].start < a[0].stop and a[1].start < b[1].stop and b[1].start < a[1].stop
            for i, a in enumerate(boxes)
            for b in boxes[:i]
        )

    assert sum(overlapping(labels) for _, labels in drawn[kind]) > COUNTED // 4


def test_heaps_hide_more_than_discs(drawn):
    """Of a disc that is seen whole, the convex hull is filled; of one in a heap it is not."""

    def solidity(pictures):
        return np.mean([part.solidity for _, labels in pictures for part in regionprops(labels) if part.area > 40])

    assert solidity(drawn["heaps"]) < solidity(drawn["discs"]) - 0.02


def test_tokens_are_flat_and_a_line_or_colour_tells_them_apart(drawn):
    """Inside, a token varies little beside its grain; across the border of two the colour changes by far more."""

    def variation(pictures):
        shares = []
        for image, labels in pictures:
            grey = ndimage.gaussian_filter(image.astype(float).mean(axis=2), 1.5)
            for i in range(1, labels.max() + 1):
                inner = ndimage.binary_erosion(labels == i, iterations=5)
                if inner.sum() > 30:
                    shares.append(grey[inner].std())
        return np.median(shares)

    assert variation(drawn["tokens"]) < 0.4 * variation(drawn["heaps"])
    steps, inside = [], []
    for image, labels in drawn["tokens"]:
        slope = np.abs(np.diff(image.astype(float), axis=1)).sum(axis=2)
        near, far = labels[:, :-1], labels[:, 1:]
        steps += list(slope[(near != far) & (near > 0) & (far > 0)])
        deep = ndimage.minimum_filter(labels, 9) == ndimage.maximum_filter(labels, 9)
        inside += list(slope[deep[:, :-1] & (near > 0)])
    assert np.median(steps) > 3 * np.median(inside)


def test_seedlings_are_small_and_lie_anywhere():
    widths, centres = [], []
    for index in range(COUNTED):
        rows, columns = np.nonzero(sample("seedlings", 3, index, 256)[1])
        widths.append(max(np.ptp(rows), np.ptp(columns)) / 256)
        centres.append(columns.mean() / 256)
    assert max(widths) < 0.6 and np.quantile(widths, 0.25) < 0.15 and np.quantile(widths, 0.9) > 0.25
    assert np.std(centres) > 0.1


@pytest.mark.parametrize("kind", ["rosettes", "seedlings"])
def test_leaves_are_greener_than_the_soil(drawn, kind):
    def greenness(pixels):
        r, g, b = pixels.reshape(-1, 3).mean(axis=0)
        return g - (r + b) / 2

    lead = [greenness(image[labels > 0]) - greenness(image[labels == 0]) for image, labels in drawn[kind]]
    assert np.mean(lead) > 15 and np.mean(np.array(lead) > 0) > 0.95


def test_unknown_kind():
    with pytest.raises(UsageError, match="discs, heaps, rosettes, seedlings, tissue, tokens"):
        sample("clouds", 0, 0)
