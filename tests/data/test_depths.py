"""One colour picture in every depth in which files store it: the same numbers for the network, and the same objects."""

import numpy as np
import pytest
import tifffile
from skimage import data

from ris_tf import RIS
from ris_tf.data import sources, white
from ris_tf.data.images.regions import open_regions
from ris_tf.data.images.single import read_image
from ris_tf.data.normalize import normalize
from ris_tf.data.sampling.records import Records
from ris_tf.data.white import white_of
from ris_tf.instances.visualize import to_rgb
from ris_tf.large.bands import Bands


def copies(image):
    """Copies of a uint8 picture as cameras and programs store it: {name: array}."""
    full, share = image.astype(np.uint16) * 257, image / 255
    return {
        **{f"{bits} bits in uint16": full >> (16 - bits) for bits in (8, 10, 12, 14, 16)},
        **{f"{bits} bits as float32": (full >> (16 - bits)).astype(np.float32) for bits in (8, 10, 12, 14, 16)},
        **{f"0 to {top} as float32": np.float32(share * top) for top in (1, 255, 1023, 4095, 16383, 65535)},
    }


COPIES = sorted(copies(np.zeros((1, 1, 3), np.uint8)))


@pytest.fixture(params=["photograph", "dark", "plant"])
def picture(request):
    """uint8 [H, W, 3]: a photograph whose maximum is below 255, the same darkened, and a drawn plant."""
    if request.param == "plant":
        return np.asarray(sources.open_source("synthetic:rosettes", "test", 128, 1, 7)[0][1]()[0])
    return data.chelsea() if request.param == "photograph" else (data.chelsea() * 0.6).astype(np.uint8)


@pytest.mark.parametrize("name", COPIES)
def test_every_depth_gives_the_network_the_picture_of_8_bits(picture, name):
    copy = copies(picture)[name]
    np.testing.assert_allclose(normalize(copy, 3), picture / 255, atol=1.1 / 1023)  # one level of 10 bits


@pytest.mark.parametrize("factor", [256, 257])
@pytest.mark.parametrize("top", [3, 15, 60, 200])
def test_8_bits_spread_over_16_stay_as_dark_as_they_are(factor, top):
    image = np.arange(top + 1, dtype=np.uint16).reshape(1, -1, 1) * factor
    np.testing.assert_allclose(normalize(image, 3)[0, :, 0], np.arange(top + 1) * factor / 65535, atol=1e-6)


@pytest.mark.parametrize("size", [255, 1023, 4095, 16383, 65535])
def test_the_smallest_depth_that_holds_the_maximum_says_what_is_white(size):
    for dtype in (np.uint16, np.float32):
        image = np.array([[[7, 8, size]]], dtype)
        assert white_of([image]) == size
        assert white_of([image - dtype(1)]) == size
        if size < 65535:
            assert white_of([image + dtype(1)]) == 4 * size + 3
        assert white_of([image[..., :2], image]) == white_of([image, image[..., :2]]) == size


@pytest.mark.parametrize(
    ("highest", "expected"),
    [(0.2, 1), (1, 1), (1.25, 1.25), (100.5, 100.5), (200.5, 255), (262.5, 262.5), (2100.5, 4095), (80000.5, 80000.5)],
)
def test_fractions_above_1_are_divided_by_a_depth_only_if_they_fill_half_of_it(highest, expected):
    assert white_of([np.array([[[0.1, 0.25, highest]]])]) == expected


def test_a_depth_below_16_bits_is_said_once(caplog):
    white._note.cache_clear()
    for image in (np.uint16([[[4000]]]), np.uint16([[[3000]]]), np.uint16([[[65000]]]), np.float32([[[4000]]])):
        white_of([image])
    (line,) = caplog.messages
    assert "no value above 4095, so it is read as an image of 12 bits" in line


def test_8_bits_and_bilevel_images_have_one_white():
    assert white_of([np.array([[3]], np.uint8)]) == 255
    assert white_of([np.array([[False]])]) == 1


def test_a_photograph_of_16_bits_is_read_only_up_to_its_first_bright_pixel():
    def parts():
        yield np.array([[[1, 2, 3]]], np.uint16)
        yield np.array([[[1, 2, 16384]]], np.uint16)
        raise AssertionError("read on")

    assert white_of(parts()) == 65535


