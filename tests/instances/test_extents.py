"""Extents of objects against scikit-image, the colour differences too, and the depth of objects against SciPy."""

import numpy as np
import pytest
from scipy import ndimage
from skimage import color
from skimage.measure import regionprops

from ris_tf.instances import cielab, visualize
from ris_tf.instances.extents import extents


@pytest.mark.parametrize("dtype", [np.int32, np.uint16, np.int64])
def test_extents_are_those_of_regionprops(dtype):
    labels = np.random.default_rng(0).choice([0, 1, 2, 7, 300], size=(40, 61)).astype(dtype)
    labels[:, 20:] *= np.random.default_rng(1).integers(0, 2, (40, 41)).astype(dtype)
    found = extents(labels)
    for region, label, area, centroid, (left, top, width, height) in zip(regionprops(labels), *found, strict=True):
        assert (region.label, region.area, region.bbox) == (label, area, (top, left, top + height, left + width))
        np.testing.assert_allclose(region.centroid, centroid, rtol=1e-12)


def test_ignored_pixels_and_empty_maps_have_no_extents():
    found = extents(np.full((3, 4), -1))
    assert [part.shape for part in found] == [(0,), (0,), (0, 2), (0, 4)]


def test_colours_and_their_differences_are_those_of_scikit_image():
    rgb = np.random.default_rng(0).random((2, 3000, 3))
    rgb[:, :50] = rgb[:, :50, :1]  # greys
    rgb[0, 50:60], rgb[0, 60:70] = 0, 1
    one, other = (cielab.lab(part) for part in rgb)
    np.testing.assert_allclose(one, color.rgb2lab(rgb[0]), atol=1e-3)
    np.testing.assert_allclose(cielab.difference(one, other), color.deltaE_ciede2000(one, other), atol=1e-6)


def test_published_pairs_of_ciede2000():
    pairs = [  # Sharma, Wu and Dalal 2005, table 1, numbers 1, 7, 14, 17, 25
        ((50, 2.6772, -79.7751), (50, 0, -82.7485), 2.0425),
        ((50, 0, 0), (50, -1, 2), 2.3669),
        ((50, -0.001, 2.49), (50, 0.0011, -2.49), 4.7461),
        ((50, 2.5, 0), (73, 25, -18), 27.1492),
        ((60.2574, -34.0099, 36.2677), (60.4626, -34.1751, 39.4387), 1.2644),
    ]
    for one, other, expected in pairs:
        assert cielab.difference(one, other) == pytest.approx(expected, abs=1e-4)


def test_depth_is_the_euclidean_distance_to_the_outside():
    mask = ndimage.gaussian_filter(np.random.default_rng(0).random((50, 37)), 2) > 0.5
    expected = ndimage.distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    np.testing.assert_allclose(visualize._depth(mask), expected, rtol=1e-12)
    np.testing.assert_array_equal(visualize._grown(mask), ndimage.binary_dilation(mask))
