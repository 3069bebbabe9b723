"""Bootstrap confidence intervals of evaluation metrics: 95% percentile intervals (Efron 1979), images resampled.

The intervals show how much the figures would vary with other images. Whole images are resampled, with all their
objects, because the objects of one image are not independent.
"""

import numpy as np

from ris_tf.evaluation.metrics import summarise_columns
from ris_tf.evaluation.ranking import VOLUME

REPEATS = 1000
_BOUNDS = (2.5, 97.5)  # percentiles


def samples(images, repeats=REPEATS, seed=0):
    """Draws bootstrap samples: images with replacement, always the same for the same seed.

    Args:
        images: number of images, int.
        repeats: number of bootstrap samples, int.
        seed: int.

    Returns:
        int64 `[repeats, images]`, indices of images.
    """
    return np.random.default_rng(seed).integers(0, images, (repeats, images))


def intervals(rows, voc=None, coco=None, repeats=REPEATS):
    """Computes the 95% intervals of the figures of a data set.

    Args:
        rows: list of dicts from `metrics.row`, one per image.
        voc, coco: None, or the Ranking from `ranking.voc` and from `ranking.coco`.
        repeats: number of bootstrap samples.

    Returns:
        {key of a figure: (low, high)}. Samples in which a figure is not defined do not count; a figure that is
        defined in no sample is left out.
    """
    chosen = samples(len(rows), repeats)
    drawn = _summaries(rows, chosen)
    for ranking, name in ((voc, _voc_figures), (coco, _coco_figures)):
        if ranking is not None:
            values = [ranking.average_precision(np.bincount(one, minlength=len(rows))) for one in chosen]
            drawn |= name(np.array(values))
    return {key: bounds for key, values in drawn.items() if (bounds := _bounds(values))}


def differences(rows_a, rows_b, repeats=REPEATS):
    """Computes the 95% intervals of the paired differences B - A.

    Args:
        rows_a, rows_b: lists of dicts from `metrics.row`, both of the same images in the same order.
        repeats: number of bootstrap samples.

    Returns:
        {key of a figure: (low, high)}; a figure that is defined in no sample is left out.
    """
    chosen = samples(len(rows_a), repeats)
    a, b = _summaries(rows_a, chosen), _summaries(rows_b, chosen)
    return {key: bounds for key in a if (bounds := _bounds(b[key] - a[key]))}


def _summaries(rows, chosen):
    """Summary of each bootstrap sample: {key: float64 [repeats]}, NaN where a figure is not defined."""
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0] if key != "image"}
    drawn = [summarise_columns({key: values[one] for key, values in columns.items()}) for one in chosen]
    return {key: np.array([np.nan if one[key] is None else one[key] for one in drawn], float) for key in drawn[0]}


def _bounds(values):
    """(low, high) of float [repeats]; None if no value is finite."""
    values = values[np.isfinite(values)]
    return tuple(float(bound) for bound in np.percentile(values, _BOUNDS)) if values.size else None


def _voc_figures(values):
    """AP^r at each threshold, float [repeats, K] -> {key: float [repeats]}."""
    named = {f"apr_{threshold}": column for threshold, column in zip(VOLUME, values.T, strict=True)}
    return {**named, "apr_ave": values.mean(axis=1)}


def _coco_figures(values):
    """COCO's AP at each threshold, float [repeats, K] -> {key: float [repeats]}."""
    return {"coco_ap": values.mean(axis=1), "coco_ap_50": values[:, 0], "coco_ap_75": values[:, 5]}
