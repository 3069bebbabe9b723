"""Label maps and masks of a foreground, told apart."""

import numpy as np

from ris_tf.data import foreground


def map_of(*ids):
    labels = np.zeros((30, 60), np.int32)
    for place, number in enumerate(ids):
        labels[5:15, 2 + 11 * place : 10 + 11 * place] = number
    return labels


def test_pieces_of_the_only_object():
    assert foreground.pieces(map_of(255, 255, 255)) == 3
    assert foreground.pieces(map_of(1)) == 1
    assert foreground.pieces(map_of(1, 2)) is None
    assert foreground.pieces(map_of()) is None
    assert foreground.pieces(map_of(-1, 7, -1)) == 1
    speck = map_of(4)
    speck[20, 20] = 4
    assert foreground.pieces(speck) == 1


def test_only_what_looks_like_a_foreground_is_warned_of():
    assert "in 5 separate pieces" in foreground.warning([5, 5, 9])
    assert foreground.warning([5, 5, None]) is None  # one image has objects of its own
    assert foreground.warning([1, 2, 2]) is None  # one object, cut in two by what is before it
    assert foreground.warning([]) is None
