"""Plots of the report, drawn with the optional library matplotlib. Each plot is an SVG file as a string."""

import io

import numpy as np

from ris_tf.evaluation.metrics import match_at, pairs
from ris_tf.evaluation.ranking import VOLUME

IOUS = tuple(round(0.05 * step, 2) for step in range(2, 20))  # 0.1 to 0.95
_BINS = 10  # bins of the scores
_BLUE, _ORANGE, _GREY = "#1f6fb4", "#d9691e", "#8a8a8a"


def counts(rows):
    """Plots the predicted against the true count, one point per image.

    Args:
      rows: list of dicts from `metrics.row`.

    Returns:
      SVG, str.
    """
    figure, axes = _figure("true count", "predicted count")
    true, found = (np.array([row[key] for row in rows]) for key in ("count_true", "count_pred"))
    most = max(1, true.max(), found.max()) * 1.05
    axes.plot([0, most], [0, most], color=_GREY, linewidth=1, label="equal")
    places, sizes = np.unique(np.stack([true, found]), axis=1, return_counts=True)
    axes.scatter(*places, s=22 * np.sqrt(sizes), color=_BLUE, alpha=0.65, label="image (larger: several images)")
    axes.set(xlim=(-0.02 * most, most), ylim=(-0.02 * most, most), aspect="equal")
    for axis in (axes.xaxis, axes.yaxis):
        axis.get_major_locator().set_params(integer=True)
    axes.legend(loc="upper left", fontsize=11)
    return _svg(figure)


def precision(tables, ranked):
    """Plots AP against the IoU threshold: TP / (TP + FP + FN), pooled over all images, and AP^r.

    Args:
      tables: list of Overlaps, one per image.
      ranked: Ranking from `ranking.voc`.

    Returns:
      SVG, str.
    """
    figure, axes = _figure("IoU threshold of a match", "AP")
    axes.plot(IOUS, pooled_precision(tables), "o-", color=_BLUE, markersize=4, label="TP / (TP + FP + FN)")
    values = ranked.average_precision()
    if np.isfinite(values).all():
        axes.plot(VOLUME, values, "s--", color=_ORANGE, markersize=4, label="AP$^r$, ranked by score")
    axes.set(xlim=(0.08, 0.97), ylim=(0, 1.02))
    axes.legend(loc="lower left", fontsize=11)
    return _svg(figure)


def pooled_precision(tables):
    """TP / (TP + FP + FN), pooled over all images, at each threshold of IOUS, list; 1 if there is no object."""
    result = []
    for threshold in IOUS:
        tp, fp, fn = np.sum([match_at(one.iou, threshold) for one in tables], axis=0)
        result.append(tp / (tp + fp + fn) if tp + fp + fn else 1.0)
    return result


def calibration(tables):
    """Plots the calibration of the scores: the share of right predictions (IoU above 0.5) against the score.

    Predictions are sorted into ten bins by score; bars show how many predictions each bin holds.

    Args:
      tables: list of Overlaps, one per image.

    Returns:
      SVG, str, and the expected calibration error, float: |share - mean score| of each bin, averaged over the
      predictions. (None, None) if nothing was predicted.
    """
    scores, right = scored(tables)
    if not scores.size:
        return None, None
    number = np.minimum((scores * _BINS).astype(int), _BINS - 1)
    used = np.unique(number)
    sizes = np.array([np.count_nonzero(number == n) for n in used])
    means = np.array([scores[number == n].mean() for n in used])
    shares = np.array([right[number == n].mean() for n in used])
    figure, axes = _figure("score", "share of right predictions")
    axes.bar((used + 0.5) / _BINS, sizes / sizes.max() * 0.3, 0.09, color="#dddddd", label=f"{scores.size} predictions")
    axes.plot([0, 1], [0, 1], color=_GREY, linewidth=1, label="perfectly calibrated")
    axes.plot(means, shares, "o-", color=_BLUE, markersize=5, label="bins of the score")
    axes.set(xlim=(0, 1.02), ylim=(0, 1.04))
    axes.legend(loc="upper left", fontsize=11)
    return _svg(figure), float(sizes @ np.abs(shares - means) / sizes.sum())


def scored(tables):
    """Scores of all predictions, float [D], and whether each is matched at IoU above 0.5, bool [D]."""
    right = [np.isin(np.arange(len(one.scores)), pairs(one.iou)[1]) for one in tables]
    return np.concatenate([np.zeros(0), *(one.scores for one in tables)]), np.concatenate([np.zeros(0, bool), *right])


