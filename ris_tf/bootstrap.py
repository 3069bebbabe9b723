"""How far figures would vary with other images: 95% intervals by the bootstrap (Efron 1979), images drawn again.

An image is drawn with all its objects, since objects of one image are not independent. Percentile intervals.
"""

import numpy as np

from ris_tf.metrics import summarise_columns
from ris_tf.ranking import VOLUME

REPEATS = 1000
_BOUNDS = (2.5, 97.5)  # percentiles


def samples(images, repeats=REPEATS, seed=0):
    """Draws images with replacement, the same for the same seed.

    Returns:
        int64 `[repeats, images]`, indices of images.
    """
    return np.random.default_rng(seed).integers(0, images, (repeats, images))


def intervals(rows, voc=None, coco=None, repeats=REPEATS):
    """95% intervals of the figures of a data set.

    Args:
        rows: list of dicts from `metrics.row`.
        voc, coco: Ranking of each kind, or None.
        repeats: bootstrap samples.

    Returns:
        {key of a figure: (low, high)}; figures that are not defined in most samples are left out.
    """
    chosen = samples(len(rows), repeats)
    drawn = _summaries(rows, chosen)
    for ranking, name in ((voc, _voc_figures), (coco, _coco_figures)):
        if ranking is not None:
            values = [ranking.average_precision(np.bincount(one, minlength=len(rows))) for one in chosen]
            drawn |= name(np.array(values))
    return {key: bounds for key, values in drawn.items() if (bounds := _bounds(values))}


def differences(rows_a, rows_b, repeats=REPEATS):
    """95% intervals of figure B minus figure A, both measured on the same images in the same order.

    Returns:
        {key of a figure: (low, high)}.
    """
    chosen = samples(len(rows_a), repeats)
    a, b = _summaries(rows_a, chosen), _summaries(rows_b, chosen)
    return {key: bounds for key in a if (bounds := _bounds(b[key] - a[key]))}


def _summaries(rows, chosen):
    """{key: float64 [repeats]}, NaN where a figure is not defined."""
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0] if key != "image"}
    drawn = [summarise_columns({key: values[one] for key, values in columns.items()}) for one in chosen]
    return {key: np.array([np.nan if one[key] is None else one[key] for one in drawn], float) for key in drawn[0]}


def _bounds(values):
    values = values[np.isfinite(values)]
    return tuple(float(bound) for bound in np.percentile(values, _BOUNDS)) if values.size else None


def _voc_figures(values):
    """float [repeats, K] -> {key: float [repeats]}"""
    named = {f"apr_{threshold}": column for threshold, column in zip(VOLUME, values.T, strict=True)}
    return {**named, "apr_ave": values.mean(axis=1)}


def _coco_figures(values):
    return {"coco_ap": values.mean(axis=1), "coco_ap_50": values[:, 0], "coco_ap_75": values[:, 5]}
