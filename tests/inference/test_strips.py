"""Images smaller than a tile: what is put beside them must not look like an object, nor be counted as one."""

import numpy as np
import pytest
import tifffile
from scenes.blobs import mosaic, perfect_look
from scipy import ndimage

from ris_tf import RIS
from ris_tf.commands import predict
from ris_tf.configs import nuclei
from ris_tf.inference.looks import look_at
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.resampling import background
from ris_tf.inference.zoom import find_zoom


def noise(shape, seed=0):
    return np.random.default_rng(seed).normal(200, 4, shape).round().astype(np.uint16)


def test_the_colour_beside_an_image_is_the_median_of_what_its_tile_shows():
    image = np.random.default_rng(0).random((40, 300, 3)).astype(np.float32)
    np.testing.assert_allclose(background(image, (0, 100, 128, 128)), np.median(image[:, 99:229], axis=(0, 1)))
    assert background(image, (0, 172, 40, 128)) is None  # ends where the image does
    assert background(image, (-1, 0, 40, 128)) is not None


def test_a_strip_lies_in_its_median():
    config, image, seen = nuclei.get_config(), np.random.default_rng(0).random((40, 300, 1)).astype(np.float32), []
    list(look_at(perfect_look(config, seen), config, image, [(0, 0, 128, 128), (0, 172, 128, 128)]))
    for tile, left in zip(seen, (0, 172), strict=True):
        np.testing.assert_allclose(tile[:40], image[:, left : left + 128, 0])
        assert np.unique(tile[40:]).size == 1
        assert tile[50, 0] == pytest.approx(np.median(image[:, left : left + 128]), abs=0.01)


def test_an_image_as_large_as_a_tile_is_seen_as_it_is():
    config, image, seen = nuclei.get_config(), np.random.default_rng(0).random((128, 200, 1)).astype(np.float32), []
    list(look_at(perfect_look(config, seen), config, image, [(0, 0, 128, 128), (0, 72, 128, 128)]))
    np.testing.assert_array_equal(seen, [image[:, :128, 0], image[:, 72:, 0]])


def test_what_is_found_beside_a_strip_does_not_change_its_zoom():
    config = nuclei.get_config()
    config.predict.zoom_limits = (0.5, 4.0)
    image, _ = mosaic(48, 600, 48, 12)
    look = perfect_look(config)

    def and_a_block_below(tiles):
        masks, scores = look(tiles)
        if tiles[0, 64:].std() == 0:  # it is the first pass, of which only the upper part is the image
            masks[:, -1, 32:], scores[:] = 1.0, 0.9
        return masks, scores

    assert find_zoom(and_a_block_below, config, image) == find_zoom(look, config, image) == pytest.approx(1, rel=0.2)


@pytest.mark.parametrize(("height", "width"), [(48, 900), (900, 48), (30, 30), (48, 48)])
def test_objects_of_a_strip_are_counted(height, width):
    config = nuclei.get_config()
    image, count = mosaic(height, width, 24, 7)
    assert predict_instances(perfect_look(config), config, image).count == count


@pytest.fixture(scope="module")
def preset():
    return RIS.from_preset("nuclei")


@pytest.mark.slow
@pytest.mark.parametrize("shape", [(64, 2000), (64, 512), (96, 2000), (128, 2000), (40, 1000), (1000, 20), (30, 30)])
def test_noise_holds_nothing(preset, shape):
    assert preset.predict_instances(noise(shape)).count == 0


@pytest.mark.slow
def test_noise_holds_nothing_in_bands(preset, tmp_path):
    tifffile.imwrite(tmp_path / "noise.tif", noise((64, 2000)))
    assert predict.predict(preset, [tmp_path / "noise.tif"], tmp_path / "out", as_large=True)["noise"].count == 0


@pytest.mark.slow
def test_few_nuclei_in_a_long_strip(preset):
    shape, centres = (64, 20000), [(30, 500), (20, 4000), (45, 9000), (32, 9060), (28, 19000)]
    rows, columns = np.indices(shape)
    discs = [(rows - row) ** 2 + (columns - column) ** 2 < 9**2 for row, column in centres]
    bright = ndimage.gaussian_filter(2500.0 * np.any(discs, axis=0), 1.2)
    image = (bright + np.random.default_rng(0).normal(200, 15, shape)).clip(0).astype(np.uint16)
    found = preset.predict_instances(image)
    assert found.count == 5
    assert sorted(found.labels[centre] for centre in centres) == [1, 2, 3, 4, 5]
