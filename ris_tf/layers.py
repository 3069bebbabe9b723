"""The parts of one step of the recurrence: ConvLSTM, spatial inhibition, score heads."""

import keras
import numpy as np
import tensorflow as tf

from ris_tf.places import zero_of


def _convolve(inputs, kernel):
    return tf.nn.conv2d(inputs, tf.cast(kernel, inputs.dtype), 1, "SAME")


@keras.saving.register_keras_serializable(package="ris_tf")
class ConvLSTMStep(keras.layers.Layer):
    """One ConvLSTM layer, advanced one step at a time (METHOD: "ConvLSTM"; no peepholes, "same" padding).

        i, f, o = sigmoid(Wx*x + bx + Wh*h + bh [+ Wc*coverage]),  g = tanh(the same)
        c' = f * c + i * g,  h' = o * tanh(c')

    Gates lie in the order i, f, g, o along the channels, as in `keras.layers.ConvLSTM2D`. The input's convolution is
    a method of its own, so that an input which is the same at every step is convolved once. In mixed precision the
    convolutions and h are of the lower precision; the gates and c are float32, which is also faster on a CPU.

    Args:
      filters: channels of the state.
      kernel_size: side of both convolutions.
      init_range: if given, weights start uniform in +-init_range with input bias 1 for i, f, o (released code);
        otherwise Glorot weights and forget bias 1.
      coverage_kernel: side of the convolution that feeds coverage to the gates; 0 for none.
    """

    def __init__(self, filters, kernel_size=3, init_range=None, coverage_kernel=0, **kwargs):
        super().__init__(autocast=False, **kwargs)  # c stays float32
        self.filters = filters
        self.kernel_size = kernel_size
        self.init_range = init_range
        self.coverage_kernel = coverage_kernel
        uniform = None if init_range is None else keras.initializers.RandomUniform(-init_range, init_range)
        self.input_conv = keras.layers.Conv2D(
            4 * filters,
            kernel_size,
            padding="same",
            kernel_initializer=uniform or "glorot_uniform",
            bias_initializer=self._input_bias,
            name="input_conv",
        )
        self.hidden_conv = keras.layers.Conv2D(
            4 * filters,
            kernel_size,
            padding="same",
            kernel_initializer=uniform or "orthogonal",
            bias_initializer=uniform or "zeros",
            name="hidden_conv",
        )
        self.coverage_conv = None
        if coverage_kernel:
            self.coverage_conv = keras.layers.Conv2D(
                4 * filters, coverage_kernel, padding="same", use_bias=False, name="coverage_conv"
            )

    def _input_bias(self, shape, dtype=None):
        ones, zeros = tf.ones([self.filters], dtype), tf.zeros([self.filters], dtype)
        if self.init_range is None:
            return tf.concat([zeros, ones, zeros, zeros], axis=0)
        candidate = tf.random.uniform([self.filters], -self.init_range, self.init_range, dtype=ones.dtype)
        return tf.concat([ones, ones, candidate, ones], axis=0)

    def _build(self, input_channels):
        for conv, channels in ((self.input_conv, input_channels), (self.hidden_conv, self.filters)):
            if not conv.built:
                conv.build((None, None, None, channels))
        self.built = True  # `follow` goes past Keras's call

    def project(self, inputs):
        """Convolves the input and adds both biases: [B, H, W, C] -> [B, H, W, 4 * filters].

        Once for an input that stays the same over the steps.
        """
        self._build(inputs.shape[-1])
        return self.input_conv(inputs) + tf.cast(self.hidden_conv.bias, self.compute_dtype)

    def follow(self, inputs, h, c):
        """Advances the state by one step for an input of this step, [B, H, W, C]: both convolutions as one.

        Returns as `call`.
        """
        self._build(inputs.shape[-1])
        kernel = tf.concat([self.input_conv.kernel, self.hidden_conv.kernel], axis=2)
        bias = tf.cast(self.input_conv.bias + self.hidden_conv.bias, h.dtype)
        return self._gate(tf.nn.bias_add(_convolve(tf.concat([inputs, h], axis=-1), kernel), bias), c)

    def zero_state(self, projected):
        """Returns (h, c), zeros [B, H, W, filters] of the compute dtype and of float32, for a projected input."""
        zeros = tf.broadcast_to(zero_of(projected), tf.shape(projected[..., : self.filters]))
        return tf.cast(zeros, projected.dtype), zeros

    def call(self, projected, h, c, coverage=None):
        """Advances the state by one step.

        Args:
          projected: [B, H, W, 4 * filters] from `project`.
          h: [B, H, W, filters].
          c: float32 [B, H, W, filters].
          coverage: [B, H, W, 1] in [0, 1], what is already explained; only with `coverage_kernel`.

        Returns:
          (h, c) after the step.
        """
        gates = projected + _convolve(h, self.hidden_conv.kernel)
        if self.coverage_conv is not None:
            gates += self.coverage_conv(coverage)
        return self._gate(gates, c)

    def _gate(self, gates, c):
        i, f, g, o = (tf.cast(gate, tf.float32) for gate in tf.split(gates, 4, axis=-1))
        c = tf.sigmoid(f) * c + tf.sigmoid(i) * tf.tanh(g)
        return tf.cast(tf.sigmoid(o) * tf.tanh(c), gates.dtype), c

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "kernel_size": self.kernel_size,
            "init_range": self.init_range,
            "coverage_kernel": self.coverage_kernel,
        }


