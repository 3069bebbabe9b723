"""Spatial inhibition: turns the state of a step into the place of one object."""

import keras
import numpy as np
import tensorflow as tf

from ris_tf.network.conv_lstm import convolve


@keras.saving.register_keras_serializable(package="ris_tf")
class SpatialInhibition(keras.layers.Layer):
    """The published inhibition: mask = sigmoid(log-softmax over positions of (1x1 convolution of h) + bias).

    See the poster, "spatial inhibition module". One learned scalar bias (starting at 1) serves every object size.
    """

    def __init__(self, init_range=0.08, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # the log-softmax needs float32
        self.init_range = init_range
        uniform = keras.initializers.RandomUniform(-init_range, init_range)
        self.score_map = keras.layers.Conv2D(
            1, 1, kernel_initializer=uniform, bias_initializer=uniform, dtype="float32"
        )

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=[], initializer="ones", dtype="float32")

    def call(self, h):
        """Computes attention and mask.

        Args:
          h: [B, H, W, R], hidden state.

        Returns:
          log_attention: float32 [B, H * W].
          mask: float32 [B, H, W] in [0, 1].
        """
        logits = self.score_map(h)  # [B, H, W, 1]
        height, width = logits.shape[1], logits.shape[2]
        log_attention = tf.nn.log_softmax(tf.reshape(logits, [-1, height * width]))
        return log_attention, tf.reshape(tf.sigmoid(log_attention + self.bias), [-1, height, width])

    def get_config(self):
        return {**super().get_config(), "init_range": self.init_range}


@keras.saving.register_keras_serializable(package="ris_tf")
class PointingInhibition(keras.layers.Layer):
    """Inhibition that says *where*: a distribution over positions in which explained places are inhibited.

    The logits are the encoder's static objectness, plus a map from the recurrence (upsampled from its coarser grid),
    plus a learned 3x3 convolution of the coverage, minus a learned positive strength times the coverage (inhibition of
    return). A second softmax, under a Gaussian window around the strongest position, then reads one object only, even
    if two objects tie in the first softmax.

    Args:
      window: standard deviation of the Gaussian window, in cells.
    """

    def __init__(self, window=1.5, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.window = window
        self.recurrent_map = keras.layers.Conv2D(
            1, 1, kernel_initializer="zeros", dtype="float32", name="recurrent_map"
        )
        self.coverage_conv = keras.layers.Conv2D(
            1, 3, padding="same", use_bias=False, kernel_initializer="zeros", dtype="float32", name="coverage_conv"
        )

    def build(self, *args):
        self.coverage_conv.build((None, None, None, 1))
        self.strength = self.add_weight(
            name="strength", shape=[], initializer=keras.initializers.Constant(6.0), dtype="float32"
        )

    def _return(self):
        """Inhibition of return as a kernel [3, 3, 1, 1], so that one convolution applies it and `coverage_conv`."""
        return tf.nn.softplus(self.strength) * tf.constant(np.pad([[1.0]], 1)[..., None, None], tf.float32)

    def call(self, objectness, h, coverage, x, y):
        """Computes where the next object is.

        Args:
          objectness: float32 [B, H, W, 1], static logits.
          h: [B, H / r, W / r, R], state of the recurrence; r is a whole number.
          coverage: float32 [B, H, W, 1] in [0, 1].
          x, y: float32 [H * W], coordinates of the positions, in cells.

        Returns:
          logits: float32 [B, H * W], after inhibition and before the softmax.
          glance: float32 [B, H * W], attention under the window around one object; sums to 1.
          spot: float32 [B, H * W] in [0, 1], the strongest position itself. It must never be attended to again, even
            if no mask results from it.
        """
        height, width = objectness.shape[1], objectness.shape[2]
        recurrent = self.recurrent_map(h)
        if recurrent.shape[1] != height:
            recurrent = tf.image.resize(recurrent, [height, width], "bilinear")
        logits = objectness + recurrent + convolve(coverage, self.coverage_conv.kernel - self._return())
        logits = tf.reshape(logits, [-1, height * width])
        # Find the strongest position with reductions only, so that it converts to every runtime. Ties give their mean.
        strongest = tf.stop_gradient(tf.cast(logits >= tf.reduce_max(logits, axis=1, keepdims=True), tf.float32))
        places = tf.stack([x, y, tf.ones_like(x)], axis=-1)
        x_top, y_top, ties = tf.split(tf.matmul(strongest, places), 3, axis=-1)  # [B, 1] each
        x_top, y_top = x_top / ties, y_top / ties
        distance = tf.square(x - x_top) + tf.square(y - y_top)
        return logits, tf.nn.softmax(logits - distance / (2 * self.window**2)), tf.exp(-distance)

    def get_config(self):
        return {**super().get_config(), "window": self.window}
