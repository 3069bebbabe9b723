"""Overlap table of true and predicted instances (intersections, IoU, Dice), from which every metric is computed.

Instances are given as a label map or as a mask stack. A label map is integer [H, W]: 0 is background, any other value
one instance; ids need not be consecutive. A mask stack is [N, H, W], nonzero inside; masks may overlap. Rows and
columns are in ascending order of the ids, or in the order of the stack. For two label maps the table takes one pass
over the pixels, and pixels where the truth is -1 are ignored, see `labels.without_ignored`.
"""

import dataclasses

import numpy as np

from ris_tf.instances.labels import labels_to_masks, without_ignored


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """Overlaps of the N true and M predicted instances of one image. All areas are in pixels.

    Attributes:
        inter: int64 `[N, M]`, area that true instance n shares with predicted instance m.
        areas_true: int64 `[N]`, areas of the true instances.
        areas_pred: int64 `[M]`, areas of the predicted instances.
        foreground: ints `(both, true, pred)`: pixels inside any true and any predicted instance, inside any true
            instance, and inside any predicted instance.
        scores: float64 `[M]` in [0, 1], scores of the predicted instances; ones if none were given.
    """

    inter: np.ndarray
    areas_true: np.ndarray
    areas_pred: np.ndarray
    foreground: tuple
    scores: np.ndarray

    @property
    def iou(self):
        """float64 `[N, M]` in [0, 1]: |A and B| / |A or B|."""
        return self.inter / np.maximum(self.areas_true[:, None] + self.areas_pred[None] - self.inter, 1)

    @property
    def dice(self):
        """float64 `[N, M]` in [0, 1]: 2 |A and B| / (|A| + |B|)."""
        return 2 * self.inter / np.maximum(self.areas_true[:, None] + self.areas_pred[None], 1)


def compare(truth, pred, scores=None):
    """Computes the overlaps of the true and the predicted instances of one image.

    Args:
        truth: integer label map `[H, W]` or mask stack `[N, H, W]`.
        pred: predicted instances, in either form, M instances.
        scores: None, or float `[M]` in the order of the predicted instances. If a predicted instance is ignored, its
            score is dropped too.

    Returns:
        Overlaps.

    Raises:
        ValueError: the two differ in height or width, or there is not one score for each predicted instance.
    """
    truth, pred = np.asarray(truth), np.asarray(pred)
    if truth.shape[-2:] != pred.shape[-2:]:
        raise ValueError(f"truth and pred must be of the same size. Received: {truth.shape} and {pred.shape}")
    if truth.ndim == 2 and pred.ndim == 2:
        truth, known = without_ignored(truth, pred)
        scores = _of_known(scores, pred, known)
        counted = _of_maps(truth, known)
    else:
        counted = _of_stacks(*(labels_to_masks(one) if one.ndim == 2 else one != 0 for one in (truth, pred)))
    found = counted[0].shape[1]
    scores = np.ones(found) if scores is None else np.asarray(scores, np.float64)
    if scores.shape != (found,):
        raise ValueError(f"scores must have one value per instance: {found}. Received: shape {scores.shape}")
    return Overlaps(*counted, scores)


def _of_known(scores, pred, known):
    """Scores of the instances of `pred` that remain in `known`."""
    if scores is None or known is pred:
        return scores
    ids = np.unique(pred[pred > 0])
    if np.shape(scores) != ids.shape:
        raise ValueError(f"scores must have one value per instance: {ids.size}. Received: shape {np.shape(scores)}")
    return np.asarray(scores)[np.isin(ids, known)]


def _of_maps(truth, pred):
    """The fields of Overlaps except the scores, from two label maps [H, W]."""
    n_true, rows = _consecutive(truth)
    n_pred, columns = _consecutive(pred)
    width = n_pred + 1
    table = np.bincount(rows * width + columns, minlength=(n_true + 1) * width)
    table = table.reshape(n_true + 1, width)  # [N + 1, M + 1], background first
    foreground = int(table[1:, 1:].sum()), int(table[1:].sum()), int(table[:, 1:].sum())
    return table[1:, 1:], table[1:].sum(axis=1), table[:, 1:].sum(axis=0), foreground


def _of_stacks(truth, pred):
    """The fields of Overlaps except the scores, from two mask stacks, bool [N, H, W] and [M, H, W]."""
    either = [stack.any(axis=0) for stack in (truth, pred)]
    foreground = tuple(int(np.count_nonzero(part)) for part in (either[0] & either[1], *either))
    # float64 counts exactly, and its matrix product is fast; that of integers is not.
    flat = [stack.reshape(len(stack), stack.shape[1] * stack.shape[2]).astype(np.float64) for stack in (truth, pred)]
    inter = (flat[0] @ flat[1].T).astype(np.int64)
    return inter, *(part.sum(axis=1).astype(np.int64) for part in flat), foreground


def _consecutive(labels):
    """Number of instances, and the rank of each pixel's id: int64 [H * W], 0 for background, from 1 for instances."""
    flat = labels.reshape(-1)
    if flat.size and flat.dtype.kind in "iu" and flat.min() >= 0 and flat.max() <= 4 * flat.size:
        present = np.bincount(flat.astype(np.int64, copy=False)) > 0  # much faster than sorting
        present[0] = False
        ranks = np.where(present, np.cumsum(present), 0)
        return int(present.sum()), ranks[flat]
    ids, ranks = np.unique(flat, return_inverse=True)
    has_background = bool(ids.size) and ids[0] == 0
    ranks = ranks.reshape(-1).astype(np.int64)
    return (ids.size - 1, ranks) if has_background else (ids.size, ranks + 1)
