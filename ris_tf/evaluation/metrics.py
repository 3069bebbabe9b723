"""Evaluation metrics of instance segmentation and counting: DiC, SBD, Dice, AP, PQ, AJI.

Metrics are computed for one image and summarised over a data set. They do not use the scores of the predictions; for
those that do, see `ris_tf.evaluation.ranking`. Every function with the arguments `truth` and `pred` takes label maps or
mask stacks, see `ris_tf.evaluation.overlaps`.

If an image contains no instance and none is predicted, every metric in [0, 1] is 1. If only one of the two is empty,
it is 0.

Sources: DiC, BestDice, SBD, foreground Dice: Scharr et al. 2016, "Leaf segmentation in plant phenotyping: a collation
study" (the CVPPP leaf challenge). AP(t) = TP / (TP + FP + FN): Caicedo et al. 2019 (the 2018 Data Science Bowl) and
Schmidt et al. 2018 (StarDist). PQ, SQ, RQ: Kirillov et al. 2019. AJI: Kumar et al. 2017.
"""

import numpy as np

from ris_tf.evaluation.overlaps import compare

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9)  # of the IoU, as usual for cells and nuclei
MEANS = ("dic", "abs_dic", "sbd", "best_dice", "best_dice_pred", "foreground_dice", "aji")  # averaged over images


def best_dice(a, b):
    """BestDice BD(a, b): the best Dice of each instance of `a` with any instance of `b`, averaged.

    Returns:
        float in [0, 1]; 1 if both are empty, 0 if only one of them is.
    """
    return _best_dice(compare(a, b).dice)


def symmetric_best_dice(truth, pred):
    """SBD: the smaller of BD(truth, pred) and BD(pred, truth).

    BD(truth, pred) does not penalise false positives, BD(pred, truth) does not penalise missed instances; the minimum
    penalises both. Background is excluded.

    Returns:
        float in [0, 1]; 1 if both are empty, 0 if only one of them is.
    """
    dice = compare(truth, pred).dice
    return min(_best_dice(dice), _best_dice(dice.T))


def match_at(iou, threshold):
    """Counts matches: pairs true and predicted instances one to one, as many pairs as possible.

    Args:
        iou: float `[N, M]` in [0, 1], true by predicted.
        threshold: smallest IoU of a pair, in (0, 1].

    Returns:
        `(tp, fp, fn)`, ints: pairs, unmatched predictions, unmatched true instances.

    Raises:
        ValueError: `threshold` is outside (0, 1].
    """
    if not 0 < threshold <= 1:
        raise ValueError(f"threshold must be in (0, 1]. Received: {threshold}")
    allowed = np.asarray(iou) >= threshold
    n_true, n_pred = allowed.shape
    # Disjoint instances can exceed IoU 0.5 with one partner only; the assignment is solved for all other cases.
    tp = int(allowed.sum()) if _one_to_one(allowed) else int(allowed[_assigned(allowed)].sum())
    return tp, n_pred - tp, n_true - tp


def pairs(iou):
    """Matches true and predicted instances one to one at IoU above 0.5, so that the sum of the IoU is largest.

    Args:
        iou: float `[N, M]` in [0, 1], true by predicted.

    Returns:
        rows, columns: int `[K]` each, indices of the true and the predicted instance of each pair.
    """
    close = np.where(iou > 0.5, iou, 0.0)
    if _one_to_one(close > 0):
        return np.nonzero(close)
    rows, columns = _assigned(close)
    kept = close[rows, columns] > 0
    return rows[kept], columns[kept]


def _assigned(gains):
    """The rows and columns of the assignment with the largest sum of gains `[N, M]`."""
    from scipy.optimize import linear_sum_assignment  # a light installation lacks SciPy, and it is rarely needed

    return linear_sum_assignment(gains, maximize=True)


def average_precision(truth, pred, threshold):
    """AP(t) of one image as defined for cell segmentation, TP / (TP + FP + FN).

    This is not the area under a precision-recall curve: it does not use scores.

    Args:
        threshold: smallest IoU of a match, in (0, 1].

    Returns:
        float in [0, 1]; 1 if both are empty.
    """
    return _precision(*match_at(compare(truth, pred).iou, threshold))


def evaluate_image(truth, pred):
    """Computes all metrics of one image, see `row`."""
    return row(compare(truth, pred))


def row(overlaps):
    """Computes all metrics of one image from its table of overlaps.

    Args:
        overlaps: Overlaps.

    Returns:
        dict with the keys
        `count_true`, `count_pred`: ints;
        `dic`, `abs_dic`: predicted minus true count and its absolute value, ints;
        `sbd`: symmetric best Dice; `best_dice`: BD(truth, prediction); `best_dice_pred`: BD(prediction, truth);
        `foreground_dice`: Dice of all instances together against background;
        `aji`: aggregated Jaccard index; `pq`, `sq`, `rq`: panoptic, segmentation and recognition quality;
        `iou_sum`, `pq_tp`: the parts of pooled PQ, that is, the sum of IoU over the matches above 0.5 and their number;
        and for each t in 0.5, 0.6, 0.7, 0.8, 0.9
        `tp_t`, `fp_t`, `fn_t`: matches, false positives and false negatives at IoU >= t, ints;
        `ap_t`: TP / (TP + FP + FN). Keys whose type is not given are floats in [0, 1], except `iou_sum`.
    """
    iou, dice = overlaps.iou, overlaps.dice
    n_true, n_pred = iou.shape
    matched = iou[pairs(iou)]
    figures = {
        "count_true": n_true,
        "count_pred": n_pred,
        "dic": n_pred - n_true,
        "abs_dic": abs(n_pred - n_true),
        "sbd": min(_best_dice(dice), _best_dice(dice.T)),
        "best_dice": _best_dice(dice),
        "best_dice_pred": _best_dice(dice.T),
        "foreground_dice": _foreground_dice(*overlaps.foreground),
        "aji": _aggregated_jaccard(overlaps, iou),
        **_panoptic(float(matched.sum()), matched.size, n_true, n_pred),
        "iou_sum": float(matched.sum()),
        "pq_tp": int(matched.size),
    }
    for threshold in THRESHOLDS:
        tp, fp, fn = match_at(iou, threshold)
        figures[f"tp_{threshold}"] = tp
        figures[f"fp_{threshold}"] = fp
        figures[f"fn_{threshold}"] = fn
        figures[f"ap_{threshold}"] = _precision(tp, fp, fn)
    return figures


