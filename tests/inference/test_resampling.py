"""Resampling against Pillow where they mean the same, and the box of the closer look against its closed form."""

import numpy as np
import pytest
from PIL import Image

from ris_tf.data.focus import SHARE, closer_box
from ris_tf.inference.resampling import axis_weights, fitting_box, pixels, place, place_above, sample

RNG = np.random.default_rng(0)


def pillow(image, size, how):
    planes = [Image.fromarray(plane).resize(size[::-1], how) for plane in np.moveaxis(image, 2, 0)]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def test_enlargement_is_pillows_bilinear():
    image = RNG.random((13, 20, 3), np.float32)
    enlarged = sample(image, (0, 0, 13, 20), (40, 33))
    np.testing.assert_allclose(enlarged, pillow(image, (40, 33), Image.Resampling.BILINEAR), atol=2e-6)


def test_reduction_by_whole_factors_is_the_mean_of_the_pixels():
    image = RNG.random((24, 30, 1), np.float32)
    reduced = sample(image, (0, 0, 24, 30), (6, 10))
    np.testing.assert_allclose(reduced[..., 0], image[..., 0].reshape(6, 4, 10, 3).mean((1, 3)), atol=1e-6)


@pytest.mark.parametrize("length", [0.3, 5.0, 40.0])
@pytest.mark.parametrize("start", [-7.5, 2.25, 18.0])
def test_every_cell_averages(start, length):
    weights = axis_weights(start, length, 20, 8)
    assert weights.min() >= 0
    np.testing.assert_allclose(weights.sum(1), 1, atol=1e-6)
    centres = np.clip(start + (np.arange(8) + 0.5) * length / 8, 0, 20)
    inner = (centres > length / 16) & (centres < 20 - length / 16) & (centres > 0.5) & (centres < 19.5)
    np.testing.assert_allclose((weights @ (np.arange(20) + 0.5))[inner], centres[inner], atol=1e-4)


def test_box_within_a_large_image_reads_what_a_crop_of_it_would():
    image = RNG.random((50, 70, 3), np.float32)
    np.testing.assert_allclose(sample(image, (9, 22, 30, 40), (30, 40)), image[9:39, 22:62], atol=1e-6)
    beyond = sample(image, (40, 60, 20, 20), (20, 20), beside=np.full(3, 0.5))
    np.testing.assert_allclose(beyond[:10, :10], image[40:, 60:], atol=1e-6)
    assert (beyond[10:] == 0.5).all() and (beyond[:, 10:] == 0.5).all()
    np.testing.assert_allclose(sample(image, (40, 60, 20, 20), (20, 20))[15, :10], image[49, 60:], atol=1e-6)


def test_mask_comes_back_to_where_it_was_seen():
    rows, columns = np.indices((90, 120))
    inside = ((rows - 40) ** 2 + (columns - 70) ** 2 < 20**2).astype(np.float32)
    box = (15.3, 38.7, 55.0, 60.0)
    mask = sample(inside[..., None], box, (110, 120))[..., 0]
    back = place(mask, box, (90, 120))
    assert ((back > 0.5) != (inside > 0)).sum() < 12
    assert not back[:14].any() and not back[:, 100:].any()


@pytest.mark.parametrize("seed", range(20))
def test_a_window_holds_all_that_is_above(seed):
    rng = np.random.default_rng(seed)
    mask = rng.random((24, 30), np.float32) * (rng.random((24, 30)) < 0.05)
    box = (*rng.uniform(-20, 30, 2), *rng.uniform(10, 90, 2))
    whole, back = place(mask, box, (40, 60)), np.zeros((40, 60), np.float32)
    part, window = place_above(mask, box, (40, 60), 0.4)
    back[window] = part
    np.testing.assert_allclose(np.where(back > 0.4, back, 0), np.where(whole > 0.4, whole, 0), atol=1e-6)
    assert not place_above(mask, box, (40, 60), 1.0)[0].size


@pytest.mark.parametrize("seed", range(20))
def test_samples_are_those_of_the_matrices(seed):
    rng = np.random.default_rng(seed)
    image, size = rng.random((*rng.integers(8, 90, 2), 3), np.float32), rng.integers(5, 80, 2)
    box = (*rng.uniform(-30, 30, 2), *rng.uniform(5, 120, 2))
    down, across = (axis_weights(*span) for span in zip(box[:2], box[2:], image.shape[:2], size, strict=True))
    np.testing.assert_allclose(sample(image, box, size), np.einsum("hy,wx,yxc->hwc", down, across, image), atol=1e-5)


def test_box_that_fits_keeps_proportions():
    assert fitting_box(100, 200, (64, 64)) == (0, 0, 200, 200)
    assert fitting_box(100, 200, (64, 128)) == (0, 0, 100, 200)
    assert pixels(-5.0, 3.0, 10) == slice(0, 1) and pixels(20.0, 3.0, 10) == slice(9, 10)


def test_closer_box_surrounds_what_is_found():
    seen = fitting_box(400, 600, (256, 256))  # 600 x 600
    found = np.zeros((128, 128))
    found[20:30, 40:52] = 1  # 46.875 x 56.25 pixels
    top, left, height, width = closer_box(found, seen, (400, 600), (256, 256), 4.0)
    assert height == width == pytest.approx(56.25 / SHARE, rel=0.01)
    assert top + height / 2 == pytest.approx(25 * 600 / 128, abs=0.1)
    assert left + width / 2 == pytest.approx(46 * 600 / 128, abs=0.1)
    assert closer_box(found * 0.4, seen, (400, 600), (256, 256), 4.0) is None
    top, left, height, width = closer_box(found, seen, (400, 600), (256, 256), 2.0)
    assert height == width == 128 and top + height / 2 == pytest.approx(25 * 600 / 128, abs=0.1)
    assert closer_box(found, fitting_box(20, 20, (256, 256)), (20, 20), (256, 256), 4.0) == (0, 0, 20, 20)
    beside = np.zeros((128, 128))
    beside[90:120] = 1  # below the image
    assert closer_box(beside, seen, (400, 600), (256, 256), 4.0) is None


def test_closer_box_moves_little_when_the_foreground_does():
    found = np.where(RNG.random((64, 64)) < 0.2, 0.9, 0.1)
    moved = found + RNG.normal(0, 1e-4, found.shape)
    boxes = [closer_box(f, (0, 0, 300, 300), (280, 300), (256, 256), 4.0) for f in (found, moved)]
    np.testing.assert_allclose(*boxes, atol=0.05)
