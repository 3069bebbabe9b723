"""Normalisation, augmentation and batches: aligned, in range, repeatable, nothing cut in silence."""

import logging

import numpy as np
import pytest
import tensorflow as tf

from ris_tf.configs import nuclei as nuclei_config
from ris_tf.configs import rosettes
from ris_tf.data import sources
from ris_tf.data.focus import SHARE
from ris_tf.data.normalize import normalize
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.augment import warp
from ris_tf.data.sampling.records import Records, share, zoom_range
from ris_tf.data.sampling.resize import fit_labels, fit_within
from ris_tf.data.synthetic import drawings


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_grey_percentiles_do_not_depend_on_depth_or_exposure(dtype):
    rng = np.random.default_rng(0)
    image = rng.integers(20, 200, (50, 60, 1))
    expected = normalize(image.astype(np.uint8), 1)
    scaled = (image * (100 if dtype == np.uint16 else 1) + 7).astype(dtype)
    np.testing.assert_allclose(normalize(scaled, 1), expected, atol=1e-4)
    low, high = np.percentile(image, [1, 99.8])
    np.testing.assert_allclose(expected, np.maximum((image - low) / (high - low), 0), atol=1e-5)


def test_colour_is_scaled_by_the_range_of_its_type():
    image = np.random.default_rng(0).integers(0, 256, (8, 9, 3)).astype(np.uint8)
    np.testing.assert_allclose(normalize(image, 3), image / 255, atol=1e-6)
    for sixteen in (np.uint16, ">u2"):
        np.testing.assert_allclose(normalize(image.astype(sixteen) * 257, 3), image / 255, atol=1e-6)
    np.testing.assert_allclose(normalize(np.float64(image) / 255, 3), image / 255, atol=1e-6)
    np.testing.assert_allclose(normalize(image[..., 0], 3), np.repeat(image[..., :1], 3, 2) / 255, atol=1e-6)
    constant = normalize(np.full((4, 4), 9, np.uint8), 1)
    assert np.isfinite(constant).all() and constant.max() == 0


@pytest.mark.parametrize("dtype", [np.int8, np.int16, np.int32, np.int64, np.uint32, np.uint64])
@pytest.mark.parametrize("channels", [1, 3])
def test_integers_whose_white_is_not_known_are_refused(dtype, channels):
    with pytest.raises(ValueError, match=f"uint8, uint16, bool or float.*Received: dtype {np.dtype(dtype)}"):
        normalize(np.full((4, 4, 3), 100, dtype), channels)


@pytest.mark.parametrize("channels", [1, 3])
def test_one_value_that_is_no_number_is_refused(channels):
    image = np.random.default_rng(0).random((9, 7, 4))
    image[2, 3, 1], image[5, 5, 0], image[0, 0, 3] = np.nan, -np.inf, np.nan  # the last is alpha, which is dropped
    with pytest.raises(ValueError, match="2 of 189 values are NaN or infinite"):
        normalize(image, channels)


def test_focus_shows_the_objects_closely_and_at_times_the_whole_image():
    config = rosettes.get_config()
    config.data.update({"scale": (1.0, 1.0), "shift": 0.0, "rotation": 0.0})
    labels = np.zeros((1024, 1024), np.int32)
    labels[400:500, 600:800] = 1
    opened = [("one", lambda: (np.zeros((1024, 1024, 3), np.uint8), labels))]
    (record,) = Records(opened, config)
    views = [
        warp(record, tf.constant([1, index], tf.int64), config)[1].numpy().any(axis=0).sum() / 256
        for index in range(40)
    ]
    close = np.array(views) > 0.5
    np.testing.assert_allclose(np.array(views)[close], SHARE, atol=0.02)
    np.testing.assert_allclose(np.array(views)[~close], 200 / 1024, atol=0.02)
    assert 0.6 < close.mean() < 1


@pytest.mark.parametrize("module", [nuclei_config, rosettes])
def test_batches_are_the_one_record_and_repeatable(module):
    config = module.get_config()
    config.train.batch = 3
    records = Records(sources.open_source("synthetic:discs", "train", 128, 5, 1), config)
    first = list(pipeline.training_batches(records, config).take(3))
    for batch, again in zip(first, pipeline.training_batches(records, config).take(3), strict=True):
        for name in batch:
            np.testing.assert_array_equal(batch[name], again[name])
        size, limit = config.model.size, config.data.max_instances
        assert batch["image"].shape == (3, *size, config.model.channels) and batch["image"].dtype == tf.float32
        assert batch["masks"].shape == (3, limit, *size) and batch["masks"].dtype == tf.uint8
        present = batch["masks"].numpy().any(axis=(2, 3))
        np.testing.assert_array_equal(present, np.arange(limit) < batch["count"].numpy()[:, None])
        assert batch["masks"].numpy().sum(axis=1).max() <= 1
    (later,) = pipeline.training_batches(records, config, skip=2).take(1)
    np.testing.assert_array_equal(later["image"], first[2]["image"])


