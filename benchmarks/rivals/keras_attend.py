"""Contestant of train_step.py: the default network built in the straightforward way from Keras layers.

`keras.layers.ConvLSTM2D` gets the features and the coverage again at every step. The mask of every object is computed
from coordinates relative to that object, as in CondInst (Tian, Shen and Chen, ECCV 2020). The encoder, the inhibition,
the losses and the matching on the host are those of this package.
"""

import keras
import numpy as np
import tensorflow as tf
from batch import policy, read
from ours import contest

from ris_tf import model as models
from ris_tf.network.dynamic_mask import DynamicMask
from ris_tf.network.recurrence import AttendForm


class PlainConvLSTM(keras.layers.Layer):
    """`ConvLSTM2D` with the interface of this package's ConvLSTMStep; nothing is convolved in advance."""

    def __init__(self, filters):
        super().__init__(autocast=False)
        self.layer = keras.layers.ConvLSTM2D(
            filters, 3, padding="same", recurrent_activation="sigmoid", return_state=True
        )

    def project(self, features):
        return features

    def zero_state(self, features):
        zeros = tf.zeros_like(features[..., : self.layer.filters])
        return zeros, zeros

    def call(self, features, h, c, coverage):
        inputs = tf.concat([features, coverage], axis=-1)[:, None]
        return self.layer(inputs, initial_state=[h, c])[1:]

    def take(self, step):
        """Copies the weights of a ConvLSTMStep; from the coverage's kernel, the 3x3 in the middle."""
        kernel, input_bias = step.input_conv.get_weights()
        recurrent, hidden_bias = step.hidden_conv.get_weights()
        middle = step.coverage_conv.get_weights()[0][1:-1, 1:-1]
        self.layer.set_weights([np.concatenate([kernel, middle], axis=2), recurrent, input_bias + hidden_bias])


class RelativeMask(DynamicMask):
    """Mask head that runs the network of each object on inputs relative to it, (e, dx, dy, dx^2 + dy^2)."""

    def weights_of(self, attended, place):
        features, hidden = self.pixel_features, self.hidden
        values = self.out(self.mlp(attended))
        first, second = values[..., : hidden * (features + 4)], values[..., hidden * (features + 4) :]
        first = tf.reshape(first, tf.concat([tf.shape(first)[:-1], [features + 4, hidden]], axis=0))
        place = place[..., None] + tf.zeros_like(first[..., :2, :])
        return tf.concat([first, place], axis=-2), second  # the position is passed on with the weights

    def call(self, pixels, first, second):
        features = self.pixel_features
        kernel, bias, place = tf.split(first, [features + 3, 1, 2], axis=-2)
        offset = pixels[:, None, :, features : features + 2] - place[:, :, None, :, 0]  # [B, K, P, 2]
        square = tf.reduce_sum(tf.square(offset), axis=-1, keepdims=True)
        e = pixels[:, None, :, :features] + tf.zeros_like(square)
        hidden = tf.nn.relu(tf.matmul(tf.concat([e, offset, square], axis=-1), kernel) + bias)
        return tf.matmul(hidden, second[..., :-1, None])[..., 0] + second[..., -1:]


class PlainForm(AttendForm):
    """AttendForm with the plain ConvLSTM and mask head."""

    def __init__(self, **kwargs):
        super().__init__(**kwargs)
        self.lstm = PlainConvLSTM(kwargs["state"])
        self.dynamic_mask = RelativeMask(kwargs["mask_hidden"], kwargs["pixel_features"])

    def take(self, form):
        """Copies the weights of an AttendForm."""
        for name in ("encoder", "lstm", "objectness", "inhibition", "dynamic_mask", "score", "auxiliary"):
            mine, other = getattr(self, name), getattr(form, name)
            mine.take(other) if name == "lstm" else mine.set_weights(other.get_weights())


def make(spec):
    """(step, check) for a spec, see worker.py."""
    data, config, weights = read(spec)
    reference = models.build(config)
    reference.form.set_weights(weights)
    models._FORMS["attend"] = PlainForm
    model = models.build(config, policy(spec["precision"]))
    model.form.take(reference.form)
    return contest(model, data)
