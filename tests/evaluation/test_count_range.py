"""Ranges of counts, against the coverage that the theory promises."""

import numpy as np
import pytest

from ris_tf.evaluation.count_range import SHARE, likely, share_inside, spread_of


def test_nine_in_ten_new_counts_lie_in_their_range():
    rng = np.random.default_rng(0)
    shares = []
    for _ in range(200):
        found = rng.integers(0, 200, 40 + 500)
        true = np.maximum(found + np.round(rng.normal(0, 0.4, found.size) * np.sqrt(found + 1)).astype(int), 0)
        spread = spread_of(found[:40], true[:40])
        ranges = [likely(int(count), spread) for count in found[40:]]
        shares.append(np.mean([low <= count <= high for (low, high), count in zip(ranges, true[40:], strict=True)]))
    # The expected share is between SHARE and SHARE + 1 / 41; rounding to whole counts adds a little.
    assert SHARE - 0.01 < np.mean(shares) < SHARE + 0.04


def test_too_few_images_tell_nothing():
    assert spread_of([5] * 8, [5] * 8) == 0 and likely(5, 0) is None
    assert spread_of([5] * 9, [5] * 9) > 0


@pytest.mark.parametrize(
    ("count", "spread", "expected"),
    [(100, 0.5, (95, 105)), (16, 0.5, (14, 18)), (0, 2.0, (0, 2)), (1, 3.0, (0, 4)), (24, 0.001, (24, 24))],
)
def test_the_range_grows_with_the_root_of_the_count(count, spread, expected):
    assert likely(count, spread) == expected


def test_the_range_holds_the_count_it_was_learned_from():
    found, true = list(range(9, 18)), list(range(9, 17)) + [14]  # one image is off by 3
    low, high = likely(17, spread_of(found, true))
    assert (low, high) == (14, 20)


def test_share_of_counts_in_their_range():
    rows = [{"count_pred": 16, "count_true": true} for true in (14, 16, 18, 19)]
    assert share_inside(rows, 0.5) == 0.75 and share_inside(rows, 0) is None
