"""Bootstrap intervals, compared with SciPy and with known cases."""

import numpy as np
import pytest
from scipy import stats

from ris_tf.evaluation import bootstrap, metrics, ranking
from ris_tf.evaluation.overlaps import compare


def rows_of(differences):
    """Rows of images with 20 true objects and 20 + d predicted ones, one pixel each."""
    return [metrics.evaluate_image(*(np.arange(60)[None] * (np.arange(60) <= n) for n in (20, 20 + d)))
            for d in differences]  # fmt: skip


def test_interval_of_a_mean_against_scipy():
    differences = np.random.default_rng(1).integers(-6, 9, 60)
    low, high = bootstrap.intervals(rows_of(differences))["dic"]
    theirs = stats.bootstrap((differences,), np.mean, method="percentile", n_resamples=5000, random_state=0)
    assert (low, high) == pytest.approx(tuple(theirs.confidence_interval), abs=0.15)


def test_equal_images_have_no_spread_and_undefined_figures_are_left_out():
    table = compare(np.eye(4, dtype=int), np.eye(4, dtype=int), [0.9])
    rows = [metrics.row(table)] * 5
    found = bootstrap.intervals(rows, ranking.voc([table] * 5), ranking.coco([table] * 5)[1], repeats=20)
    assert found["sbd"] == found["apr_ave"] == found["coco_ap"] == pytest.approx((1.0, 1.0))
    assert "count_r2" not in found


def test_paired_difference_is_narrower_than_either():
    differences = np.random.default_rng(2).integers(-6, 7, 40)
    a, b = rows_of(differences), rows_of(differences + 1)
    low, high = bootstrap.differences(a, b)["dic"]
    assert (low, high) == pytest.approx((1.0, 1.0))
    alone = bootstrap.intervals(a)["dic"]
    assert alone[1] - alone[0] > 1
