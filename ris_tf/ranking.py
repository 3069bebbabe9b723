"""Average precision of predictions ranked by their score over a whole data set: AP^r and COCO's mask AP.

AP^r (Hariharan et al. 2014, SDS; the table of people in Romera-Paredes & Torr 2016) follows PASCAL VOC: all
predictions of the data set in the order of falling score; each belongs to the true instance of its image with which
its IoU is largest, and is right if that IoU reaches the threshold and no prediction of a higher score had the same
one; AP is the area under precision made monotonic over recall. "Ave" (AP^r_vol) is the mean over IoU 0.1 to 0.9.

COCO's mask AP (Lin et al. 2014) is pycocotools' own, of one category; each prediction takes the best instance that is
still free, and precision is read at 101 recalls. Crowds and areas apart play no part. As many predictions an image
are counted as there are, at least COCO's 100.

Without any true instance, AP is not defined: None.
"""

import contextlib
import dataclasses
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

VOLUME = tuple(round(0.1 * step, 1) for step in range(1, 10))  # IoU thresholds of AP^r
COCO_IOUS = np.linspace(0.5, 0.95, 10)  # as pycocotools has them


@dataclasses.dataclass(frozen=True)
class Ranking:
    """Which predictions of a data set are right, by their rank.

    Attributes:
        hits: bool `[D, K]`, predictions in the order of falling score, by IoU threshold.
        image: int `[D]`, the image of each.
        positives: int `[I]`, true instances of each image.
        rule: "voc", the whole area, or "coco", the mean at 101 recalls.
    """

    hits: np.ndarray
    image: np.ndarray
    positives: np.ndarray
    rule: str

    def average_precision(self, weights=None):
        """AP at each threshold.

        Args:
            weights: None, or int `[I]`, how often each image counts, as in a bootstrap sample.

        Returns:
            float64 `[K]` in [0, 1]; NaN without any true instance.
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
            result.append(np.append(monotonic, 0.0)[at].mean())  # 0 at recalls that are not reached
        return np.array(result)


def voc(images):
    """Ranks predictions by the rules of AP^r, at the thresholds VOLUME.

    Args:
        images: list of Overlaps.

    Returns:
        Ranking.
    """
    hits = [_claims(one) for one in images]
    return _ranked(hits, [one.scores for one in images], [len(one.areas_true) for one in images], "voc", len(VOLUME))


def voc_figures(ranking):
    """{`apr_0.1` ... `apr_0.9`, and their mean `apr_ave`}; floats in [0, 1], None without any true instance."""
    values = ranking.average_precision()
    named = {f"apr_{t}": value for t, value in zip(VOLUME, values, strict=True)}
    return _without_nan({**named, "apr_ave": values.mean()})


def coco(images):
    """Evaluates by pycocotools.

    Args:
        images: list of Overlaps.

    Returns:
        figures: {`coco_ap` (mean over IoU 0.5 to 0.95), `coco_ap_50`, `coco_ap_75`, `coco_ar`}; floats in [0, 1], None
        without any true instance.
        ranking: Ranking with the same AP, at the thresholds COCO_IOUS.
    """
    evaluation = _Evaluation(images)
    with contextlib.redirect_stdout(io.StringIO()):  # it reports its progress there
        evaluation.evaluate()
        evaluation.accumulate()
    precision = evaluation.eval["precision"][:, :, 0, 0, 0]  # [K, 101]; -1 where not defined
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
    """pycocotools' evaluation, given the IoU of masks in place of the masks."""

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
    """COCO object of instances that have an area and no shape."""
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
    """bool [M, K] of one image: whether each prediction is right, the better-scored ones first to claim."""
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
    image = np.repeat(np.arange(len(hits)), [len(one) for one in hits])
    order = np.argsort(-np.concatenate([*scores, np.zeros(0)]), kind="stable")
    stacked = np.concatenate([*hits, np.zeros([0, thresholds], bool)])
    return Ranking(stacked[order], image[order], np.array(positives, np.int64), rule)


def _without_nan(figures):
    return {key: None if np.isnan(value) else float(value) for key, value in figures.items()}
