"""Mask head of the attend form: dynamic convolution, with weights that are predicted for each object."""

import keras
import numpy as np
import tensorflow as tf

from ris_tf.network.places import append_places, cell_grid, zero_of

# Weights of (dx, dy, dx^2 + dy^2, 1), with dx = x - x0 and dy = y - y0, are converted to weights of
# (x, y, x^2 + y^2, 1) by a matrix. The matrix is the identity plus x0, y0 and x0^2 + y0^2 times these three.
_SHIFT = np.zeros([3, 4, 4], np.float32)
_SHIFT[0, [0, 3], [2, 0]] = -2, -1
_SHIFT[1, [1, 3], [2, 1]] = -2, -1
_SHIFT[2, 3, 2] = 1
_UNSHIFTED = np.eye(4, dtype=np.float32).ravel()


@keras.saving.register_keras_serializable(package="ris_tf")
class DynamicMask(keras.layers.Layer):
    """Predicts the weights of a small network per object from the attended feature; applies it to every pixel.

    At each pixel, the per-object network reads the encoder's pixel features e, the offset (dx, dy) from the attended
    position, and dx^2 + dy^2, in units of 32 image pixels. It has one hidden layer of ReLU units and one output. Before
    the ReLU, the hidden layer is linear in (e, x, y, x^2 + y^2, 1). Therefore the hidden layers of all objects are
    computed in one matrix product.

    Args:
      hidden: number of hidden units of the per-object network.
      pixel_features: channels of e.
    """

    def __init__(self, hidden=8, pixel_features=8, **kwargs):
        super().__init__(**{**kwargs, "dtype": "float32"})
        self.hidden = hidden
        self.pixel_features = pixel_features
        self.mlp = keras.layers.Dense(64, activation="relu", dtype="float32")
        self.out = keras.layers.Dense(hidden * (pixel_features + 4) + hidden + 1, dtype="float32")

    def weights_of(self, attended, place):
        """Predicts the weights of the per-object networks.

        Args:
          attended: float32 [..., C], attended features.
          place: float32 [..., 2], x and y of the attended position in units of 32 image pixels.

        Returns:
          first: float32 [..., pixel_features + 4, hidden], weights of the hidden layer for inputs
            (e, x, y, x^2 + y^2, 1).
          second: float32 [..., hidden + 1], the weights of the output unit, followed by its bias.
        """
        inputs, hidden = self.pixel_features + 4, self.hidden
        values = self.out(self.mlp(attended))
        first, second = tf.split(values, [inputs * hidden, hidden + 1], axis=-1)
        first = tf.reshape(first, tf.concat([tf.shape(first)[:-1], [inputs, hidden]], axis=0))
        e, spatial = tf.split(first, [self.pixel_features, 4], axis=-2)
        # Convert the weights of (dx, dy, dx^2 + dy^2, 1) to weights of absolute coordinates.
        square = tf.reduce_sum(tf.square(place), axis=-1, keepdims=True)
        shift = tf.matmul(tf.concat([place, square], axis=-1), _SHIFT.reshape(3, 16)) + _UNSHIFTED
        shift = tf.reshape(shift, tf.concat([tf.shape(shift)[:-1], [4, 4]], axis=0))
        return tf.concat([e, tf.matmul(shift, spatial)], axis=-2), second

    def pixels(self, pixel_features, stride):
        """Appends the coordinates of each pixel, and a constant 1, to its features.

        Args:
          pixel_features: float [B, H, W, F].
          stride: image pixels per pixel of `pixel_features`.

        Returns:
          float32 [B, H * W, F + 4].
        """
        height, width = pixel_features.shape[1], pixel_features.shape[2]
        flat = tf.reshape(tf.cast(pixel_features, tf.float32), [-1, height * width, self.pixel_features])
        zero = zero_of(pixel_features)
        x, y = cell_grid(height, width, stride, zero)
        one = tf.minimum(x, 0.0) + 1.0  # x is positive; tract 0.23.9 refuses a value that is broadcast
        return append_places(flat, x, y, x * x + y * y, one)

    def call(self, pixels, first, second):
        """Computes the mask logits of K objects.

        Args:
          pixels: float32 [B, P, F + 4], see `pixels`.
          first: float32 [B, K, F + 4, h], see `weights_of`.
          second: float32 [B, K, h + 1], see `weights_of`.

        Returns:
          float32 [B, K, P].
        """
        hidden = tf.nn.relu(tf.matmul(tf.expand_dims(pixels, 1), first))  # [B, K, P, h]
        weights, bias = tf.split(second, [self.hidden, 1], axis=-1)
        return tf.squeeze(tf.matmul(hidden, tf.expand_dims(weights, -1)), axis=-1) + bias

    def together(self, pixels, first, second):
        """Same as `call`, but returns [B, P, K] and also computes the output units of all objects in one product.

        In LiteRT this takes 0.6 of the time of `call`, which multiplies by matrices of only h and 1 columns. In
        training it saves no time.
        """
        objects, inputs, hidden = first.shape[1:]
        wide = tf.reshape(tf.transpose(first, [0, 2, 1, 3]), [-1, inputs, objects * hidden])
        weights, bias = tf.split(second, [hidden, 1], axis=-1)
        own = np.eye(objects, dtype=np.float32)[:, None]  # 1 where a hidden unit belongs to the object
        blocks = tf.reshape(weights[..., None] * own, [-1, objects * hidden, objects])
        return tf.matmul(tf.nn.relu(tf.matmul(pixels, wide)), blocks) + tf.transpose(bias, [0, 2, 1])

    def get_config(self):
        return {**super().get_config(), "hidden": self.hidden, "pixel_features": self.pixel_features}
