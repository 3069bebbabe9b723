"""Table of the evaluation metrics ("figures"): key, title, meaning, and which direction is better.

The report and the comparison of two runs take their rows and explanations from here.
"""

import typing


class Figure(typing.NamedTuple):
    """One figure of metrics.json.

    Attributes:
      key: its key in metrics.json.
      title: its name in tables.
      meaning: explanation of one line for the report.
      best: "high", "low" or "zero": the best value.
    """

    key: str
    title: str
    meaning: str
    best: str


FIGURES = (
    Figure("dic", "DiC", "predicted count minus true count, mean over images", "zero"),
    Figure("abs_dic", "|DiC|", "mean absolute difference in count (MAE)", "low"),
    Figure("count_rmse", "RMSE of the count", "root mean squared difference in count", "low"),
    Figure("count_r2", "R² of the count", "1 - squared differences / squares around the mean true count", "high"),
    Figure("sbd", "SBD", "symmetric best Dice: the smaller of the next two for each image, mean over images", "high"),
    Figure("best_dice", "BestDice", "best Dice of each true object, averaged", "high"),
    Figure("best_dice_pred", "BestDice, predicted", "best Dice of each predicted object, averaged", "high"),
    Figure("foreground_dice", "Foreground Dice", "Dice of all objects together against the background", "high"),
    Figure("ap_mean", "AP, pooled", "TP / (TP + FP + FN) over all images, mean over IoU 0.5 to 0.9", "high"),
    Figure("ap_0.5", "AP(0.5), pooled", "TP / (TP + FP + FN) over all images, at IoU 0.5", "high"),
    Figure("image_ap_mean", "AP, mean of images", "the same for each image, mean over IoU and images", "high"),
    Figure("pq", "PQ", "panoptic quality, SQ x RQ, pooled over all images", "high"),
    Figure("sq", "SQ", "segmentation quality: mean IoU of the objects matched at IoU above 0.5", "high"),
    Figure("rq", "RQ", "recognition quality: F1 score of the matching at IoU above 0.5", "high"),
    Figure("aji", "AJI", "aggregated Jaccard index, mean over images", "high"),
    Figure("apr_0.5", "AP^r(0.5)", "area under the precision-recall curve, ranked by score, by VOC's rules", "high"),
    Figure("apr_ave", "AP^r Ave", "AP^r, mean over IoU 0.1 to 0.9", "high"),
    Figure("coco_ap", "COCO mask AP", "computed by pycocotools, mean over IoU 0.5 to 0.95", "high"),
    Figure("coco_ap_50", "COCO AP50", "computed by pycocotools, at IoU 0.5", "high"),
    Figure("coco_ap_75", "COCO AP75", "computed by pycocotools, at IoU 0.75", "high"),
)


def text(value, signed=False):
    """Formats a figure with three decimals; a dash if it is None, that is, not defined."""
    if value is None:
        return "-"
    return f"{value:+.3f}" if signed else f"{value:.3f}"


def verdict(figure, low, high):
    """Says whether a difference is an improvement.

    Args:
      figure: Figure.
      low, high: 95% interval of the difference, floats or both None.

    Returns:
      "better" or "worse"; "" if there is no interval, if it contains 0, or if the figure's best value is zero.
    """
    if low is None or low <= 0 <= high or figure.best == "zero":
        return ""
    return "better" if (low > 0) == (figure.best == "high") else "worse"
