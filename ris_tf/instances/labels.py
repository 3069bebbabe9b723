"""Instance segmentation of one image, and conversion between label maps, mask stacks and run lengths.

A label map is an integer image [H, W]: 0 is background, every other value is one instance, so a pixel belongs to at
most one instance. In a true label map, -1 (`IGNORED`) marks pixels in which the objects are not annotated one by one,
such as a crowd; training and metrics leave them out. A mask stack is bool [N, H, W]; its masks may overlap.

This module needs only NumPy.
"""

import dataclasses

import numpy as np

IGNORED = -1
_FEW_IDS = 2**20  # a table with an entry per id costs next to nothing up to this size


@dataclasses.dataclass(frozen=True)
class Instances:
    """The instances found in one image.

    Attributes:
        labels: int32 `[H, W]`; 0 is background, 1..count are instances.
        scores: float32 `[count]` in [0, 1]; `scores[i]` belongs to label `i + 1`.
        limit_reached: bool, whether the network used up all its steps, so that there may be more objects.

    Raises:
        ValueError: `labels` is not an integer image, or contains an id that has no score.
    """

    labels: np.ndarray
    scores: np.ndarray
    limit_reached: bool = False

    def __post_init__(self):
        labels = _checked(self.labels).astype(np.int32, copy=False)
        scores = np.asarray(self.scores, dtype=np.float32)
        if scores.ndim != 1:
            raise ValueError(f"scores must be one-dimensional. Received: shape {scores.shape}")
        if labels.size and labels.max() > scores.size:
            raise ValueError(
                "labels must be numbered 1..len(scores). "
                f"Received: largest label {labels.max()}, number of scores {scores.size}"
            )
        # The class is frozen; object.__setattr__ is the only way to convert the dtypes here.
        object.__setattr__(self, "labels", labels)
        object.__setattr__(self, "scores", scores)

    @property
    def count(self):
        """Number of instances, int."""
        return int(self.scores.size)

    @property
    def masks(self):
        """Masks of the instances, bool `[count, H, W]`; computed at every access and not stored, to save memory."""
        ids = np.arange(1, self.count + 1, dtype=np.int32)
        return self.labels[None] == ids[:, None, None]


def labels_to_masks(labels):
    """Converts a label map into one mask per instance.

    Args:
        labels: integer `[H, W]`; 0 is background, ids may have gaps.

    Returns:
        bool `[N, H, W]`, in ascending order of the ids.

    Raises:
        ValueError: `labels` is not a two-dimensional map of non-negative integers.
    """
    labels = _checked(labels)
    ids = np.unique(labels)
    ids = ids[ids > 0]
    return labels[None] == ids[:, None, None]


def masks_to_labels(masks):
    """Converts a mask stack into a label map; where masks overlap, the first mask wins.

    Args:
        masks: `[N, H, W]` of any dtype; nonzero is inside.

    Returns:
        int32 `[H, W]`; mask `i` becomes label `i + 1`. If a mask is hidden entirely by earlier masks, its id is missing
        (see `relabel`).

    Raises:
        ValueError: `masks` is not three-dimensional.
    """
    masks = np.asarray(masks)
    if masks.ndim != 3:
        raise ValueError(f"masks must be [N, H, W]. Received: shape {masks.shape}")
    labels = np.zeros(masks.shape[1:], dtype=np.int32)
    # Written from last to first, so that the first mask wins.
    for index in range(len(masks) - 1, -1, -1):
        labels[masks[index] != 0] = index + 1
    return labels


def smaller_on_top(masks):
    """Converts masks into a label map; where masks overlap, the smallest mask wins.

    Args:
        masks: sequence of at least one mask `[H, W]` of any dtype, all of the same shape; nonzero is inside.

    Returns:
        int32 `[H, W]`; mask `i` becomes label `i + 1`, same as in `masks_to_labels`.
    """
    labels = np.zeros(np.shape(masks[0]), dtype=np.int32)
    for index in np.argsort([-np.count_nonzero(mask) for mask in masks], kind="stable"):
        labels[np.asarray(masks[index]) != 0] = index + 1
    return labels