def test_images_beyond_the_memory_are_read_again(small):
    source = sources.open_source("synthetic:discs", "train", 64, 6, 1)
    opened, small.data.view = [], "tiles"
    counted = [(name, lambda name=name, read=read: (opened.append(name), read())[1]) for name, read in source]
    batches = {}
    for memory in (100, 0):
        small.data.memory = memory
        opened.clear()
        batches[memory] = list(pipeline.training_batches(Records(counted, small), small).take(5))
        assert (len(opened) > 6) == (memory == 0)
    for kept, again in zip(*batches.values(), strict=True):
        np.testing.assert_array_equal(kept["image"], again["image"])
        np.testing.assert_array_equal(kept["masks"], again["masks"])


@pytest.mark.parametrize(
    ("view", "power", "read"), [("whole", 0.0, 24), ("focus", 0.0, 24), ("whole", 1.0, 40), ("tiles", 0.0, 24)]
)
def test_drawn_images_are_not_all_drawn_at_the_start(small, monkeypatch, view, power, read):
    small.data.view, small.data.count_power = view, power
    opened = []
    read_one = Records._read
    monkeypatch.setattr(Records, "_read", lambda self, index: opened.append(index) or read_one(self, index))
    records = Records(sources.open_source("synthetic:discs", "train", 64, 40, 1), small)
    assert opened == list(range(read)) and len(records) == 40
    if not power and view != "tiles":
        assert (records.shares == 1).all()
    for _ in range(2):  # the second time from memory
        np.testing.assert_array_equal(records[39]["labels"] > 0, drawings.sample("discs", 1000, 39, 64)[1] > 0)
    assert opened == [*range(read), *([39] if read < 40 else [])]
    files = [(name, lambda read=read: read()) for name, read in records.source]  # as those of a folder
    opened.clear()
    Records(files, small)
    assert opened == list(range(40))


def test_objects_over_the_limit_are_told(small, caplog):
    small.data.max_instances, small.data.min_area = 3, 1
    labels = np.kron(np.arange(1, 17).reshape(4, 4), np.ones((16, 16), int)).astype(np.int32)
    with caplog.at_level(logging.WARNING):
        record = pipeline.to_record(tf.zeros([64, 64, 3]), labels, tf.constant("plate_7"), small)
    assert record["count"] == 3 and record["masks"].shape[0] == 3
    assert "plate_7: 16 objects" in caplog.text


def test_tiles_bring_objects_to_the_range_of_diameters():
    config = nuclei_config.get_config()
    rows, columns = np.indices((400, 400))
    labels = ((rows // 100) * 4 + columns // 100 + 1) * ((rows % 100 - 50) ** 2 + (columns % 100 - 50) ** 2 < 40**2)
    low, high = zoom_range(labels.astype(np.int32), config)
    assert 80 * low == pytest.approx(config.data.diameter[0], rel=0.02) or low > config.data.diameter[0] / 80
    assert 80 * high == pytest.approx(config.data.diameter[1], rel=0.02)
    assert (128 / low / 100) ** 2 <= config.model.steps


def test_fit_keeps_proportions_and_labels():
    image = np.random.default_rng(0).random((100, 40, 3)).astype(np.float32)
    assert fit_within(image, (50, 50)).shape == (50, 20, 3)
    np.testing.assert_allclose(fit_within(image, (50, 50)), image.reshape(50, 2, 20, 2, 3).mean(axis=(1, 3)), atol=1e-5)
    labels = np.random.default_rng(0).integers(0, 70_000, (30, 60))
    assert fit_labels(labels, (64, 128)).shape == (64, 128)
    assert set(np.unique(fit_labels(labels, (64, 128)))) <= set(np.unique(labels))


def test_synthetic_splits_and_seeds_differ():
    images = [
        sources.open_source("synthetic:discs", split, 64, 1, seed)[0][1]()[0]
        for split, seed in [("train", 1), ("val", 1), ("test", 1), ("train", 2)]
    ]
    assert all(not np.array_equal(a, b) for i, a in enumerate(images) for b in images[:i])
    np.testing.assert_array_equal(images[0], drawings.sample("discs", 1000, 0, 64)[0])


def test_real_images_load(nuclei):
    config = nuclei_config.get_config()
    records = Records(sources.open_source(nuclei, "val")[:3], config)
    batch = next(iter(pipeline.training_batches(records, config)))
    assert batch["image"].shape == (12, 128, 128, 1) and batch["count"].numpy().max() >= 1


@pytest.mark.parametrize(("power", "times"), [(0.0, 1), (0.5, 4), (1.0, 16)])
def test_tiles_are_drawn_by_the_crops_that_cover_an_image(power, times):
    config = nuclei_config.get_config()
    config.data.crop_power = power
    assert share(np.ones((512, 512), np.int32), (0.5, 2.0), config) == times  # 128 pixels at zoom 1: 4 x 4
