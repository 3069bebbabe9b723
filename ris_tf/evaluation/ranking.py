"""Average precision (AP) of predictions ranked by score over a data set: AP^r and COCO's mask AP.

AP^r (Hariharan et al. 2014, SDS; the table of people in Romera-Paredes & Torr 2016) follows PASCAL VOC. All
predictions of the data set are sorted by descending score. Each prediction belongs to the true instance of its image
with which its IoU is largest. It is right if that IoU reaches the threshold and no prediction with a higher score has
matched the same instance. AP is the area under the precision-recall curve, with precision made monotonic. "Ave"
(AP^r_vol) is the mean over IoU 0.1 to 0.9.

COCO's mask AP (Lin et al. 2014) is computed by pycocotools for one category. Each prediction takes the best instance
that is still free, and precision is read at 101 recalls. There are no crowd annotations and no separate ranges of
area. The limit of predictions per image is COCO's 100, or higher if an image has more.

If there is no true instance, AP is not defined (None).
"""

import contextlib
import dataclasses
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

VOLUME = tuple(round(0.1 * step, 1) for step in range(1, 10))  # IoU thresholds of AP^r
COCO_IOUS = np.linspace(0.5, 0.95, 10)  # the thresholds of pycocotools


@dataclasses.dataclass(frozen=True)
class Ranking:
    """The D predictions of a data set ranked by score, and which of them are right.

    Attributes:
        hits: bool `[D, K]`, whether each prediction is right at each IoU threshold, in order of descending score.
        image: int `[D]`, index of the image of each prediction.
        positives: int `[I]`, number of true instances of each image.
        rule: how AP is computed: "voc", area under the curve, or "coco", mean precision at 101 recalls.
    """

    hits: np.ndarray
    image: np.ndarray
    positives: np.ndarray
    rule: str

    def average_precision(self, weights=None):
        """Computes AP at each threshold.

        Args:
            weights: None, or int `[I]`, how many times each image counts, as in a bootstrap sample.

        Returns:
            float64 `[K]` in [0, 1]; NaN if there is no true instance.
        """
        weights = np.ones(len(self.positives), np.int64) if weights is None else np.asarray(weights)
        total = int(weights @ self.positives)
        if not total:
            return np.full(self.hits.shape[1], np.nan)
        each = weights[self.image]
        order = np.flatnonzero(each)
        each = each[order, None]
        tp = np.cumsum(each * self.hits[order], axis=0)  # [D, K]
        seen = np.cumsum(each, axis=0)
        precision = np.maximum.accumulate((tp / seen)[::-1], axis=0)[::-1]
        if self.rule == "voc":
            gained = np.diff(tp, axis=0, prepend=0) / total
            return (gained * precision).sum(axis=0)
        if not len(order):
            return np.zeros(self.hits.shape[1])
        result = []
        for recall, monotonic in zip((tp / total).T, precision.T, strict=True):
            at = np.searchsorted(recall, np.linspace(0, 1, 101), side="left")
            result.append(np.append(monotonic, 0.0)[at].mean())  # precision is 0 at recalls that are not reached
        return np.array(result)


def voc(images):
    """Ranks predictions by the rules of AP^r, at the IoU thresholds VOLUME.

    Args:
        images: list of Overlaps, one per image.

    Returns:
        Ranking.
    """
    hits = [_claims(one) for one in images]
    return _ranked(hits, [one.scores for one in images], [len(one.areas_true) for one in images], "voc", len(VOLUME))


def voc_figures(ranking):
    """AP^r of a Ranking from `voc`.

    Returns:
        dict with the keys `apr_0.1` ... `apr_0.9`, and their mean `apr_ave`: floats in [0, 1], or None if there is no
        true instance.
    """
    values = ranking.average_precision()
    named = {f"apr_{t}": value for t, value in zip(VOLUME, values, strict=True)}
    return _without_nan({**named, "apr_ave": values.mean()})