@keras.saving.register_keras_serializable(package="ris_tf")
class SpatialInhibition(keras.layers.Layer):
    """The published inhibition: mask = sigmoid(log-softmax over positions of (1x1 convolution of h) + bias).

    Poster, "spatial inhibition module". One learned scalar bias (starting at 1) serves every object size.
    """

    def __init__(self, init_range=0.08, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})  # log-softmax needs it
        self.init_range = init_range
        uniform = keras.initializers.RandomUniform(-init_range, init_range)
        self.score_map = keras.layers.Conv2D(
            1, 1, kernel_initializer=uniform, bias_initializer=uniform, dtype="float32"
        )

    def build(self, input_shape):
        self.bias = self.add_weight(name="bias", shape=[], initializer="ones", dtype="float32")

    def call(self, h):
        """h: [B, H, W, R] -> (log_attention float32 [B, H * W], mask float32 [B, H, W] in [0, 1])."""
        logits = self.score_map(h)  # [B, H, W, 1]
        height, width = logits.shape[1], logits.shape[2]
        log_attention = tf.nn.log_softmax(tf.reshape(logits, [-1, height * width]))
        return log_attention, tf.reshape(tf.sigmoid(log_attention + self.bias), [-1, height, width])

    def get_config(self):
        return {**super().get_config(), "init_range": self.init_range}


