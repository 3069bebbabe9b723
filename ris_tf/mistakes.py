"""What went wrong in an image, each error by its name.

Objects matched at an IoU above 0.5 are right. The errors, in this order:

    merged    a prediction that holds most (more than half) of two or more true objects
    split     a true object in which two or more predictions mostly lie
    inexact   a true object and a prediction, neither right nor in the above, one of them mostly in the other
    missed    a true object that is none of these
    extra     a prediction that is none of these

What is right may be part of a merged or split one too: the prediction that matches one true object and holds another.
"""

import typing

import numpy as np

from ris_tf.metrics import pairs

KINDS = ("missed", "extra", "split", "merged", "inexact")


class Mistake(typing.NamedTuple):
    """One error: its name, and the rows of the true and columns of the predicted objects that it is about."""

    kind: str
    true: tuple
    pred: tuple


def find(overlaps):
    """Names the errors of one image.

    Args:
        overlaps: Overlaps.

    Returns:
        list of Mistake, in the order of KINDS.
    """
    n_true, n_pred = overlaps.inter.shape
    held = 2 * overlaps.inter > overlaps.areas_true[:, None]  # most of the true object is in the prediction
    within = 2 * overlaps.inter > overlaps.areas_pred[None]  # most of the prediction is in the true object
    rows, columns = pairs(overlaps.iou)
    true, pred = set(range(n_true)) - set(rows.tolist()), set(range(n_pred)) - set(columns.tolist())
    found = []

    def settle(kind, of_true, of_pred):
        found.append(Mistake(kind, tuple(int(i) for i in of_true), tuple(int(j) for j in of_pred)))
        true.difference_update(of_true)
        pred.difference_update(of_pred)

    for column in range(n_pred):
        inside = np.flatnonzero(held[:, column])
        if len(inside) > 1:
            settle("merged", inside.tolist(), [column])
    for row in range(n_true):
        parts = np.flatnonzero(within[row])
        if len(parts) > 1:
            settle("split", [row], parts.tolist())
    for row in sorted(true):
        near = [column for column in sorted(pred) if held[row, column] or within[row, column]]
        if near:
            settle("inexact", [row], [max(near, key=lambda column: overlaps.iou[row, column])])
    for row in sorted(true):
        settle("missed", [row], [])
    for column in sorted(pred):
        settle("extra", [], [column])
    return sorted(found, key=lambda one: KINDS.index(one.kind))


def count(mistakes):
    """{kind: number of errors}, every kind."""
    return {kind: sum(one.kind == kind for one in mistakes) for kind in KINDS}
