"""The default form on MobileNetV2: what its encoder sees, where weights come from, what trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.applications.mobilenet_v2 import preprocess_input

from ris_tf.errors import DataError, UsageError
from ris_tf.model import build
from ris_tf.network import mobilenet
from ris_tf.training import start

STRIDES = {
    "block_1_expand_relu": 2, "block_3_expand_relu": 4, "block_6_expand_relu": 8, "block_13_expand_relu": 16,
    "block_16_project_BN": 32,
}  # fmt: skip


@pytest.fixture
def narrow(small):
    """A small config on MobileNetV2."""
    small.model.attend.update({"encoder": "mobilenet_v2", "widths": (8, 8, 16, 16, 16)})
    return small


@pytest.fixture(scope="module")
def published():
    """keras.applications' MobileNetV2 with statistics and offsets of its own, as if trained."""
    keras.utils.set_random_seed(2)
    model, rng = keras.applications.MobileNetV2((224, 224, 3), weights=None), np.random.default_rng(0)
    for layer in model.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([weight + rng.uniform(0, 0.2, weight.shape) for weight in layer.get_weights()])
    return model


@pytest.fixture(scope="module")
def encoder():
    layer = mobilenet.MobileNetV2Encoder((8, 8, 16, 16, 16), 16, 4, 1)
    layer(tf.zeros([1, 64, 64, 3]))
    return layer


def test_levels_are_those_of_the_published_network(published, encoder):
    """Images in [0, 1] come to it as its own preprocessing would have them."""
    mobilenet.convert_mobilenet_v2(published, encoder)
    images = np.random.default_rng(1).random((1, 224, 224, 3)).astype(np.float32)
    reference = keras.Model(published.input, [published.get_layer(name).output for name in STRIDES])
    expected = reference(preprocess_input(images * 255))
    for level, other, stride in zip(encoder.backbone(images * 2 - 1), expected, STRIDES.values(), strict=True):
        assert level.shape[1:3] == (224 // stride, 224 // stride) and np.ptp(other) > 1e-2
        np.testing.assert_allclose(level, other, atol=1e-4 * np.abs(other).max())
    seen = []
    backbone, encoder.backbone = encoder.backbone, lambda x, training: seen.append(x) or backbone(x)
    try:
        outputs = encoder(images)
    finally:
        encoder.backbone = backbone
    np.testing.assert_allclose(seen[0], preprocess_input(images * 255), atol=1e-5)
    shapes = {name: tuple(value.shape) for name, value in outputs.items()}
    assert shapes["stride_2"] == (1, 112, 112, 8) and shapes["pixels"] == (1, 112, 112, 4)
    assert shapes["stride_4"] == (1, 56, 56, 16) and shapes["stride_8"] == (1, 28, 28, 16)


@pytest.mark.parametrize("frozen", [True, False])
def test_statistics_stay_where_they_are_frozen(encoder, frozen):
    encoder.frozen_statistics = frozen
    norm, convolution = (encoder.backbone.get_layer(f"block_3_expand{end}") for end in ("_BN", ""))
    before = norm.get_weights()
    images = tf.constant(np.random.default_rng(0).random((2, 64, 64, 3)), tf.float32)
    for training in (False, True):
        with tf.GradientTape() as tape:
            total = tf.reduce_sum(tf.square(encoder(images, training=training)["pixels"]))
        changed = [np.abs(old - new).max() > 0 for old, new in zip(before, norm.get_weights(), strict=True)]
        moved = training and not frozen
        assert changed == [False, False, moved, moved]  # gamma, beta, mean, variance
    for gradient in tape.gradient(total, [norm.gamma, norm.beta, convolution.kernel]):
        assert np.abs(gradient).max() > 0
    encoder.frozen_statistics = True


@pytest.mark.parametrize("suffix", [".keras", ".h5", ".weights.h5", "_no_top.weights.h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_weights_come_from_a_file(published, encoder, tmp_path, capsys, suffix):
    file, model = tmp_path / f"mobilenet{suffix}", published
    if "top" in suffix:
        model = keras.Model(published.input, published.get_layer("out_relu").output)
    (model.save_weights if "weights" in suffix else model.save)(file)
    mobilenet.load_mobilenet_v2(encoder, str(file))
    for name in ("Conv1", "block_5_depthwise_BN", "block_16_project"):
        for one, other in zip(
            encoder.backbone.get_layer(name).get_weights(), model.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    assert capsys.readouterr().out.splitlines()[-1] == f"model.mobilenet_v2.weights: MobileNetV2 from {file}"


def test_random_weights_are_told_and_stay(encoder, capsys):
    before = encoder.get_weights()
    mobilenet.load_mobilenet_v2(encoder, "random")
    assert all(np.array_equal(a, b) for a, b in zip(before, encoder.get_weights(), strict=True))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_wrong_weights_are_told_in_one_line(encoder, tmp_path, monkeypatch):
    before = encoder.get_weights()
    (tmp_path / "broken.h5").write_bytes(b"no weights")
    keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)]).save(tmp_path / "other.keras")

    def offline(*args, **kwargs):
        raise OSError("URL fetch failure:\nno network")

    monkeypatch.setattr(keras.applications, "MobileNetV2", offline)
    for weights, error, words in [
        ("imagenet", UsageError, "model.mobilenet_v2.weights is 'imagenet' but the download failed .*give a file"),
        ("nowhere.h5", UsageError, "model.mobilenet_v2.weights is 'nowhere.h5'; expected"),
        (tmp_path / "broken.h5", DataError, "broken.h5: is no"),
        (tmp_path / "other.keras", DataError, "no weights for the layer Conv1"),
    ]:
        with pytest.raises(error, match=words) as caught:
            mobilenet.load_mobilenet_v2(encoder, str(weights))
        assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, encoder.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("field", "value", "named"),
    [("channels", 1, "model.channels is 1"), ("widths", (8, 8, 16, 16), "model.attend.widths is")],
)
def test_shape_that_mobilenet_cannot_have_is_named(narrow, field, value, named):
    (narrow.model if field == "channels" else narrow.model.attend)[field] = value
    with pytest.raises(UsageError, match=named):
        build(narrow)


@pytest.mark.parametrize(("weights", "frozen"), [("some.keras", True), ("random", False)])
def test_training_reads_the_weights_that_the_config_names(narrow, tmp_path, monkeypatch, weights, frozen):
    asked = []
    monkeypatch.setattr(start, "load_mobilenet_v2", lambda *given: asked.append(given))
    narrow.model.mobilenet_v2.weights = weights
    encoder = start.model_of(narrow, "float32", None, None, tmp_path).form.encoder
    assert asked == [(encoder, weights)] and encoder.frozen_statistics == frozen
