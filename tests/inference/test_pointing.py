"""A click on a disc outlines that disc: in every view, at the edge, and where the recurrence missed it."""

import types

import numpy as np
import pytest

from ris_tf import RIS
from ris_tf.configs import base, nuclei, rosettes
from ris_tf.data.focus import SHARE
from ris_tf.data.synthetic import drawings
from ris_tf.errors import UsageError
from ris_tf.inference.pointing import object_at
from ris_tf.network.places import cell_grid


def pointer(config, radius=9.0):
    """A model that draws a disc of this radius, in pixels of its input, at every place, and keeps what it was told."""
    height, width = config.model.size

    def draw(seen, places, coverage):
        rows, columns = np.indices((height // 2, width // 2)) * 2 + 1
        model.coverage = coverage[0, :, :, 0]
        return (np.hypot(columns - places[0, 0], rows - places[0, 1]) < radius)[None].astype(np.float32)

    def foreground(seen):
        found = np.zeros((1, height // 2, width // 2), np.float32)
        found[:, height // 8 : height // 4, width // 8 : width // 4] = 1  # 100 pixels of an image 400 pixels wide
        return found

    model = types.SimpleNamespace(config=config, draw=draw, foreground=foreground, look=None)
    return model


@pytest.mark.parametrize("view", ["whole", "focus", "tiles"])
@pytest.mark.parametrize(("row", "column"), [(100, 150), (0, 0), (299, 399), (60, 90)])
def test_the_disc_lies_where_the_click_was(view, row, column):
    config = {"whole": base, "focus": rosettes, "tiles": nuclei}[view].get_config()
    config.data.view = view
    mask = object_at(pointer(config), np.zeros((300, 400), np.uint8), row, column, zoom=0.5)
    rows, columns = np.indices(mask.shape)
    closer = 100 / SHARE / 256 if (view, row) == ("focus", 100) else 400 / 256  # image pixels per network pixel
    disc = np.hypot(rows - row, columns - column) < 9 * (1 / 0.5 if view == "tiles" else closer)
    assert mask[row, column]
    assert (mask & disc).sum() / (mask | disc).sum() > 0.8


def test_known_objects_stay_on_top_and_are_told_to_the_network():
    config = base.get_config()
    known = np.zeros((256, 256), np.int32)
    known[:, :100] = 7
    model = pointer(config)
    mask = object_at(model, np.zeros((256, 256), np.uint8), 50, 102, known)
    assert mask[:, 100:].any() and not mask[:, :100].any()
    assert model.coverage.shape == (64, 64) and model.coverage[:, :25].min() == 1 and model.coverage[:, 25:].max() == 0


@pytest.mark.parametrize("place", [(-1, 5), (5, 64), (64, 5)])
def test_a_place_beside_the_image_is_refused(place):
    with pytest.raises(ValueError, match="must lie in the image"):
        object_at(pointer(base.get_config()), np.zeros((64, 64), np.uint8), *place)


def test_labels_of_another_image_are_refused():
    with pytest.raises(ValueError, match="size of the image"):
        object_at(pointer(base.get_config()), np.zeros((64, 64), np.uint8), 1, 1, np.zeros((64, 65), int))


def test_the_published_form_is_refused(small_of):
    with pytest.raises(UsageError, match="'paper'"):
        RIS(small_of("paper")).object_at(np.zeros((64, 64), np.uint8), 1, 1)


def test_the_attention_is_a_window_inside_what_nothing_covers(small):
    form = RIS(small).form
    x, y = cell_grid(16, 16, 32.0)
    auxiliary, coverage = np.full((1, 32, 32, 2), -20.0, np.float32), np.zeros((1, 16, 16, 1), np.float32)
    auxiliary[:, :, :16] = 20  # the foreground is the left half
    coverage[:, 5:] = 1  # and the lower rows are covered
    glance = form.glance_at({"x": x, "y": y, "auxiliary": auxiliary}, np.float32([[30, 18]]), coverage).numpy()
    rows, columns = np.indices((16, 16)) + 0.5
    inside = np.where((columns < 8) & (rows < 5), 1.0, 0.0) + 1e-3
    weight = inside * np.exp(-(np.square(columns - 7.5) + np.square(rows - 4.5)) / (2 * 1.5**2))
    np.testing.assert_allclose(glance.reshape(16, 16), weight / weight.sum(), atol=1e-5)


def iou(one, other):
    return (one & other).sum() / (one | other).sum()


@pytest.mark.slow
def test_a_click_outlines_every_disc_also_those_that_were_missed():
    model = RIS.from_preset("coins")
    clicked, missed = [], []
    for index in range(4):
        image, labels = drawings.sample("tokens", 77, index, 256)
        found = model.predict_instances(image)
        for number in range(1, labels.max() + 1):
            disc = labels == number
            if disc.sum() < 100:
                continue  # hardly to be seen
            row, column = (int(np.median(place)) for place in np.nonzero(disc))
            if not disc[row, column]:
                continue  # a crescent, mostly hidden
            share = iou(model.object_at(image, row, column, np.where(disc, 0, labels)), disc)
            clicked.append(share)
            if max((iou(mask, disc) for mask in found.masks), default=0) < 0.1:
                missed.append(share)
    assert np.mean(np.array(clicked) > 0.7) > 0.9, clicked
    assert missed and min(missed) > 0.7, missed
