"""How well predicted instances agree with the true ones, and their count with the true count.

Every function takes two label maps: integer [H, W], 0 background, any other value one instance;
ids need not be consecutive, and rows and columns of the matrices follow ascending ids. Pixels at
which the truth is -1 are ignored, see `labels.without_ignored`. All figures come from one
contingency table, so an image costs one pass over its pixels.

Sources: DiC and SBD: Scharr et al. 2016, "Leaf segmentation in plant phenotyping: a collation
study" (the CVPPP leaf challenge). AP(t) = TP / (TP + FP + FN): Caicedo et al. 2019 (the 2018 Data
Science Bowl) and Schmidt et al. 2018 (StarDist).
"""

import numpy as np
from scipy.optimize import linear_sum_assignment

from ris_tf.labels import without_ignored

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)  # IoU, as the cell field reports them


def overlap_matrix(truth, pred):
    """Counts the pixels that each true instance shares with each predicted one.

    Args:
        truth: integer `[H, W]`, N instances.
        pred: integer `[H, W]`, M instances.

    Returns:
        int64 `[N, M]`, in pixels, without background.

    Raises:
        ValueError: the two maps differ in shape.
    """
    return _overlaps_and_areas(truth, pred)[0]


def dice_matrix(truth, pred):
    """Dice coefficient of every pair, 2 |A and B| / (|A| + |B|).

    Args:
        truth: integer `[H, W]`, N instances.
        pred: integer `[H, W]`, M instances.

    Returns:
        float64 `[N, M]` in [0, 1].
    """
    return _dice(*_overlaps_and_areas(truth, pred))


def iou_matrix(truth, pred):
    """Intersection over union of every pair, |A and B| / |A or B|.

    Args:
        truth: integer `[H, W]`, N instances.
        pred: integer `[H, W]`, M instances.

    Returns:
        float64 `[N, M]` in [0, 1].
    """
    return _iou(*_overlaps_and_areas(truth, pred))


def best_dice(a, b):
    """Mean, over the instances of `a`, of the best Dice that any instance of `b` reaches.

    Args:
        a: integer `[H, W]`.
        b: integer `[H, W]`.

    Returns:
        float in [0, 1]; 1 where both maps are empty, 0 where only one of them is.
    """
    return _best_dice(dice_matrix(a, b))


def symmetric_best_dice(truth, pred):
    """SBD: the smaller of the two best Dice values, truth to prediction and back.

    The one direction forgives instances that were invented, the other those that were missed;
    their minimum forgives neither. Background is excluded.

    Args:
        truth: integer `[H, W]`.
        pred: integer `[H, W]`.

    Returns:
        float in [0, 1]; 1 where both maps are empty, 0 where only one of them is.
    """
    dice = dice_matrix(truth, pred)
    return min(_best_dice(dice), _best_dice(dice.T))


def difference_in_count(truth, pred):
    """DiC: predicted minus true number of instances, int; positive where too many were found."""
    overlaps = overlap_matrix(truth, pred)
    return overlaps.shape[1] - overlaps.shape[0]


