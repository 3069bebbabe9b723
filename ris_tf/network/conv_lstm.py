"""One step of a ConvLSTM whose input is the same at every step."""

import keras
import tensorflow as tf

from ris_tf.network.places import zeros_of


def convolve(inputs, kernel):
    """Convolves float [B, H, W, C] with a kernel [h, w, C, K], stride 1, "same" padding, in the dtype of the inputs."""
    return tf.nn.conv2d(inputs, tf.cast(kernel, inputs.dtype), 1, "SAME")


@keras.saving.register_keras_serializable(package="ris_tf")
class ConvLSTMStep(keras.layers.Layer):
    """One ConvLSTM layer, advanced one step at a time, without peepholes and with "same" padding.

        i, f, o = sigmoid(Wx*x + bx + Wh*h + bh [+ Wc*coverage]),  g = tanh(the same)
        c' = f * c + i * g,  h' = o * tanh(c')

    Gates are stored in the order i, f, g, o along the channels, as in `keras.layers.ConvLSTM2D`. The convolution of
    the input is a separate method, so that an input that is the same at every step is convolved only once. In mixed
    precision, the convolutions and h use the lower precision. The gates and c stay in float32, which is also faster on
    a CPU.

    Args:
      filters: channels of the state.
      kernel_size: side of the kernels of both convolutions.
      init_range: if given, weights are initialised uniformly in +-init_range and the input bias of i, f and o is 1, as
        in the released code. Otherwise input weights start Glorot uniform, hidden weights orthogonal, and the forget
        bias is 1.
      coverage_kernel: side of the kernel of the convolution that feeds coverage to the gates; 0 for no coverage.
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
        self.built = True  # must be set here, because `follow` bypasses Keras' call

    def project(self, inputs):
        """Convolves the input and adds both biases: [B, H, W, C] -> [B, H, W, 4 * filters].

        Call it once for an input that stays the same over all steps.
        """
        self._build(inputs.shape[-1])
        return self.input_conv(inputs) + tf.cast(self.hidden_conv.bias, self.compute_dtype)

    def follow(self, inputs, h, c):
        """Advances the state by one step with an input of this step only; both convolutions are computed as one.

        Args:
          inputs: [B, H, W, C].
          h, c: see `call`.

        Returns:
          (h, c) after the step.
        """
        self._build(inputs.shape[-1])
        kernel = tf.concat([self.input_conv.kernel, self.hidden_conv.kernel], axis=2)
        bias = tf.cast(self.input_conv.bias + self.hidden_conv.bias, h.dtype)
        return self._gate(tf.nn.bias_add(convolve(tf.concat([inputs, h], axis=-1), kernel), bias), c)

    def zero_state(self, projected):
        """Initial state for a projected input: (h, c), zeros [B, H, W, filters] in the compute dtype and in float32."""
        zeros = zeros_of(projected[..., : self.filters])
        return tf.cast(zeros, projected.dtype), zeros

    def call(self, projected, h, c, coverage=None):
        """Advances the state by one step.

        Args:
          projected: [B, H, W, 4 * filters], see `project`.
          h: [B, H, W, filters].
          c: float32 [B, H, W, filters].
          coverage: [B, H, W, 1] in [0, 1], what earlier steps have explained; only with `coverage_kernel`.

        Returns:
          (h, c) after the step.
        """
        gates = projected + convolve(h, self.hidden_conv.kernel)
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
