"""Colours of objects: told apart from the object, and from the objects beside it, on pictures of any colour."""

import colorsys
import itertools

import numpy as np
import pytest
from skimage.color import deltaE_cie76, rgb2lab

from ris_tf.instances.colours import instance_colours, palette

HEAP = np.indices((96, 144)) // 12  # 8 rows of 12 squares that touch each other
LABELS = HEAP[0] * 12 + HEAP[1] + 1
LEAF, PETAL, SKY, PAPER, NIGHT = (90, 165, 60), (230, 60, 60), (60, 110, 220), (245, 245, 245), (10, 10, 10)


def painted(colour):
    noise = np.random.default_rng(0).normal(0, 8, (*LABELS.shape, 3))
    return np.clip(np.array(colour) + noise, 0, 255).astype(np.uint8)


def distance(one, other):
    return deltaE_cie76(rgb2lab(np.array(one) / 255), rgb2lab(np.array(other) / 255))


@pytest.mark.parametrize(("colour", "hue"), [(LEAF, 1 / 3), (PETAL, 0), (SKY, 0.615)])
def test_no_colour_is_of_the_hue_of_the_objects(colour, hue):
    for chosen in instance_colours(painted(colour), LABELS)[1:]:
        off = abs(colorsys.rgb_to_hsv(*(chosen / 255))[0] - hue)
        assert min(off, 1 - off) > 1 / 12  # thirty degrees


@pytest.mark.parametrize("colour", [LEAF, PETAL, SKY, PAPER, NIGHT])
def test_colours_differ_from_objects_and_from_each_other(colour):
    chosen = instance_colours(painted(colour), LABELS)
    assert chosen.shape == (97, 3) and chosen.dtype == np.uint8 and not chosen[0].any()
    assert distance(chosen[1:], np.broadcast_to(colour, (96, 3))).min() > 45
    touching = [
        (LABELS[12 * row, 12 * column], LABELS[12 * (row + down), 12 * (column + right)])
        for row, column in itertools.product(range(7), range(11))
        for down, right in ((0, 1), (1, 0))
    ]
    assert min(distance(chosen[one], chosen[other]) for one, other in touching) > 25


def test_objects_that_are_added_later_change_no_colour():
    picture, more = painted(LEAF), instance_colours(painted(LEAF), LABELS)
    for count in (1, 7, 40):
        fewer = instance_colours(picture, np.where(count >= LABELS, LABELS, 0))
        np.testing.assert_array_equal(fewer, more[: count + 1])


def test_the_palette_is_bright_and_near_places_differ():
    colours = palette()
    assert rgb2lab(colours / 255)[:, 0].min() > 50
    for step in (1, 2, 3):
        assert distance(colours[step:], colours[:-step]).min() > 25, step


def test_without_objects_there_is_the_background_alone():
    assert instance_colours(painted(LEAF), np.zeros_like(LABELS)).tolist() == [[0, 0, 0]]
