"""Error analysis, on synthetic cases with known errors."""

import numpy as np

from ris_tf.evaluation import mistakes
from ris_tf.evaluation.overlaps import compare


def bars(*spans, length=60):
    """Label map [2, length] of spans (first, end), numbered from 1."""
    labels = np.zeros((2, length), int)
    for number, (first, end) in enumerate(spans, 1):
        labels[:, first:end] = number
    return labels


def test_every_kind_is_named():
    truth = bars((0, 10), (10, 20), (20, 26), (30, 40), (45, 49), (52, 60))
    #            right    merged with next  split      missed    inexact
    pred = bars((0, 9), (10, 26), (30, 35), (35, 40), (41, 44), (57, 60))
    found = mistakes.find(compare(truth, pred))
    assert [(one.kind, one.true, one.pred) for one in found] == [
        ("missed", (4,), ()),
        ("extra", (), (4,)),
        ("split", (3,), (2, 3)),
        ("merged", (1, 2), (1,)),
        ("inexact", (5,), (5,)),
    ]
    assert mistakes.count(found) == dict.fromkeys(mistakes.KINDS, 1)


def test_what_is_right_or_empty_has_no_errors():
    truth, empty = bars((0, 10), (10, 20)), bars()
    assert mistakes.find(compare(truth, truth)) == []
    assert mistakes.find(compare(empty, empty)) == []
    assert [one.kind for one in mistakes.find(compare(truth, empty))] == ["missed", "missed"]
    assert [one.kind for one in mistakes.find(compare(empty, truth))] == ["extra", "extra"]


def test_every_unmatched_object_is_in_an_error():
    rng = np.random.default_rng(0)
    for _ in range(50):
        pieces = [np.sort(rng.choice(60, 8, replace=False)).reshape(4, 2) for _ in range(2)]
        table = compare(*(bars(*spans) for spans in pieces))
        found = mistakes.find(table)
        right = table.iou.max(axis=1) > 0.5, table.iou.max(axis=0) > 0.5
        named = [{i for one in found for i in one.true}, {j for one in found for j in one.pred}]
        for known, of_side in zip(right, named, strict=True):
            assert set(np.flatnonzero(~known)) <= of_side
