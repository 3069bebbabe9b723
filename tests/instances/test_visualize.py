"""Overlay images: unchanged pixels, distinct colours, numbers, and all kinds of input images."""

import numpy as np
import pytest
from scipy import ndimage

from ris_tf.instances import visualize
from ris_tf.instances.colours import instance_colours


def grid_labels(shape, cell, gap=0):
    """Label map of square cells, numbered row by row."""
    rows, columns = np.indices(shape)
    labels = rows // cell * -(-shape[1] // cell) + columns // cell + 1
    return np.where((rows % cell >= gap) & (columns % cell >= gap), labels, 0)


def corner_free(shape):
    """bool [H, W]: False where the box with the count may be."""
    free = np.ones(shape, dtype=bool)
    free[: shape[0] // 8, : shape[1] // 2] = False
    return free


def test_small_images_are_enlarged_by_a_whole_number():
    for height, width, factor in ((100, 60, 6), (511, 20, 2), (512, 20, 1), (600, 700, 1), (256, 256, 2)):
        picture = visualize.overlay(np.zeros((height, width, 3), np.uint8), np.zeros((height, width), int))
        assert picture.shape == (factor * height, factor * width, 3)
        assert picture.dtype == np.uint8


@pytest.mark.parametrize("shape", [(130, 170), (560, 620)])
def test_unlabelled_pixels_keep_their_value(shape):
    image = np.random.default_rng(0).integers(0, 256, size=(*shape, 3), dtype=np.uint8)
    labels = np.zeros(shape, dtype=int)
    labels[50:90, 30:80], labels[60:120, 90:150] = 1, 2
    picture = visualize.overlay(image, labels, scores=[0.5, 0.9])
    factor = picture.shape[0] // shape[0]
    expected = image.repeat(factor, axis=0).repeat(factor, axis=1)
    inside = labels.repeat(factor, axis=0).repeat(factor, axis=1) > 0
    around = ndimage.binary_dilation(inside) & ~inside
    assert (picture[around & corner_free(picture.shape[:2])] == visualize.DARK).all()
    untouched = ~inside & ~around & corner_free(picture.shape[:2])
    np.testing.assert_array_equal(picture[untouched], expected[untouched])
    assert (picture[inside] != expected[inside]).any(axis=-1).mean() > 0.9


def test_fill_is_a_quarter_of_the_colour_and_the_outline_all_of_it():
    image = np.full((600, 600, 3), 100, dtype=np.uint8)
    labels = np.zeros((600, 600), dtype=int)
    labels[300:500, 200:500] = 7
    picture = visualize.overlay(image, labels)
    colour = instance_colours(image, labels // 7)[1]
    assert (picture[300, 200:500] == colour).all() and (picture[300:500, 499] == colour).all()
    assert (picture[301, 201:499] == colour).all() and (picture[302, 202:498] != colour).any(axis=1).all()
    assert (picture[299, 200:500] == visualize.DARK).all() and (picture[298, 200:500] == 100).all()
    np.testing.assert_allclose(picture[320, 220], 0.75 * 100 + 0.25 * colour, atol=1)


def test_touching_objects_are_outlined_in_colours_of_their_own():
    labels = grid_labels((600, 600), 60)
    picture = visualize.overlay(np.zeros((600, 600, 3), np.uint8), labels)
    colours = instance_colours(np.zeros((600, 600, 3), np.uint8), labels)
    for row in range(2, 10):
        for column in range(10):
            value = labels[60 * row, 60 * column]
            np.testing.assert_array_equal(picture[60 * row, 60 * column + 30], colours[value])


@pytest.mark.parametrize(("radius", "factor"), [(30, 1), (8, 1), (5, 2), (2, 4), (1, 4)])  # 5 * 600 is above 2600
def test_small_objects_are_enlarged_until_their_numbers_fit(radius, factor):
    rows, columns = np.indices((600, 600))
    labels = np.zeros((600, 600), int)
    for number in range(1, 10):
        labels[(rows - 60 * number) ** 2 + (columns - 60 * number) ** 2 <= radius**2] = number
    picture = visualize.overlay(np.zeros((600, 600, 3), np.uint8), labels)
    assert picture.shape == (600 * factor, 600 * factor, 3)
    middle = slice(factor * (300 - radius), factor * (301 + radius))
    assert (picture[middle, middle].min(axis=-1).max() > 200) == (radius > 1)  # the number 5 is nearly white


def test_the_count_is_written_where_no_object_is():
    labels = np.zeros((600, 600), int)
    labels[:100], labels[-100:, :300] = 1, 2
    picture = visualize.overlay(np.full((600, 600, 3), 90, np.uint8), labels)
    assert (picture[580:600, 500:600] == visualize.DARK).all(axis=-1).mean() > 0.5
    assert not (picture[:20, :100] == visualize.DARK).all(axis=-1).any()


def test_grey_of_every_dtype_is_stretched_alike():
    ramp = np.linspace(0, 1, 256 * 256).reshape(256, 256)
    expected = np.clip((ramp - 0.01) / (0.998 - 0.01), 0, 1) * 255
    labels = np.zeros((256, 256), dtype=int)
    free = corner_free((512, 512))[::2, ::2]
    for image in (ramp, ramp.astype(np.float32) * 3 - 8, (ramp * 4000 + 300).astype(np.uint16), ramp[..., None]):
        picture = visualize.overlay(image, labels)[::2, ::2]
        assert (picture[..., 0] == picture[..., 2]).all()
        np.testing.assert_allclose(picture[free][:, 0], expected[free], atol=1.5)


def test_hot_pixels_do_not_dim_the_image():
    image = np.random.default_rng(1).integers(200, 400, size=(200, 200)).astype(np.uint16)
    image[5, 5] = image[100, 7] = 65535
    assert visualize.to_rgb(image).mean() > 80


def test_odd_images():
    assert visualize.to_rgb(np.zeros((4, 5), np.uint16)).max() == 0
    assert visualize.to_rgb(np.full((4, 5), 7.5)).shape == (4, 5, 3)
    image = np.linspace(0, 1, 400).reshape(20, 20)
    image[3, 3], image[4, 4] = np.nan, np.inf
    assert visualize.to_rgb(image)[19, 18, 0] > 240
    few = np.zeros((100, 100), np.uint16)
    few[50, 50:55] = 900  # brighter than both percentiles
    assert visualize.to_rgb(few)[50, 52].tolist() == [255, 255, 255]
    colour = np.random.default_rng(2).integers(0, 256, size=(6, 7, 4), dtype=np.uint8)
    np.testing.assert_array_equal(visualize.to_rgb(colour), colour[..., :3])
    assert visualize.to_rgb(np.eye(6, dtype=bool)).max() == 255


def test_numbers_are_written_where_they_fit():
    dark = np.zeros((600, 600, 3), np.uint8)
    labels = np.zeros((600, 600), dtype=int)
    labels[200:300, 200:300], labels[400:405, 400:405] = 1, 2
    picture = visualize.overlay(dark, labels)
    white = (picture == 255).all(axis=-1)
    assert white[235:265, 235:265].any()
    assert not white[390:420, 390:420].any()


def test_number_of_a_ring_stands_on_the_ring():
    rows, columns = np.indices((600, 600))
    distance = np.hypot(rows - 350, columns - 300)
    labels = ((distance < 200) & (distance > 120)).astype(int)
    picture = visualize.overlay(np.zeros((600, 600, 3), np.uint8), labels)
    white = (picture == 255).all(axis=-1) & corner_free((600, 600))
    assert white.any() and (labels[white] == 1).all()


def test_the_count_is_shown_without_any_object_too():
    image = np.full((600, 600, 3), 90, np.uint8)
    picture = visualize.overlay(image, np.zeros((600, 600), int), scores=[])
    free = corner_free((600, 600))
    assert (picture[free] == 90).all()
    assert (picture[~free] == 255).any()
    np.testing.assert_array_equal(image, 90)  # the caller's array is left alone


def test_what_does_not_fit_is_named():
    with pytest.raises(ValueError, match="the same size"):
        visualize.overlay(np.zeros((5, 6)), np.zeros((6, 5), int))
    with pytest.raises(ValueError, match="Received: 2"):
        visualize.overlay(np.zeros((5, 6)), np.ones((5, 6), int), scores=[0.1, 0.2])
    with pytest.raises(ValueError, match=r"\(5, 6, 2\)"):
        visualize.to_rgb(np.zeros((5, 6, 2)))
