"""How much of each true instance each predicted one covers: the table that every metric is computed from.

Instances come as a label map, integer [H, W], 0 background, any other value one instance (ids need not be
consecutive), or as a mask stack [N, H, W], nonzero inside, in which masks may overlap. Rows and columns follow
ascending ids, or the order of the stack. Of two label maps the table costs one pass over their pixels, and pixels at
which the truth is -1 are ignored, see `labels.without_ignored`.
"""

import dataclasses

import numpy as np

from ris_tf.labels import labels_to_masks, without_ignored


@dataclasses.dataclass(frozen=True)
class Overlaps:
    """The instances of one image, true against predicted. All areas in pixels.

    Attributes:
        inter: int64 `[N, M]`, pixels that true instance n shares with predicted instance m.
        areas_true: int64 `[N]`.
        areas_pred: int64 `[M]`.
        foreground: ints `(both, true, pred)`: pixels inside any instance of both, of the truth, of the prediction.
        scores: float64 `[M]` in [0, 1], of the predicted instances; ones where none were given.
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
    """Compares the instances of one image.

    Args:
        truth: integer label map `[H, W]` or mask stack `[N, H, W]`.
        pred: the same of the prediction, M instances.
        scores: None, or float `[M]` in the order of the predicted instances; of one that is ignored it goes with it.

    Returns:
        Overlaps.

    Raises:
        ValueError: the two differ in height or width, or the scores are not one for each predicted instance.
    """
    truth, pred = np.asarray(truth), np.asarray(pred)
    if truth.shape[-2:] != pred.shape[-2:]:
        raise ValueError(f"truth and pred must have one shape. Received: {truth.shape} and {pred.shape}")
    if truth.ndim == 2 and pred.ndim == 2:
        truth, known = without_ignored(truth, pred)
        scores = _of_known(scores, pred, known)
        counted = _of_maps(truth, known)
    else:
        counted = _of_stacks(*(labels_to_masks(one) if one.ndim == 2 else one != 0 for one in (truth, pred)))
    found = counted[0].shape[1]
    scores = np.ones(found) if scores is None else np.asarray(scores, np.float64)
    if scores.shape != (found,):
        raise ValueError(f"scores must be one for each of the {found} instances. Received: shape {scores.shape}")
    return Overlaps(*counted, scores)


def _of_known(scores, pred, known):
    """The scores of those instances of `pred` that are left in `known`."""
    if scores is None or known is pred:
        return scores
    ids = np.unique(pred[pred > 0])
    if np.shape(scores) != ids.shape:
        raise ValueError(f"scores must be one for each of the {ids.size} instances. Received: {np.shape(scores)}")
    return np.asarray(scores)[np.isin(ids, known)]


def _of_maps(truth, pred):
    n_true, rows = _consecutive(truth)
    n_pred, columns = _consecutive(pred)
    width = n_pred + 1
    table = np.bincount(rows * width + columns, minlength=(n_true + 1) * width)
    table = table.reshape(n_true + 1, width)  # [N + 1, M + 1], background first
    foreground = int(table[1:, 1:].sum()), int(table[1:].sum()), int(table[:, 1:].sum())
    return table[1:, 1:], table[1:].sum(axis=1), table[:, 1:].sum(axis=0), foreground


def _of_stacks(truth, pred):
    either = [stack.any(axis=0) for stack in (truth, pred)]
    foreground = tuple(int(np.count_nonzero(part)) for part in (either[0] & either[1], *either))
    # float64 counts exactly and multiplies fast; integers do not.
    flat = [stack.reshape(len(stack), stack.shape[1] * stack.shape[2]).astype(np.float64) for stack in (truth, pred)]
    inter = (flat[0] @ flat[1].T).astype(np.int64)
    return inter, *(part.sum(axis=1).astype(np.int64) for part in flat), foreground


def _consecutive(labels):
    """Number of instances, and every pixel's rank among the ids: int64 [H * W], 0 background."""
    flat = labels.reshape(-1)
    if flat.size and flat.dtype.kind in "iu" and flat.min() >= 0 and flat.max() <= 4 * flat.size:
        present = np.bincount(flat.astype(np.int64, copy=False)) > 0  # by far faster than sorting
        present[0] = False
        ranks = np.where(present, np.cumsum(present), 0)
        return int(present.sum()), ranks[flat]
    ids, ranks = np.unique(flat, return_inverse=True)
    has_background = bool(ids.size) and ids[0] == 0
    ranks = ranks.reshape(-1).astype(np.int64)
    return (ids.size - 1, ranks) if has_background else (ids.size, ranks + 1)