def without_ignored(truth, pred):
    """Removes ignored regions from a true and a predicted label map, before the two are compared.

    A predicted instance with more than half of its pixels in ignored regions counts as neither right nor wrong and is
    removed entirely (the rule of COCO's evaluation for crowds, at IoU 0.5). All other pixels in these regions become
    background in both maps.

    Args:
        truth: integer `[H, W]`, negative (`IGNORED`) in ignored regions.
        pred: integer `[H, W]`.

    Returns:
        `(truth, pred)`; the arguments themselves if nothing is ignored.
    """
    ignored = truth < 0
    if not ignored.any():
        return truth, pred
    ids, areas = np.unique(pred, return_counts=True)
    inside, hidden = np.unique(pred[ignored], return_counts=True)
    dropped = inside[(2 * hidden > areas[np.searchsorted(ids, inside)]) & (inside > 0)]
    return np.where(ignored, 0, truth), np.where(ignored | np.isin(pred, dropped), 0, pred)


def relabel(labels):
    """Renumbers the instances of a label map 1..N without gaps, in ascending order of their ids.

    Args:
        labels: integer `[H, W]`; 0 is background.

    Returns:
        int32 `[H, W]`.

    Raises:
        ValueError: `labels` is not a two-dimensional map of non-negative integers.
    """
    labels = _checked(labels)
    ids, inverse = np.unique(labels, return_inverse=True)
    first = 0 if ids.size and ids[0] == 0 else 1
    return (inverse.reshape(labels.shape) + first).astype(np.int32)


def bounded(labels):
    """Renumbers a true label map if its ids are too large, so that a table with an entry per id needs little memory.

    Ids are too large if they exceed both the number of pixels and 2^20.

    Args:
        labels: int32 `[H, W]`; 0 is background, `IGNORED` marks pixels to be ignored.

    Returns:
        int32 `[H, W]`: `labels` itself if its ids are small enough, otherwise with ids 1..N in the same order.
    """
    if labels.max(initial=0) <= max(labels.size, _FEW_IDS):
        return labels
    return np.where(labels > 0, relabel(np.maximum(labels, 0)), labels).astype(np.int32)


def labels_to_runs(labels):
    """Run-length encodes every instance in COCO's way: column by column, starting with background.

    Args:
        labels: integer `[H, W]`; 0 is background, ids may have gaps.

    Returns:
        list of lists of int, in ascending order of the ids: COCO's uncompressed RLE counts, which sum to H * W.

    Raises:
        ValueError: `labels` is not a two-dimensional map of non-negative integers.
    """
    flat = _checked(labels).ravel(order="F")
    starts = np.concatenate([[0], np.flatnonzero(np.diff(flat)) + 1])[: flat.size]
    ends, values = np.append(starts[1:], flat.size), flat[starts]
    runs = []
    for value in np.unique(values[values > 0]):
        mine = values == value
        bounds = np.stack([starts[mine], ends[mine]], axis=1).ravel()
        runs.append(np.diff(bounds, prepend=0, append=flat.size).tolist())
        if bounds[-1] == flat.size:
            runs[-1].pop()  # the instance ends at the last pixel: no background follows
    return runs


def _checked(labels):
    """`labels` as an array; raises ValueError if it is not a label map of non-negative ids."""
    labels = np.asarray(labels)
    if labels.ndim != 2 or labels.dtype.kind not in "iub":
        raise ValueError(f"labels must be an integer map [H, W]. Received: shape {labels.shape}, dtype {labels.dtype}")
    if labels.dtype.kind == "i" and labels.size and labels.min() < 0:
        raise ValueError(f"labels must not be negative. Received: {labels.min()}")
    return labels
