"""Views: images encoded as a whole and cut into windows, against tiles and against the pixels themselves."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from scenes.blobs import mosaic, perfect_windows

from ris_tf import RIS, presets, runtime
from ris_tf.configs import nuclei
from ris_tf.data.synthetic import drawings
from ris_tf.evaluation.tune import Remembered
from ris_tf.inference import views
from ris_tf.inference.order import Order
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.views import View
from ris_tf.model import build


@pytest.mark.parametrize("zoom", [0.61, 1.0, 1.37, 2.3])
@pytest.mark.parametrize("shape", [(200, 333), (128, 128), (90, 300), (41, 37)])
def test_windows_cover_every_pixel_and_overlap(zoom, shape):
    config, seen = nuclei.get_config(), []
    view = View(perfect_windows(config, seen), config, np.zeros((*shape, 1), np.float32), zoom)
    covered = np.zeros(shape, int)
    for top, left, height, width in view.boxes:
        assert min(top, left) >= 0
        covered[top : top + height, left : left + width] += 1
    assert covered.min() >= 1 and len(seen) == 1
    assert all(side % 32 == 0 for side in seen[0].shape[:2])
    rows = sorted({(top, top + height) for top, _, height, _ in view.boxes})
    for (_, end), (start, _) in zip(rows, rows[1:], strict=False):
        assert (end - start) * zoom >= config.predict.overlap


def test_an_image_is_encoded_once_for_the_zoom_and_for_the_objects():
    config, encoded = nuclei.get_config(), []
    image, count = mosaic(250, 250, 40, 13)  # discs of the size that the network was trained on
    assert predict_instances(perfect_windows(config, encoded), config, image).count == count
    assert [view.shape[:2] for view in encoded] == [(256, 256)]
    encoded.clear()
    image, count = mosaic(250, 250, 20, 6)  # of half that size
    assert predict_instances(perfect_windows(config, encoded), config, image).count == count
    assert len(encoded) <= 3 and encoded[0].shape == (256, 256, 1)
    assert encoded[-1].shape[0] == pytest.approx(250 * config.predict.diameter / 13, rel=0.2)


def test_a_large_image_is_cut_into_tiles(monkeypatch):
    config, encoded = nuclei.get_config(), []
    image, count = mosaic(500, 300, 40, 13)
    monkeypatch.setattr(views, "_LARGEST", 300 * 300)
    assert predict_instances(perfect_windows(config, encoded), config, image).count == count
    assert not encoded
    config.predict.orientations = 4  # a view is not turned, but tiles are
    monkeypatch.undo()
    assert predict_instances(perfect_windows(config, encoded), config, image).count == count
    assert [view.shape for view in encoded] == []


def test_crowded_windows_are_looked_at_again_closer():
    config = nuclei.get_config()
    config.predict.zoom_limits = (1.0, 1.0)
    image, count = mosaic(256, 256, 16, 5)
    assert predict_instances(perfect_windows(config), config, image).count == count


@pytest.mark.parametrize("wrap", [Remembered, lambda look: Order(look, nuclei.get_config().predict)])
def test_what_wraps_a_look_passes_windows_on(wrap):
    config, encoded = nuclei.get_config(), []
    image, count = mosaic(300, 260, 40, 13)
    expected = predict_instances(perfect_windows(config), config, image)
    wrapped = wrap(perfect_windows(config, encoded))
    for _ in range(2):
        found = predict_instances(wrapped, config, image)
        np.testing.assert_array_equal(found.labels, expected.labels)
    assert found.count == count
    assert len(encoded) == (1 if wrap is Remembered else 2)  # Remembered does not encode a view again
    if wrap is not Remembered:
        assert sum(map(len, wrapped.taken)) > count  # the order of what windows show is noted


def test_the_file_of_a_preset_finds_in_windows_what_keras_finds():
    model, opened = RIS.from_preset("nuclei"), runtime.load(presets.litert_file("nuclei"), threads=1)
    assert opened.config.export.multiple == 32
    image = drawings.sample("tissue", 5, 0, 200)[0][:, :160]
    expected, found = model.predict_instances(image), opened.predict_instances(image)
    assert found.count == expected.count > 3
    assert (found.labels == expected.labels).mean() > 0.9999


def test_one_window_is_what_a_tile_is(small):
    keras.utils.set_random_seed(3)
    small.data.view = "tiles"
    model = build(small)
    tile = np.random.default_rng(0).random((64, 64, 3)).astype(np.float32)
    expected = model.look(tile[None], 0.0)
    for found, right in zip(model.looking(0.0).across(tile)([(0, 0)]), expected, strict=True):
        np.testing.assert_allclose(found, right, atol=1e-5)


def test_maps_of_a_view_do_not_depend_on_what_is_far_away():
    """Away from the seam, the maps of a large view are those of a smaller one."""
    form = RIS.from_preset("nuclei").form
    view = np.random.default_rng(0).random((1, 512, 640, 1)).astype(np.float32)
    whole, part = form.maps(tf.constant(view)), form.maps(tf.constant(view[:, :, :512]))
    for name, values in part.items():
        stride = 512 // values.shape[1]
        near = slice(0, 192 // stride)
        np.testing.assert_allclose(values[:, :, near], whole[name][:, :, near], atol=1e-4)


def test_presets_find_about_the_same_in_windows_as_in_tiles():
    model = RIS.from_preset("nuclei")
    counts = []
    for index in range(4):
        image, labels = drawings.sample("tissue", 5, index, 256)
        windows = predict_instances(model.looking(), model.config, image).count
        tiles = predict_instances(model.look, model.config, image).count
        counts.append((windows, tiles, labels.max()))
    windows, tiles, truth = np.array(counts).T
    assert np.abs(windows - tiles).sum() <= 0.1 * truth.sum()
