"""Contestant of train_step.py: the published leaf network built in the straightforward way from Keras layers.

`keras.layers.ConvLSTM2D` gets the features repeated for every step; matching runs on the host through `tf.py_function`.
"""

import keras
import numpy as np
import tensorflow as tf
from batch import global_norm, policy, read

from ris_tf.objective import losses, matching
from ris_tf.objective.truth import reduce_masks
from ris_tf.training.start import optimizer


def network(config, precision):
    """Builds the Keras model: images [B, H, W, 3] -> masks [B, T, P] and score logits [B, T], both float32."""
    keras.config.set_dtype_policy(precision)
    height, width = (side // config.model.paper.reduction for side in config.model.size)
    filters, steps = config.model.paper.filters, config.model.steps
    images = keras.Input([*config.model.size, 3])
    x = keras.layers.Resizing(height, width)(images)
    for _ in range(4):
        x = keras.layers.Conv2D(filters, 3, padding="same", activation="relu")(x)
    x = keras.layers.Lambda(lambda t: tf.repeat(t[:, None], steps, axis=1), (steps, height, width, filters))(x)
    for _ in range(config.model.paper.layers):
        x = keras.layers.ConvLSTM2D(filters, 3, padding="same", recurrent_activation="sigmoid", return_sequences=True)(
            x
        )
    logits = keras.layers.TimeDistributed(keras.layers.Conv2D(1, 1, dtype="float32"))(x)
    logits = keras.layers.Reshape([steps, height * width], dtype="float32")(logits)
    masks = Masks(dtype="float32")(logits)
    flat = keras.layers.Reshape([steps, height * width * filters])(x)
    score = keras.layers.TimeDistributed(keras.layers.Dense(1, dtype="float32"))(flat)
    return keras.Model(images, [masks, keras.layers.Reshape([steps], dtype="float32")(score)])


class Masks(keras.layers.Layer):
    """Masks from logits, [B, T, P]: sigmoid(log-softmax over positions + bias)."""

    def build(self, _):
        self.bias = self.add_weight(shape=[])

    def call(self, logits):
        return tf.sigmoid(tf.nn.log_softmax(logits) + self.bias)


def arrange(weights):
    """Reorders this package's weights for `network`; ConvLSTM2D has one bias, the sum of this package's two."""
    encoder, lstm = weights[:8], weights[8:-5]
    bias, score_map, score = weights[-5], weights[-4:-2], weights[-2:]
    layers = []
    for kernel, input_bias, recurrent, hidden_bias in np.array(lstm, object).reshape(-1, 4):
        layers += [kernel, recurrent, input_bias + hidden_bias]
    return [*encoder, *layers, *score_map, *score, bias]


def make(spec):
    """(step, check) for a spec, see worker.py."""
    data, config, weights = read(spec)
    model = network(config, policy(spec["precision"]))
    model.set_weights(arrange(weights))
    adam = optimizer(config)
    adam.build(model.trainable_variables)
    steps = config.model.steps

    def gradients():
        with tf.GradientTape() as tape:
            masks, score = model(data["image"], training=True)
            truth = reduce_masks(data["masks"], config.model.paper.reduction)
            iou = matching.relaxed_iou(masks, tf.reshape(truth, [*truth.shape[:2], -1]))
            count = data["count"]
            assignment = matching.match(iou, tf.minimum(steps, count), count)
            index = tf.range(steps)[None]
            targets = tf.cast(index < count[:, None], tf.float32)
            taken = tf.cast(index < count[:, None] + config.loss.extra_steps, tf.float32)
            loss = tf.reduce_mean(losses.hungarian_loss(iou, assignment, score, targets, taken))
        return tape.gradient(loss, model.trainable_variables), loss

    @tf.function
    def train_step():
        values, loss = gradients()
        adam.apply(values, model.trainable_variables)
        return loss

    compared = tf.function(gradients)

    def check():
        values, loss = compared()
        return {"loss": float(loss), "gradient_norm": global_norm(values)}

    return lambda: float(train_step()), check
