"""The parts of one step against Keras, closed forms and plain NumPy."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ris_tf.network import encoders
from ris_tf.network.conv_lstm import ConvLSTMStep
from ris_tf.network.dynamic_mask import DynamicMask
from ris_tf.network.inhibition import PointingInhibition, SpatialInhibition
from ris_tf.network.places import cell_grid
from ris_tf.network.scores import StateScore


@pytest.mark.parametrize("kernel", [1, 3, 5])
def test_convlstm_equals_keras(kernel):
    rng = np.random.default_rng(kernel)
    image = rng.normal(size=(2, 9, 7, 5)).astype(np.float32)
    steps = 6
    theirs = keras.layers.ConvLSTM2D(
        4, kernel, padding="same", return_sequences=True, recurrent_activation="sigmoid", bias_initializer="normal"
    )
    expected = theirs(np.repeat(image[:, None], steps, axis=1)).numpy()

    ours = ConvLSTMStep(4, kernel)
    projected = ours.project(image)
    h, c = ours.zero_state(projected)
    h, c = ours(projected, h, c)  # creates the weights
    weights, recurrent, bias = theirs.get_weights()
    ours.input_conv.set_weights([weights, 0.25 * bias])
    ours.hidden_conv.set_weights([recurrent, 0.75 * bias])  # both biases add up to the one of Keras

    projected = ours.project(image)  # once for all steps
    h, c = ours.zero_state(projected)
    for step in range(steps):
        h, c = ours(projected, h, c)
        assert np.abs(h.numpy() - expected[:, step]).max() < 1e-5


def test_second_convlstm_equals_keras():
    rng = np.random.default_rng(0)
    below = rng.normal(size=(2, 5, 8, 6, 3)).astype(np.float32)  # another input at every step
    theirs = keras.layers.ConvLSTM2D(
        4, 3, padding="same", return_sequences=True, recurrent_activation="sigmoid", bias_initializer="normal"
    )
    expected = theirs(below).numpy()
    ours = ConvLSTMStep(4)
    h = c = tf.zeros([2, 8, 6, 4])
    ours.follow(below[:, 0], h, c)  # creates the weights
    weights, recurrent, bias = theirs.get_weights()
    ours.input_conv.set_weights([weights, 0.25 * bias])
    ours.hidden_conv.set_weights([recurrent, 0.75 * bias])
    for step in range(5):
        h, c = ours.follow(below[:, step], h, c)
        assert np.abs(h.numpy() - expected[:, step]).max() < 1e-5


def test_released_initialisation():
    step = ConvLSTMStep(30, init_range=0.08)
    projected = step.project(tf.zeros([1, 4, 4, 30]))
    step(projected, *step.zero_state(projected))
    i, f, g, o = np.split(step.input_conv.bias.numpy(), 4)
    assert (i == 1).all() and (f == 1).all() and (o == 1).all()
    assert np.abs(g).max() <= 0.08 and np.ptp(g) > 0.05
    for weights in (step.input_conv.kernel, step.hidden_conv.kernel, step.hidden_conv.bias):
        values = weights.numpy()
        assert np.abs(values).max() <= 0.08 and abs(values.std() - 0.08 / np.sqrt(3)) < 0.006


def test_spatial_inhibition_is_log_softmax_plus_bias():
    inhibition = SpatialInhibition()
    h = np.random.default_rng(0).normal(size=(2, 5, 6, 3)).astype(np.float32)
    log_attention, mask = inhibition(h)
    kernel, bias = inhibition.score_map.get_weights()
    scores = (h @ kernel[0, 0] + bias).reshape(2, 30).astype(np.float64)
    expected = scores - np.log(np.exp(scores).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(log_attention, expected, atol=1e-5)
    np.testing.assert_allclose(mask, (1 / (1 + np.exp(-(expected + 1)))).reshape(2, 5, 6), atol=1e-5)


def test_pooled_score_reads_each_quadrants_maximum():
    score = StateScore(pool=2)
    h = np.random.default_rng(0).normal(size=(1, 4, 6, 2)).astype(np.float32)
    logit = score(h)
    kernel, bias = score.dense.get_weights()
    pooled = h.reshape(2, 2, 2, 3, 2).max(axis=(1, 3)).reshape(1, 8)
    np.testing.assert_allclose(logit, (pooled @ kernel + bias)[:, 0], rtol=1e-5)
    assert bias == 10


def test_window_reads_one_object_where_two_tie():
    inhibition = PointingInhibition(window=1.0)
    objectness = np.full([1, 12, 12, 1], -5, np.float32)
    objectness[0, 2, 2], objectness[0, 9, 9] = 4.0, 3.999
    empty, h = np.zeros_like(objectness), np.zeros([1, 6, 6, 3], np.float32)
    x, y = cell_grid(12, 12, 32)
    _, glance, spot = inhibition(objectness, h, empty, x, y)
    glance = glance.numpy().reshape(12, 12)
    assert glance[:6, :6].sum() > 0.99 and abs(glance.sum() - 1) < 1e-5
    assert spot.numpy().reshape(12, 12)[2, 2] == 1
    covered = empty.copy()
    covered[0, :6, :6] = 1
    _, glance, _ = inhibition(objectness, h, covered, x, y)
    assert glance.numpy().reshape(12, 12)[6:, 6:].sum() > 0.99  # what is covered is inhibited


def test_dynamic_mask_equals_a_small_network_run_pixel_by_pixel():
    head = DynamicMask(hidden=3, pixel_features=2)
    rng = np.random.default_rng(1)
    attended = rng.normal(size=(1, 2, 5)).astype(np.float32)
    x, y = np.float32([[0.7, 0.1]]), np.float32([[0.2, 0.9]])
    e = rng.normal(size=(1, 6, 8, 2)).astype(np.float32)
    first, second = head.weights_of(attended, np.stack([x, y], -1))
    logits = head(head.pixels(e, 2), first, second).numpy().reshape(2, 6, 8)

    values = head.out(head.mlp(attended)).numpy()[0]
    for k in range(2):
        w1, w2 = values[k, : 3 * 6].reshape(6, 3), values[k, 18:]
        for row in range(6):
            for column in range(8):
                dx = (column + 0.5) * 2 / 32 - x[0, k]
                dy = (row + 0.5) * 2 / 32 - y[0, k]
                inputs = np.array([*e[0, row, column], dx, dy, dx * dx + dy * dy, 1.0])
                expected = np.maximum(inputs @ w1, 0) @ w2[:3] + w2[3]
                assert abs(logits[k, row, column] - expected) < 1e-4


def test_doubling_is_keras_upsampling():
    x = np.random.default_rng(2).normal(size=(2, 3, 5, 4)).astype(np.float32)
    np.testing.assert_array_equal(encoders._doubled(x), keras.layers.UpSampling2D(2)(x))