def match_at(iou, threshold):
    """Matches true and predicted instances one to one, as many pairs as possible.

    Args:
        iou: float `[N, M]` in [0, 1], true by predicted.
        threshold: least IoU of a pair, in (0, 1].

    Returns:
        `(tp, fp, fn)`, ints: pairs, predictions left over, true instances left over.

    Raises:
        ValueError: `threshold` is outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1]. Received: {threshold}")
    allowed = np.asarray(iou) >= threshold
    n_true, n_pred = allowed.shape
    # Of disjoint instances no two can pass 0.5 with the same partner: the search is for the rest.
    if (allowed.sum(axis=0) <= 1).all() and (allowed.sum(axis=1) <= 1).all():
        tp = int(allowed.sum())
    else:
        tp = int(allowed[linear_sum_assignment(allowed, maximize=True)].sum())
    return tp, n_pred - tp, n_true - tp


def average_precision(truth, pred, threshold):
    """AP(t) of one image in the cell field's sense, TP / (TP + FP + FN).

    It is no area under a precision-recall curve: scores play no part in it.

    Args:
        truth: integer `[H, W]`.
        pred: integer `[H, W]`.
        threshold: least IoU of a match, in (0, 1].

    Returns:
        float in [0, 1]; 1 where both maps are empty.
    """
    return _precision(*match_at(iou_matrix(truth, pred), threshold))


def evaluate_image(truth, pred):
    """All figures of one image.

    Args:
        truth: integer `[H, W]`.
        pred: integer `[H, W]`.

    Returns:
        dict with the keys
        `count_true`, `count_pred`: ints;
        `dic`, `abs_dic`: difference in count and its absolute value, ints;
        `sbd`: symmetric best Dice, float in [0, 1];
        and for each t of 0.5, 0.6, 0.7, 0.8, 0.9
        `tp_t`, `fp_t`, `fn_t`: matches, false positives and false negatives at IoU >= t, ints;
        `ap_t`: TP / (TP + FP + FN), float in [0, 1].
    """
    overlaps, areas_true, areas_pred = _overlaps_and_areas(truth, pred)
    dice = _dice(overlaps, areas_true, areas_pred)
    iou = _iou(overlaps, areas_true, areas_pred)
    difference = len(areas_pred) - len(areas_true)
    row = {
        "count_true": len(areas_true),
        "count_pred": len(areas_pred),
        "dic": difference,
        "abs_dic": abs(difference),
        "sbd": min(_best_dice(dice), _best_dice(dice.T)),
    }
    for threshold in THRESHOLDS:
        tp, fp, fn = match_at(iou, threshold)
        row[f"tp_{threshold}"] = tp
        row[f"fp_{threshold}"] = fp
        row[f"fn_{threshold}"] = fn
        row[f"ap_{threshold}"] = _precision(tp, fp, fn)
    return row


def summarise(rows):
    """Figures of a data set from those of its images.

    AP is given twice, because the field does so. `ap_t` pools TP, FP and FN over all images before
    it divides, so that every instance weighs the same (StarDist's `matching_dataset` with
    `by_image=False`). `image_ap_t` is the mean of the images' own AP, so that every image weighs
    the same (the 2018 Data Science Bowl; StarDist's `by_image=True`, which however gives an image
    without any instance, true or predicted, 0 where this gives 1).

    Args:
        rows: list of dicts from `evaluate_image`, one for each image.

    Returns:
        flat dict with the keys
        `images`, `instances`: numbers of images and of true instances, ints;
        `dic`, `dic_std`, `abs_dic`, `abs_dic_std`, `sbd`, `sbd_std`: mean and population standard
        deviation over the images, floats;
        `relative_abs_dic`: mean |DiC| over mean true count, float; None where nothing is to count;
        `ap_0.5` ... `ap_0.9`, and their mean `ap_mean`: pooled, floats in [0, 1];
        `image_ap_0.5` ... `image_ap_0.9`, and their mean `image_ap_mean`: means over images.

    Raises:
        ValueError: `rows` is empty.
    """
    if not rows:
        raise ValueError("rows must hold at least one image. Received: none")
    columns = {key: np.array([row[key] for row in rows]) for key in rows[0]}
    instances = int(columns["count_true"].sum())
    summary = {"images": len(rows), "instances": instances}
    for key in ("dic", "abs_dic", "sbd"):
        summary[key] = float(columns[key].mean())
        summary[f"{key}_std"] = float(columns[key].std())
    summary["relative_abs_dic"] = float(columns["abs_dic"].sum() / instances) if instances else None
    for threshold in THRESHOLDS:
        pooled = (int(columns[f"{part}_{threshold}"].sum()) for part in ("tp", "fp", "fn"))
        summary[f"ap_{threshold}"] = _precision(*pooled)
        summary[f"image_ap_{threshold}"] = float(columns[f"ap_{threshold}"].mean())
    for prefix in ("ap", "image_ap"):
        values = [summary[f"{prefix}_{threshold}"] for threshold in THRESHOLDS]
        summary[f"{prefix}_mean"] = float(np.mean(values))
    return summary


def _overlaps_and_areas(truth, pred):
    """Contingency table of two label maps.

    Returns:
        `(overlaps, areas_true, areas_pred)`, int64 `[N, M]`, `[N]`, `[M]`, in pixels.
    """
    truth, pred = np.asarray(truth), np.asarray(pred)
    if truth.shape != pred.shape:
        raise ValueError(f"truth and pred must have one shape. Received: {truth.shape} and {pred.shape}")
    truth, pred = without_ignored(truth, pred)
    n_true, rows = _consecutive(truth)
    n_pred, columns = _consecutive(pred)
    width = n_pred + 1
    table = np.bincount(rows * width + columns, minlength=(n_true + 1) * width)
    table = table.reshape(n_true + 1, width)  # [N + 1, M + 1], background first
    return table[1:, 1:], table[1:].sum(axis=1), table[:, 1:].sum(axis=0)


def _consecutive(labels):
    """Number of instances, and every pixel's rank among the ids: int64 [H * W], 0 background."""
    ids, ranks = np.unique(labels, return_inverse=True)
    has_background = bool(ids.size) and ids[0] == 0
    ranks = ranks.reshape(-1).astype(np.int64)
    return (ids.size - 1, ranks) if has_background else (ids.size, ranks + 1)


def _dice(overlaps, areas_true, areas_pred):
    return 2 * overlaps / (areas_true[:, None] + areas_pred[None, :])


def _iou(overlaps, areas_true, areas_pred):
    return overlaps / (areas_true[:, None] + areas_pred[None, :] - overlaps)


def _best_dice(dice):
    n_a, n_b = dice.shape
    if n_a == 0 or n_b == 0:
        return float(n_a == n_b)
    return float(dice.max(axis=1).mean())


def _precision(tp, fp, fn):
    total = tp + fp + fn
    return tp / total if total else 1.0
