"""Error analysis: sorts the segmentation errors of an image into merged, split, inexact, missed and extra.

Objects matched at an IoU above 0.5 are right. Errors are looked for in this order:

    merged    a prediction that covers most (more than half) of two or more true objects
    split     a true object in which two or more predictions mostly lie
    inexact   a true object and a prediction that are neither right nor in an error above, one mostly inside the other
    missed    a true object that is none of these
    extra     a prediction that is none of these

A right object can also take part in a merged or split error: for example, a prediction that matches one true object
and covers another.
"""

import typing

import numpy as np

from ris_tf.evaluation.metrics import pairs

KINDS = ("missed", "extra", "split", "merged", "inexact")


class Mistake(typing.NamedTuple):
    """One error.

    Attributes:
        kind: one of KINDS.
        true: indices of the true objects involved, rows of the table of overlaps.
        pred: indices of the predicted objects involved, columns of the table.
    """

    kind: str
    true: tuple
    pred: tuple


def find(overlaps):
    """Finds the errors of one image.

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
    """Counts the errors: {kind: number}, with every kind of KINDS."""
    return {kind: sum(one.kind == kind for one in mistakes) for kind in KINDS}
