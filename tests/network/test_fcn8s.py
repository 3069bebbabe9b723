"""FCN-8s and the network for people: VGG16's weights, where cells lie, sizes, what trains."""

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras.applications.vgg16 import preprocess_input

from ris_tf.configs import people_paper
from ris_tf.data.sampling.augment import warp
from ris_tf.errors import DataError, UsageError
from ris_tf.inference.prediction import predict_instances
from ris_tf.model import build
from ris_tf.network import fcn8s
from ris_tf.storage import load

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:keras.*")

WIDTHS, DENSE = (8, 8, 8, 8, 8), 16


def narrow_vgg16(side=224):
    """keras.applications' VGG16 with few channels, written down layer by layer."""
    x = images = keras.layers.Input([side, side, 3])
    for block, count in enumerate((2, 2, 3, 3, 3), 1):
        for index in range(1, count + 1):
            name = f"block{block}_conv{index}"
            x = keras.layers.Conv2D(8, 3, padding="same", activation="relu", bias_initializer="normal", name=name)(x)
        x = keras.layers.MaxPooling2D(2, 2)(x)
    x = keras.layers.Flatten()(x)
    for name in ("fc1", "fc2"):
        x = keras.layers.Dense(DENSE, activation="relu", bias_initializer="normal", name=name)(x)
    return keras.Model(images, keras.layers.Dense(5, name="predictions")(x))


def narrow():
    config = people_paper.get_config()
    config.model.size = (64, 64)
    config.model.fcn8s.update({"widths": WIDTHS, "dense": DENSE})
    config.model.paper.filters = 6
    config.model.steps = 3
    config.data.max_instances = 4
    return config


def encoder(size=(64, 64), widths=WIDTHS):
    layer = fcn8s.FCN8s(widths, DENSE, 6)
    layer(tf.zeros([1, *size, 3]))
    return layer


def test_fc7_is_the_classifier_under_its_window():
    """A 26 px image with 99 zeros on each side is the classifier's 224 px, and fc7 a single cell."""
    keras.utils.set_random_seed(3)
    model, ours = narrow_vgg16(), encoder((26, 26))
    fcn8s.convert_vgg16(model, ours)
    images = np.random.default_rng(0).random((2, 26, 26, 3)).astype(np.float32)
    padded = np.pad(preprocess_input(images * 255), ((0, 0), (99, 99), (99, 99), (0, 0)))
    classifier = keras.Model(model.input, [model.get_layer(name).output for name in ("block3_conv3", "fc2")])
    block3, fc2 = classifier.predict(padded, verbose=0)
    pool3, pool4, fc7 = ours.levels(images)
    assert fc7.shape == (2, 1, 1, DENSE) and pool4.shape == (2, 2, 2, 8) and pool3.shape == (2, 4, 4, 8)
    assert np.ptp(fc2) > 1e-3
    np.testing.assert_allclose(fc7[:, 0, 0], fc2, rtol=1e-3, atol=1e-4 * np.abs(fc2).max())
    windows = block3.reshape(2, 28, 2, 28, 2, 8).max(axis=(2, 4))  # pool3, of which 12 cells before the image are cut
    np.testing.assert_allclose(pool3, windows[:, 12:16, 12:16], rtol=1e-3, atol=1e-4 * np.abs(windows).max())


@pytest.mark.parametrize(("side", "cells"), [(500, 16), (499, 16), (26, 1), (27, 2), (64, 3)])
def test_sizes_follow_ceil_pooling(side, cells):
    one = encoder((side, 26), widths=(1, 1, 1, 1, 1))
    pool3, pool4, fc7 = one.levels(tf.zeros([1, side, 26, 3]))
    assert [level.shape[1] for level in (pool3, pool4, fc7)] == [4 * cells, 2 * cells, cells]
    features = one(tf.zeros([1, side, 26, 3]))
    assert features.shape == (1, 4 * cells, 4, 6)
    masks = fcn8s.enlarge(tf.zeros([2, 3, 4 * cells, 4]), (side, 26))
    assert masks.shape == (2, 3, side, 26)


