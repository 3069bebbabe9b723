"""The figures of an evaluation by name: what is printed, explained in the report and compared between runs."""

import typing


class Figure(typing.NamedTuple):
    """One figure of metrics.json."""

    key: str
    title: str
    meaning: str
    best: str  # "high", "low", or "zero"


FIGURES = (
    Figure("dic", "DiC", "predicted minus true count, mean over images", "zero"),
    Figure("abs_dic", "|DiC|", "mean absolute difference in count, the MAE of the count", "low"),
    Figure("count_rmse", "RMSE of the count", "root of the mean squared difference in count", "low"),
    Figure("count_r2", "R² of the count", "1 - squared differences / spread of the true counts", "high"),
    Figure("sbd", "SBD", "symmetric best Dice, the smaller of the next two, mean over images", "high"),
    Figure("best_dice", "BestDice", "best Dice of each true object, mean", "high"),
    Figure("best_dice_pred", "BestDice, predicted", "best Dice of each predicted object, mean", "high"),
    Figure("foreground_dice", "Foreground Dice", "all objects together against background", "high"),
    Figure("ap_mean", "AP, cell field", "TP / (TP + FP + FN), mean over IoU 0.5 to 0.9, all objects pooled", "high"),
    Figure("ap_0.5", "AP(0.5), cell field", "TP / (TP + FP + FN) at IoU 0.5", "high"),
    Figure("image_ap_mean", "AP, mean of images", "the same of each image, then the mean", "high"),
    Figure("pq", "PQ", "panoptic quality, SQ x RQ, all objects pooled", "high"),
    Figure("sq", "SQ", "mean IoU of the objects matched above 0.5", "high"),
    Figure("rq", "RQ", "F1 of the objects at IoU above 0.5", "high"),
    Figure("aji", "AJI", "aggregated Jaccard index, mean over images", "high"),
    Figure("apr_0.5", "AP^r(0.5)", "area under precision and recall, ranked by score, VOC's rules", "high"),
    Figure("apr_ave", "AP^r Ave", "the same, mean over IoU 0.1 to 0.9", "high"),
    Figure("coco_ap", "COCO mask AP", "pycocotools, mean over IoU 0.5 to 0.95", "high"),
    Figure("coco_ap_50", "COCO AP50", "pycocotools at IoU 0.5", "high"),
    Figure("coco_ap_75", "COCO AP75", "pycocotools at IoU 0.75", "high"),
)


def text(value, signed=False):
    """A figure as it is shown; a dash where it is not defined."""
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def verdict(figure, low, high):
    """Whether a difference with this interval is "better", "worse" or, where 0 is within, neither: ""."""
    if low is None or low <= 0 <= high or figure.best == "zero":
        return ""
    return "better" if (low > 0) == (figure.best == "high") else "worse"