def coco(images):
    """Computes COCO's mask AP and AR with pycocotools.

    Args:
        images: list of Overlaps, one per image.

    Returns:
        figures: dict with the keys `coco_ap` (mean over IoU 0.5 to 0.95), `coco_ap_50`, `coco_ap_75`, `coco_ar`: floats
        in [0, 1], or None if there is no true instance.
        ranking: Ranking with the same AP, at the IoU thresholds COCO_IOUS.
    """
    evaluation = _Evaluation(images)
    with contextlib.redirect_stdout(io.StringIO()):  # pycocotools prints its progress
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]  # [K, 101]; -1 if not defined
    recall = evaluation.eval["recall"][:, 0, 0, 0]
    figures = {
        "coco_ap": precision.mean(),
        "coco_ap_50": precision[0].mean(),
        "coco_ap_75": precision[5].mean(),
        "coco_ar": recall.mean(),
    }
    defined = any(len(one.areas_true) for one in images)
    figures = _without_nan(figures if defined else dict.fromkeys(figures, np.nan))
    hits, scores = [], []
    for one, result in zip(images, evaluation.evalImgs, strict=True):
        hits.append(result["dtMatches"].T > 0 if result else np.zeros([len(one.scores), len(COCO_IOUS)], bool))
        scores.append(np.array(result["dtScores"]) if result else one.scores)
    ranking = _ranked(hits, scores, [len(one.areas_true) for one in images], "coco", len(COCO_IOUS))
    return figures, ranking


class _Evaluation(COCOeval):
    """pycocotools' evaluation, which takes the known IoU of the masks instead of computing it from masks."""

    def __init__(self, images):
        truth = [one.areas_true for one in images]
        super().__init__(_dataset(truth), _dataset([one.areas_pred for one in images], images), "bbox")
        self._iou = {index: one.iou for index, one in enumerate(images, 1)}
        self.params.maxDets = [max([100, *(len(one.scores) for one in images)])]
        self.params.areaRng, self.params.areaRngLbl = self.params.areaRng[:1], self.params.areaRngLbl[:1]

    def computeIoU(self, imgId, catId):  # noqa: N802, N803  (the names are pycocotools')
        iou = self._iou[imgId]
        if iou.size == 0:
            return []
        order = np.argsort([-one["score"] for one in self._dts[imgId, catId]], kind="mergesort")
        return iou.T[order]


def _dataset(areas, scored=None):
    """COCO dataset object of instances that have an area but no mask.

    Args:
        areas: list of int `[N]`, the areas of the instances of each image.
        scored: None for the truth; for predictions the list of Overlaps that holds their scores.
    """
    dataset, entries = COCO(), []
    for index, of_image in enumerate(areas, 1):
        for column, area in enumerate(of_image):
            entry = {"id": len(entries) + 1, "image_id": index, "category_id": 1, "area": float(area), "iscrowd": 0}
            if scored is not None:
                entry["score"] = float(scored[index - 1].scores[column])
            entries.append(entry)
    dataset.dataset = {
        "images": [{"id": index} for index in range(1, len(areas) + 1)],
        "annotations": entries,
        "categories": [{"id": 1, "name": "object"}],
    }
    with contextlib.redirect_stdout(io.StringIO()):
        dataset.createIndex()
    return dataset


def _claims(overlaps):
    """Whether each prediction of an image is right, bool [M, K]; predictions claim instances by descending score."""
    iou = overlaps.iou
    hits = np.zeros([iou.shape[1], len(VOLUME)], bool)
    if not iou.size:
        return hits
    nearest, best = iou.argmax(axis=0), iou.max(axis=0)
    order = np.argsort(-overlaps.scores, kind="stable")
    for k, threshold in enumerate(VOLUME):
        close = order[best[order] >= threshold]
        _, first = np.unique(nearest[close], return_index=True)
        hits[close[first], k] = True
    return hits


def _ranked(hits, scores, positives, rule, thresholds):
    """Ranking of the predictions of all images, from lists with an entry per image; ties keep their order."""
    image = np.repeat(np.arange(len(hits)), [len(one) for one in hits])
    order = np.argsort(-np.concatenate([*scores, np.zeros(0)]), kind="stable")
    stacked = np.concatenate([*hits, np.zeros([0, thresholds], bool)])
    return Ranking(stacked[order], image[order], np.array(positives, np.int64), rule)


def _without_nan(figures):
    """The figures as floats, with None in place of NaN."""
    return {key: None if np.isnan(value) else float(value) for key, value in figures.items()}