@keras.saving.register_keras_serializable(package="ris_tf")
class StateScore(keras.layers.Layer):
    """The published score: one fully connected unit over the top hidden state, bias starting at 10.

    Args:
      pool: 0 reads the whole state (leaves, as released: ties the model to one input size); otherwise the state is
        first max-pooled to pool x pool (people).
    """

    def __init__(self, pool=0, init_range=0.08, **kwargs):
        super().__init__(**kwargs)
        self.pool = pool
        self.init_range = init_range
        self.dense = keras.layers.Dense(
            1,
            kernel_initializer=keras.initializers.RandomUniform(-init_range, init_range),
            bias_initializer=keras.initializers.Constant(10.0),
            dtype="float32",
        )

    def call(self, h):
        """h: [B, H, W, R] -> float32 logit [B]."""
        batch, height, width, channels = h.shape
        if self.pool:
            rows = [i * height // self.pool for i in range(self.pool + 1)]
            columns = [i * width // self.pool for i in range(self.pool + 1)]
            h = tf.stack(
                [
                    tf.reduce_max(h[:, rows[i] : rows[i + 1], columns[j] : columns[j + 1]], axis=(1, 2))
                    for i in range(self.pool)
                    for j in range(self.pool)
                ],
                axis=1,
            )  # [B, pool * pool, R]
            size = self.pool * self.pool * channels
        else:
            size = height * width * channels
        return self.dense(tf.reshape(h, [-1, size]))[:, 0]

    def get_config(self):
        return {**super().get_config(), "pool": self.pool, "init_range": self.init_range}


@keras.saving.register_keras_serializable(package="ris_tf")
class PointingInhibition(keras.layers.Layer):
    """Inhibition that says *where*: a distribution over positions in which explained places are inhibited.

    Logits are the encoder's static objectness, plus what the recurrence says (upsampled from its coarser grid), minus a
    learned positive strength times coverage: inhibition of return. A second softmax under a Gaussian window around the
    strongest position then reads one object only, even where two objects tie in the first.

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
        """Inhibition of return as a kernel [3, 3, 1, 1]: one convolution then brings both."""
        return tf.nn.softplus(self.strength) * tf.constant(np.pad([[1.0]], 1)[..., None, None], tf.float32)

    def call(self, objectness, h, coverage, x, y):
        """One look.

        Args:
          objectness: float32 [B, H, W, 1] static logits.
          h: [B, H / r, W / r, R] state of the recurrence, r a whole number.
          coverage: float32 [B, H, W, 1] in [0, 1].
          x, y: float32 [H * W], places of the positions in cells.

        Returns:
          logits: float32 [B, H * W] after inhibition, before the softmax.
          glance: float32 [B, H * W], sums to 1, within a window of one object.
          spot: float32 [B, H * W] in [0, 1], the strongest position itself: never to be looked at again, even if no
            mask comes of it.
        """
        height, width = objectness.shape[1], objectness.shape[2]
        recurrent = self.recurrent_map(h)
        if recurrent.shape[1] != height:
            recurrent = tf.image.resize(recurrent, [height, width], "bilinear")
        logits = objectness + recurrent + _convolve(coverage, self.coverage_conv.kernel - self._return())
        logits = tf.reshape(logits, [-1, height * width])
        # The strongest position, as reductions only, so that it converts to every runtime; ties give their mean.
        strongest = tf.stop_gradient(tf.cast(logits >= tf.reduce_max(logits, axis=1, keepdims=True), tf.float32))
        places = tf.stack([x, y, tf.ones_like(x)], axis=-1)
        x_top, y_top, ties = tf.split(tf.matmul(strongest, places), 3, axis=-1)  # [B, 1] each
        x_top, y_top = x_top / ties, y_top / ties
        distance = tf.square(x - x_top) + tf.square(y - y_top)
        return logits, tf.nn.softmax(logits - distance / (2 * self.window**2)), tf.exp(-distance)

    def get_config(self):
        return {**super().get_config(), "window": self.window}


@keras.saving.register_keras_serializable(package="ris_tf")
class AttendedScore(keras.layers.Layer):
    """Score ("is there an object left") from what is attended and from the strongest evidence anywhere."""

    def __init__(self, hidden=32, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.hidden = hidden
        self.mlp = keras.layers.Dense(hidden, activation="relu", dtype="float32")
        self.out = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(2.0), dtype="float32")

    def call(self, attended, h, logits, covered):
        """attended: float32 [B, C]; h: [B, H, W, R]; logits: [B, P]; covered: [B, 1] -> float32 logit [B]."""
        state = tf.cast(tf.reduce_max(h, axis=(1, 2)), tf.float32)
        peak = tf.reduce_max(logits, axis=1, keepdims=True)
        return self.out(self.mlp(tf.concat([attended, state, peak, covered], axis=-1)))[:, 0]

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}