def test_a_bright_pixel_lights_the_cell_that_holds_it():
    """Convolutions that pass their centre on leave max pooling alone: cell k of stride s holds pixels s k - 3 on."""
    ours = encoder((80, 80), widths=(1, 1, 1, 1, 1))
    for layer in ours.vgg:
        kernel, bias = (np.zeros_like(weight) for weight in layer.get_weights())
        kernel[kernel.shape[0] // 2, kernel.shape[1] // 2, 0] = 1
        layer.set_weights([kernel, bias])
    for row, column in [(0, 0), (4, 5), (5, 4), (13, 28), (29, 61), (60, 12), (79, 79)]:
        images = np.zeros((1, 80, 80, 3), np.float32)
        images[0, row, column] = 1
        for level, stride in zip(ours.levels(images), (8, 16, 32), strict=True):
            lit = np.argwhere(level.numpy()[0, :, :, 0] > 0)
            assert lit.tolist() == [[(row + 3) // stride, (column + 3) // stride]]


def test_levels_are_added_where_they_lie():
    """Every level's scores are a plane over the image, so that the sum must be three times that plane."""
    ours = encoder()

    def plane(stride, cells, channels=8):
        places = stride * np.arange(cells) + stride / 2 - 3
        values = np.add.outer(places, 2 * places)[None, :, :, None]
        return tf.constant(np.repeat(values, channels, axis=3) / channels, tf.float32)

    ours.levels = lambda images: (plane(8, 12), plane(16, 6), plane(32, 3, DENSE))
    for score in ours.scores:
        kernel, bias = score.get_weights()
        score.set_weights([np.ones_like(kernel), np.zeros_like(bias)])
    inner = ours(tf.zeros([1, 64, 64, 3])).numpy()[0, 3:-3, 3:-3, 0]  # bilinear interpolation is flat at the rim
    np.testing.assert_allclose(inner, 3 * plane(8, 12, 1).numpy()[0, 3:-3, 3:-3, 0], rtol=1e-4)


def test_masks_lie_over_their_cells():
    masks = np.zeros((1, 2, 64, 64), np.float32)
    masks[0, 0, 10, 40] = masks[0, 1, 33, 5] = 1
    large = fcn8s.enlarge(tf.constant(masks), (500, 480)).numpy()[0]
    assert large.shape == (2, 500, 480) and large.max() <= 1
    for mask, cell in zip(large, [(10, 40), (33, 5)], strict=True):
        rows, columns = np.indices(mask.shape)
        centre = np.array([(mask * rows).sum(), (mask * columns).sum()]) / mask.sum()
        np.testing.assert_allclose(centre, 8 * np.array(cell) - 3 + 3.5, atol=1e-3)
        assert mask.sum() == pytest.approx(64, rel=1e-4)


def test_people_network_has_the_number_of_parameters_of_its_layers():
    config = people_paper.get_config()
    config.model.size = (64, 64)  # no weight depends on it: the score reads a pooled state
    model = build(config)
    convolutions = [(3, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256), (256, 256), (256, 512)]
    convolutions += [(512, 512)] * 5
    frozen = sum(9 * a * b + b for a, b in convolutions) + (49 * 512 * 4096 + 4096) + (4096 * 4096 + 4096)
    scores = sum(width * 100 + 100 for width in (256, 512, 4096))
    recurrence = 2 * 2 * (9 * 100 * 400 + 400)
    inhibition, score = 100 + 1 + 1, 2 * 2 * 100 + 1
    assert frozen == 134_260_544
    assert model.count_params() == frozen + scores + recurrence + inhibition + score == 136_189_347
    trainable = sum(int(np.prod(weight.shape)) for weight in model.trainable_weights)
    assert trainable == model.count_params() - frozen


def test_training_leaves_the_frozen_layers_alone(tmp_path):
    keras.utils.set_random_seed(1)
    config = narrow()
    model = build(config)
    rng = np.random.default_rng(0)
    masks = np.zeros((1, 4, 64, 64), np.uint8)
    masks[0, 0, 5:30, 8:40] = masks[0, 1, 35:60, 20:50] = 1
    batch = {"image": rng.random((1, 64, 64, 3)).astype(np.float32), "masks": masks, "count": np.int32([2])}
    outputs = model(batch["image"])
    assert outputs["masks"].shape == (1, 3, 64, 64) and outputs["scores"].shape == (1, 3)
    model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.1))
    parts = {"frozen": model.form.encoder.vgg, "scores": model.form.encoder.scores}

    def weights(name):
        return [weight for layer in parts[name] for weight in layer.get_weights()]

    before = {name: weights(name) for name in parts}
    model.fit(tf.data.Dataset.from_tensors(batch), verbose=0, shuffle=False)
    assert len(before["frozen"]) == 30 and len(before["scores"]) == 6
    for old, new in zip(before["frozen"], weights("frozen"), strict=True):
        np.testing.assert_array_equal(old, new)
    assert all(np.abs(old - new).max() > 1e-4 for old, new in zip(before["scores"], weights("scores"), strict=True))
    model.save(tmp_path / "model.keras")
    again = load(tmp_path / "model.keras")
    np.testing.assert_allclose(again(batch["image"])["masks"], model(batch["image"])["masks"], atol=1e-6)
    assert len(again.trainable_weights) == len(model.trainable_weights)


@pytest.mark.parametrize("suffix", [".keras", ".h5"])
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_weights_come_from_a_file(tmp_path, capsys, suffix):
    model, ours, file = narrow_vgg16(), encoder(), tmp_path / f"vgg{suffix}"
    model.save(file)
    fcn8s.load_vgg16(ours, str(file))
    np.testing.assert_array_equal(ours.vgg[4].get_weights()[0], model.get_layer("block3_conv1").get_weights()[0])
    said = capsys.readouterr().out.splitlines()[-1]
    assert said == f"model.fcn8s.weights: VGG16 from {file}"


def test_random_weights_are_told_and_stay(capsys):
    ours = encoder()
    before = ours.get_weights()
    fcn8s.load_vgg16(ours, "random")
    assert all(np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True))
    assert len(capsys.readouterr().out.splitlines()) == 1