def summarise(rows):
    """Summarises the metrics of the images of a data set.

    AP is given in both ways that are in use. `ap_t` pools TP, FP and FN over all images before the division, so that
    every instance has the same weight (StarDist's `matching_dataset` with `by_image=False`). `image_ap_t` is the mean
    of the AP of each image, so that every image has the same weight (the 2018 Data Science Bowl, and StarDist's
    `by_image=True`; but for an image with no instance, true or predicted, StarDist gives 0 and this function 1).

    Args:
        rows: list of dicts from `row`, one for each image.

    Returns:
        flat dict with the keys
        `images`, `instances`: numbers of images and of true instances, ints;
        those in `MEANS`, and each with `_std`: mean and population standard deviation over the images;
        `relative_abs_dic`: mean |DiC| divided by the mean true count; None if there is no true instance;
        `count_mae`, `count_rmse`, `count_r2`: errors of the counts; R2 = 1 - sum of squared errors / sum of squares
        around the mean true count, None if all true counts are equal;
        `pq`, `sq`, `rq`: pooled over all images, as published; `image_pq`: mean of the PQ of each image;
        `ap_0.5` ... `ap_0.9`, and their mean `ap_mean`: pooled;
        `image_ap_0.5` ... `image_ap_0.9`, and their mean `image_ap_mean`: means over images.

    Raises:
        ValueError: `rows` is empty.
    """
    if not rows:
        raise ValueError("rows must hold at least one image. Received: an empty list")
    return summarise_columns({key: np.array([one[key] for one in rows]) for key in rows[0] if key != "image"})


def summarise_columns(columns):
    """Same as `summarise`, from columns: {key: array [images]}."""
    true, difference = columns["count_true"].astype(float), columns["dic"].astype(float)
    instances, found = int(columns["count_true"].sum()), int(columns["count_pred"].sum())
    summary = {"images": len(true), "instances": instances}
    for key in MEANS:
        summary[key] = float(columns[key].mean())
        summary[f"{key}_std"] = float(columns[key].std())
    summary["relative_abs_dic"] = float(columns["abs_dic"].sum() / instances) if instances else None
    squares, spread = float((difference**2).sum()), float(((true - true.mean()) ** 2).sum())
    summary["count_mae"] = summary["abs_dic"]
    summary["count_rmse"] = (squares / len(true)) ** 0.5
    summary["count_r2"] = 1 - squares / spread if spread > 0 else None
    summary |= _panoptic(float(columns["iou_sum"].sum()), int(columns["pq_tp"].sum()), instances, found)
    summary["image_pq"] = float(columns["pq"].mean())
    for threshold in THRESHOLDS:
        pooled = (int(columns[f"{part}_{threshold}"].sum()) for part in ("tp", "fp", "fn"))
        summary[f"ap_{threshold}"] = float(_precision(*pooled))
        summary[f"image_ap_{threshold}"] = float(columns[f"ap_{threshold}"].mean())
    for prefix in ("ap", "image_ap"):
        summary[f"{prefix}_mean"] = float(np.mean([summary[f"{prefix}_{t}"] for t in THRESHOLDS]))
    return summary


def _one_to_one(allowed):
    """Whether no row and no column of bool [N, M] has more than one True."""
    return (allowed.sum(axis=0) <= 1).all() and (allowed.sum(axis=1) <= 1).all()


def _best_dice(dice):
    n_a, n_b = dice.shape
    if n_a == 0 or n_b == 0:
        return float(n_a == n_b)
    return float(dice.max(axis=1).mean())


def _foreground_dice(both, true, pred):
    return 2 * both / (true + pred) if true + pred else 1.0


def _aggregated_jaccard(overlaps, iou):
    """AJI: each true instance takes the prediction of the largest IoU; unused predictions only add to the union."""
    n_true, n_pred = iou.shape
    if n_true == 0 or n_pred == 0:
        return float(n_true == n_pred)
    rows, best = np.arange(n_true), iou.argmax(axis=1)
    inter = overlaps.inter[rows, best]
    touched = inter > 0
    union = overlaps.areas_true + np.where(touched, overlaps.areas_pred[best] - inter, 0)
    unused = np.delete(overlaps.areas_pred, best[touched]).sum()
    return float(inter.sum() / (union.sum() + unused))


def _panoptic(iou_sum, tp, n_true, n_pred):
    """PQ, SQ and RQ; SQ is 0 if nothing matches, and all three are 1 if there is no instance at all."""
    if n_true + n_pred == 0:
        return {"pq": 1.0, "sq": 1.0, "rq": 1.0}
    rq = 2 * tp / (n_true + n_pred)  # because TP + FP / 2 + FN / 2 = (n_true + n_pred) / 2
    sq = iou_sum / tp if tp else 0.0
    return {"pq": rq * sq, "sq": sq, "rq": rq}


def _precision(tp, fp, fn):
    total = tp + fp + fn
    return tp / total if total else 1.0
