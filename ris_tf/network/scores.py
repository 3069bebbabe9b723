"""Score heads: whether a step found an object, or any object is left."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="ris_tf")
class StateScore(keras.layers.Layer):
    """The published score: one fully connected unit over the top hidden state, with a bias that starts at 10.

    Args:
      pool: 0 to read the whole state, which ties the model to one input size (leaves, as in the released code).
        Otherwise the state is first max-pooled to pool x pool (people).
      init_range: weights are initialised uniformly in +-init_range.
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
        """Computes the logit of the score: h [B, H, W, R] -> float32 [B]."""
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
class AttendedScore(keras.layers.Layer):
    """Score ("is there an object left"), from the attended feature and from the strongest evidence anywhere.

    Args:
      hidden: number of hidden units.
    """

    def __init__(self, hidden=32, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.hidden = hidden
        self.mlp = keras.layers.Dense(hidden, activation="relu", dtype="float32")
        self.out = keras.layers.Dense(1, bias_initializer=keras.initializers.Constant(2.0), dtype="float32")

    def call(self, attended, h, logits, covered):
        """Computes the logit of the score.

        Args:
          attended: float32 [B, C], attended feature.
          h: [B, H, W, R], hidden state.
          logits: float32 [B, P], see `PointingInhibition`.
          covered: float32 [B, 1], coverage under the attention.

        Returns:
          float32 [B].
        """
        state = tf.cast(tf.reduce_max(h, axis=(1, 2)), tf.float32)
        peak = tf.reduce_max(logits, axis=1, keepdims=True)
        return self.out(self.mlp(tf.concat([attended, state, peak, covered], axis=-1)))[:, 0]

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden}