@pytest.mark.parametrize("bits", [9, 10, 12, 14])
@pytest.mark.parametrize("darker", [1, 5])
def test_a_tiff_that_states_its_depth_is_read_in_it(tmp_path, bits, darker):
    image = data.chelsea()[:64, :60] // darker
    stored = np.round(image / 255 * (2**bits - 1)).astype(np.uint16)
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", bitspersample=bits, rowsperstrip=16)
    whole, parts = read_image(tmp_path / "a.tif"), open_regions(tmp_path / "a.tif").read(slice(0, 64), slice(0, 60))
    np.testing.assert_array_equal(whole, parts)
    np.testing.assert_allclose(normalize(whole, 3), image / 255, atol=0.51 / (2**bits - 1))


@pytest.mark.parametrize("bits", [2, 4])
def test_a_tiff_of_few_bits_is_stretched_to_8_as_png_is(tmp_path, bits):
    stored = np.arange(3 * 8 * 16, dtype=np.uint8).reshape(16, 8, 3) % 2**bits
    tifffile.imwrite(tmp_path / "a.tif", stored, photometric="rgb", bitspersample=bits)
    np.testing.assert_array_equal(read_image(tmp_path / "a.tif"), stored * (255 // (2**bits - 1)))


@pytest.mark.parametrize("name", ["12 bits in uint16", "10 bits in uint16", "12 bits as float32", "0 to 1 as float32"])
def test_training_sees_what_prediction_sees(small, tmp_path, name):
    image = data.chelsea()[:64, :64]
    tifffile.imwrite(tmp_path / "a.tif", copies(image)[name], photometric="rgb")
    source = [("a", lambda: (read_image(tmp_path / "a.tif"), np.ones((64, 64), np.int32)))]
    small.data.view = "whole"
    (record,) = Records(source, small)
    np.testing.assert_allclose(record["image"], image / 255, atol=1.1 / 1023)


@pytest.mark.parametrize("name", COPIES)
def test_a_large_image_has_the_white_of_all_its_pixels(small, tmp_path, name):
    image = np.full((600, 40, 3), 9, np.uint8)
    image[-1, -1] = 230  # in the last strip that is read
    tifffile.imwrite(tmp_path / "a.tif", copies(image)[name], photometric="rgb", tile=(64, 64), compression="zlib")
    small.data.view, small.model.channels = "tiles", 3
    seen = []

    class Model:
        config = small

        def look(self, images):
            seen.append(np.asarray(images).max())
            return np.zeros((len(images), 4, 32, 32), np.float32), np.zeros((len(images), 4), np.float32)

    list(Bands(Model(), open_regions(tmp_path / "a.tif"), tmp_path / "a.tif", tmp_path / "parts"))
    assert abs(max(seen) - 230 / 255) < 1.1 / 1023


@pytest.mark.parametrize("name", [name for name in COPIES if name not in ("8 bits in uint16", "8 bits as float32")])
def test_overlays_of_every_depth_are_the_same_picture(name):
    image = data.chelsea()
    shown = to_rgb(copies(image)[name])
    assert np.abs(shown.astype(int) - to_rgb(copies(image)["16 bits in uint16"])).max() <= 2
    assert abs(shown.mean() - image.mean()) < 30  # neither black nor white


def agreement(first, second):
    """The smallest IoU of an object of one label map with its best counterpart in the other."""
    best = []
    for index in range(1, first.max() + 1):
        inside = first == index
        others = np.unique(second[inside & (second > 0)])
        best.append(max(((inside & (second == i)).sum() / (inside | (second == i)).sum() for i in others), default=0))
    return min(best)


@pytest.mark.slow
@pytest.mark.parametrize(("preset", "count"), [("coins", 24), ("rosettes", 19)])
def test_presets_find_the_same_objects_in_every_depth(preset, count):
    image = np.stack([data.coins()] * 3, -1)
    if preset == "rosettes":
        image = np.asarray(sources.open_source("synthetic:rosettes", "test", 256, 1, 7)[0][1]()[0])
    model = RIS.from_preset(preset)
    expected = model.predict_instances(image)
    assert expected.count == count
    for name, copy in copies(image).items():
        found = model.predict_instances(copy)
        assert found.count == count, name
        assert agreement(expected.labels, found.labels) > 0.98, name


@pytest.mark.slow
def test_a_dark_picture_of_16_bits_is_brightened_not_ruined():
    image = np.stack([data.coins()] * 3, -1)
    model = RIS.from_preset("coins")
    expected = model.predict_instances(image)
    for factor in (0.8, 0.2, 0.06):  # the maximum is then that of 16, 14 and 12 bits
        found = model.predict_instances((image * (257 * factor)).round().astype(np.uint16))
        assert found.count == 24 and agreement(expected.labels, found.labels) > 0.95, factor