def test_wrong_weights_are_told_in_one_line(tmp_path, monkeypatch):
    ours = encoder()
    before = ours.get_weights()
    (tmp_path / "broken.h5").write_bytes(b"no weights")
    (tmp_path / "broken.keras").write_bytes(b"no weights")
    narrow_vgg16(side=64).save(tmp_path / "small.keras")
    keras.Sequential([keras.layers.Input([2]), keras.layers.Dense(1)]).save(tmp_path / "other.keras")

    def offline(weights):
        raise OSError("URL fetch failure:\nno network")

    monkeypatch.setattr(keras.applications, "VGG16", offline)
    for weights, error, words in [
        ("imagenet", UsageError, "download failed .*give a file"),
        ("nowhere.h5", UsageError, "model.fcn8s.weights is 'nowhere.h5'; expected"),
        (tmp_path / "broken.h5", DataError, "broken.h5: is no"),
        (tmp_path / "broken.keras", DataError, "broken.keras: is no"),
        (tmp_path / "other.keras", DataError, "no layer block1_conv1"),
        (tmp_path / "small.keras", DataError, "fc1 has a kernel of"),
    ]:
        with pytest.raises(error, match=words) as caught:
            fcn8s.load_vgg16(ours, str(weights))
        assert "\n" not in str(caught.value)
    assert all(np.array_equal(a, b) for a, b in zip(before, ours.get_weights(), strict=True))


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("paper.encoder", "vgg"),
        ("paper.score_pool", -1),
        ("fcn8s.widths", (8, 8)),
        ("fcn8s.dense", 0),
        ("fcn8s.weights", 1),
        ("channels", 1),
    ],
)
def test_shape_out_of_range_is_named(name, value):
    config = narrow()
    *part, field = name.split(".")
    with config.ignore_type():
        (config.model[part[0]] if part else config.model)[field] = value
    with pytest.raises(UsageError, match=f"{name} is"):
        build(config)


@pytest.mark.parametrize("channels", [1, 3])
def test_mean_colour_lies_beside_the_image(channels):
    """The same colour in training and in prediction, and the edge's colour when so configured."""
    config = narrow()
    config.model.channels, config.data.rotation = channels, 0.0
    colour = np.array([123.68, 116.779, 103.939]) / 255
    if channels == 1:
        colour = np.array([0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2]])
    seen = []

    def look(images):
        seen.append(images[0])
        return np.zeros((1, 3, 64, 64), np.float32), np.zeros((1, 3), np.float32)

    image = np.full((64, 32, channels), 0.9, np.float32)
    image[0, 0] = 0.0
    predict_instances(look, config, image)
    sample = {"image": image, "labels": np.zeros((64, 32), np.int32), "zoom": tf.ones([2])}
    warped, _ = warp(sample, tf.constant([1, 2], tf.int64), config)
    np.testing.assert_allclose(seen[0][:, 32:], np.broadcast_to(colour, (64, 32, channels)), atol=1e-6)
    np.testing.assert_allclose(warped[:, :15], np.broadcast_to(colour, (64, 15, channels)), atol=1e-6)
    np.testing.assert_allclose(warped[:, 49:], np.broadcast_to(colour, (64, 15, channels)), atol=1e-6)
    np.testing.assert_allclose(warped[5:60, 20:44], 0.9, atol=1e-6)
    config.data.padding = "edge"
    predict_instances(look, config, image)
    np.testing.assert_array_equal(seen[1][:, 32:], np.repeat(seen[1][:, 31:32], 32, axis=1))


def test_shift_moves_the_image_by_its_share_at_most():
    config = narrow()
    config.data.rotation = 0.0
    labels = np.zeros((64, 64), np.int32)
    labels[31:33, 31:33] = 1
    for shift in (0.0, 0.25):
        config.data.shift = shift
        offsets = []
        for index in range(40):
            seed = tf.constant([5, index], tf.int64)
            sample = {"image": np.zeros((64, 64, 3), np.float32), "labels": labels, "zoom": tf.ones([2])}
            _, moved = warp(sample, seed, config)
            offsets.append(np.argwhere(moved.numpy() > 0).mean(axis=0) - 31.5)
        largest = np.abs(offsets).max()
        assert largest <= shift * 64 + 1 and largest >= shift * 64 * 0.8