def order(taken):
    """Plots the size and the position of the objects against the step in which they were found.

    Steps that fewer than a tenth of the looks reached are left out.

    Args:
      taken: list from `inference.order.Order.taken`, not empty.

    Returns:
      two SVGs, str: size and position.
    """
    steps = range(max(len(one) for one in taken))
    steps = [step for step in steps if sum(len(one) > step for one in taken) >= max(1, len(taken) // 10)]
    by_step = [np.array([one[step] for one in taken if len(one) > step]) for step in steps]  # [looks, 3] each
    low, middle, high = np.array([np.percentile(one[:, 0], (25, 50, 75)) for one in by_step]).T
    shown = np.array(steps) + 1
    sizes, axes = _figure("step", "area / mean area of the look")
    axes.axhline(1, color=_GREY, linewidth=1)
    axes.fill_between(shown, low, high, color=_BLUE, alpha=0.2, label="middle half of the looks")
    axes.plot(shown, middle, "o-", color=_BLUE, markersize=4, label="median")
    axes.set_ylim(bottom=0)
    axes.legend(loc="upper right", fontsize=11)
    places, axes = _figure("step", "median position")
    for column, colour, name in ((1, _BLUE, "from top (0) to bottom (1)"), (2, _ORANGE, "from left (0) to right (1)")):
        axes.plot(shown, [np.median(one[:, column]) for one in by_step], "o-", color=colour, markersize=4, label=name)
    axes.set_ylim(0, 1)
    axes.legend(loc="upper right", fontsize=11)
    for figure in (sizes, places):
        figure.axes[0].xaxis.get_major_locator().set_params(integer=True)
    return _svg(sizes), _svg(places)


def paired(a, b, name):
    """Plots a figure of every image in run B against run A.

    Args:
      a, b: float [I], in the same order of images.
      name: name of the figure, str.

    Returns:
      SVG, str.
    """
    figure, axes = _figure(f"{name}, A", f"{name}, B")
    low, high = min(*a, *b) - 0.02, max(*a, *b) + 0.02
    axes.plot([low, high], [low, high], color=_GREY, linewidth=1, label="equal; above: B is better")
    axes.scatter(a, b, s=22, color=_BLUE, alpha=0.65, label="image")
    axes.set_aspect("equal")
    axes.legend(loc="lower right", fontsize=11)
    return _svg(figure)


def series(places, counts, areas, x):
    """Plots the count, and below it the total area, of a series of images.

    Args:
      places: where each image lies on the horizontal axis: numbers or datetimes, in ascending order.
      counts, areas: of each image; areas in pixels.
      x: label of the horizontal axis, str.

    Returns:
      SVG, str.
    """
    from matplotlib.figure import Figure  # optional, and slow to import

    figure = Figure(figsize=(7, 5), layout="constrained")
    for axes, values, label in zip(
        figure.subplots(2, sharex=True), (counts, areas), ("count", "area, px"), strict=True
    ):
        axes.plot(places, values, "o-", color=_BLUE, markersize=4, linewidth=1)
        axes.set(ylabel=label, ylim=(0, 1.05 * max(1, *values)))
        axes.grid(color="#eeeeee")
        axes.spines[["top", "right"]].set_visible(False)
    axes.set_xlabel(x)
    axes.tick_params(axis="x", labelrotation=25)
    return _svg(figure)


def _figure(x, y):
    """Empty figure and its axes, with the labels `x` and `y`."""
    from matplotlib.figure import Figure  # optional, and slow to import

    figure = Figure(figsize=(5.2, 3.9), layout="constrained")
    axes = figure.subplots()
    axes.set(xlabel=x, ylabel=y)
    axes.spines[["top", "right"]].set_visible(False)
    axes.grid(color="#eeeeee")
    axes.set_axisbelow(True)
    axes.tick_params(labelsize=12)
    axes.xaxis.label.set_size(13)
    axes.yaxis.label.set_size(13)
    return figure, axes


def _svg(figure):
    """The figure as SVG, str; equal figures give equal text."""
    from matplotlib import rc_context  # optional

    buffer = io.StringIO()
    with rc_context({"svg.hashsalt": "ris_tf"}):  # fixed instead of random, so that ids in the file are reproducible
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None})
    return buffer.getvalue()
