"""RIS as a Keras model: sizes, fit, save and load, presets, prediction of any image."""

import subprocess
import sys

import h5py
import keras
import numpy as np
import pytest
import tensorflow as tf

from ris_tf import RIS, Instances, preset_weights, presets
from ris_tf.configs import leaves_paper
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.errors import DataError, UsageError
from ris_tf.model import build
from ris_tf.storage import load


def batches(config):
    source = sources.open_source("synthetic:discs", "train", 64, 4, 1)
    return pipeline.training_batches(Records(source, config), config)


def test_paper_leaf_network_has_the_published_number_of_parameters():
    assert build(leaves_paper.get_config()).count_params() == 473_343


def test_default_form_stays_under_its_number_of_parameters():
    for name in presets.names():
        config = presets.find(name)[0]
        deeper = config["model"]["attend"].get("residual_blocks")
        assert RIS(config).count_params() < (2_500_000 if deeper else 1_200_000)


@pytest.mark.parametrize("form", ["attend", "paper"])
def test_fit_lowers_the_loss_and_evaluate_reports_it(small_of, form):
    small = small_of(form)
    keras.utils.set_random_seed(1)
    model = build(small)
    model.compile(keras.optimizers.Adam(3e-3))
    data = batches(small).take(2).cache()
    before = model.evaluate(data, verbose=0, return_dict=True)
    history = model.fit(data.repeat(), epochs=1, steps_per_epoch=25, verbose=0, shuffle=False).history
    after = model.evaluate(data, verbose=0, return_dict=True)
    assert after["loss"] < before["loss"] - (0.1 if form == "attend" else 0.01)
    assert set(history) - {"batch_loss"} == set(after) >= {"loss", "hungarian", "matched_iou"}


@pytest.mark.slow
def test_saved_model_loads_in_a_fresh_process(small, tmp_path):
    model = build(small)
    model.compile(keras.optimizers.AdamW(1e-3, use_ema=True))
    model.fit(batches(small), steps_per_epoch=1, verbose=0, shuffle=False)
    image = np.random.default_rng(0).random((1, 64, 64, 3)).astype(np.float32)
    path, expected = tmp_path / "model.keras", tmp_path / "expected.npz"
    model.save(path)
    np.savez(expected, image=image, **{name: value.numpy() for name, value in model(image).items()})
    script = f"""
import ris_tf
import keras, numpy as np
model = keras.saving.load_model({str(path)!r})
assert type(model) is ris_tf.RIS
data = np.load({str(expected)!r})
outputs = model(data["image"])
for name in ("masks", "scores"):
    assert np.abs(outputs[name].numpy() - data[name]).max() < 1e-5, name
assert int(model.optimizer.iterations) == 1
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-2000:]


def test_forward_pass_is_the_same_in_graph_and_eager(small):
    model = build(small)
    image = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    eager, graph = model(image), tf.function(model)(image)
    np.testing.assert_allclose(eager["masks"], graph["masks"], atol=1e-5)
    assert eager["masks"].shape == (2, 4, 32, 32) and eager["scores"].shape == (2, 4)
    masks, scores = model.look(image, threshold=-1.0)  # goes on to the end
    np.testing.assert_allclose(masks, eager["masks"], atol=1e-5)
    np.testing.assert_allclose(scores, eager["scores"], atol=1e-5)


def test_a_look_ends_with_the_image_that_stops_last(small):
    model = build(small)
    images = np.random.default_rng(0).random((2, 64, 64, 3)).astype(np.float32)
    every = model(images)["scores"].numpy()
    for steps in (1, 2, 3):  # the largest of the first scores, so that one image stops there and the other before it
        threshold = every[:, : steps - 1].min(initial=1.0) - 1e-4 if steps > 1 else 1.0
        stops = [int(np.argmax(np.append(row <= threshold, True))) + 1 for row in every]
        ran = min(max(stops), small.model.steps)
        masks, scores = (part.numpy() for part in model.look(images, threshold))
        assert (scores[:, :ran] > 0).all() and not scores[:, ran:].any() and not masks[:, ran:].any()
        np.testing.assert_allclose(scores[:, :ran], every[:, :ran], atol=1e-5)


@pytest.mark.parametrize(
    "image",
    [
        np.zeros((64, 64), np.uint8),
        np.full((37, 90, 1), 40_000, np.uint16),
        np.random.default_rng(0).random((101, 50, 3)),
        np.random.default_rng(0).integers(0, 255, (300, 200, 4), np.uint8),
        np.ones((9, 9), bool),
    ],
)
@pytest.mark.parametrize("view", ["whole", "tiles"])
def test_image_of_any_size_and_dtype(small, image, view):
    small.data.view = view
    instances = build(small).predict_instances(image)
    assert isinstance(instances, Instances)
    assert instances.labels.shape == image.shape[:2] and instances.labels.dtype == np.int32
    assert instances.masks.shape == (instances.count, *image.shape[:2]) and instances.scores.shape == (instances.count,)


@pytest.mark.parametrize(
    "image", [np.zeros(5), np.zeros((4, 4, 2)), np.zeros((0, 4)), np.array([["a"]]), np.full((4, 4, 3), 200)]
)
def test_what_is_no_image_is_refused(small, image):
    with pytest.raises(ValueError, match="Received"):
        build(small).predict_instances(image)


def test_preset_is_the_model_it_was_written_from(small, tmp_path, monkeypatch):
    monkeypatch.setattr(presets, "FOLDER", tmp_path)
    model = build(small)
    model.compile(keras.optimizers.Adam())
    model.fit(batches(small).take(1), verbose=0)
    preset_weights.write(model, "mine", tmp_path)
    with h5py.File(tmp_path / "mine.weights.h5") as file:
        assert "optimizer" not in file
    again = RIS.from_preset("mine")
    for one, other in zip(model.weights, again.weights, strict=True):
        if len(one.shape) < 2:
            np.testing.assert_allclose(one, other, rtol=1e-3, atol=1e-6)
        else:  # eight bits for each output channel
            largest = np.abs(one).reshape(-1, one.shape[-1]).max(axis=0)
            assert (np.abs(one.numpy() - other.numpy()) <= 0.501 / 127 * largest).all()
    assert presets.names() == ["mine"]
    assert load("mine").config.to_json(sort_keys=True) == model.config.to_json(sort_keys=True)


def test_shipped_presets_are_small():
    files = list(presets.FOLDER.iterdir())
    assert {"nuclei", "rosettes", "coins", "blobs", "worms"} <= set(presets.names())
    assert max(file.stat().st_size for file in files) < 3e6


@pytest.mark.parametrize(("field", "value"), [("form", "other"), ("steps", 0), ("size", (60, 64))])
def test_config_out_of_range_names_the_field(small, field, value):
    small.model[field] = value
    with pytest.raises(UsageError, match=f"model.{field}"):
        build(small)


def test_load_says_what_is_wrong(tmp_path):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.keras").write_bytes(b"PK\3\4 not a model")
    (tmp_path / "notes.txt").write_text("hello")
    other = keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)])
    other.save(tmp_path / "other.keras")
    for source, error, words in [
        ("nonesuch", UsageError, "unknown preset"),
        (tmp_path / "missing.keras", UsageError, "no such file"),
        (tmp_path / "notes.txt", UsageError, "is not a model"),
        (tmp_path / "empty", DataError, "best.keras"),
        (tmp_path / "broken.keras", DataError, "is not a valid .keras file"),
        (tmp_path / "other.keras", DataError, "Sequential"),
    ]:
        with pytest.raises(error, match=words):
            load(source)


def test_model_is_a_layer_of_another(small, tmp_path):
    inner = build(small)
    image = keras.Input((64, 64, 3))
    found = inner(keras.layers.Rescaling(1 / 255)(image))
    outer = keras.Model(image, {"count": keras.ops.sum(keras.ops.round(found["scores"]), axis=1), **found})
    outer.save(tmp_path / "outer.keras")
    again = keras.saving.load_model(tmp_path / "outer.keras")
    images = np.random.default_rng(0).uniform(0, 255, (2, 64, 64, 3)).astype(np.float32)
    expected = inner.predict_on_batch(images / 255)
    for model in (outer, again):
        results = model.predict_on_batch(images)
        np.testing.assert_allclose(results["masks"], expected["masks"], atol=1e-5)
        np.testing.assert_array_equal(results["count"], np.round(expected["scores"]).sum(axis=1))
    assert len(again.trainable_variables) == len(inner.trainable_variables)
