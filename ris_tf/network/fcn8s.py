"""FCN-8s encoder: VGG16 as a fully convolutional network, with levels at strides 8, 16 and 32 fused at stride 8."""

import keras
import tensorflow as tf

from ris_tf.errors import DataError
from ris_tf.network import pretrained

OFFSET = 3  # the first cell of every level begins this many pixels before the image
STRIDE = 8  # pixels per cell of the fused features

_MEAN = (103.939, 116.779, 123.68)  # mean colour of ImageNet: BGR, in 0..255
_PADDING = 100  # pixels of zeros on each side of the image
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # per block
_LAYERS = [f"block{b}_conv{c + 1}" for b, count in enumerate(_CONVOLUTIONS, 1) for c in range(count)] + ["fc1", "fc2"]
_FIELD = "model.fcn8s.weights"
_URL = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"


@keras.saving.register_keras_serializable(package="ris_tf")
class FCN8s(keras.layers.Layer):
    """The published encoder for people: pool3, pool4 and fc7 of VGG16, each scored by a 1x1 convolution, then summed.

    VGG16 up to fc7 is frozen; only the three score convolutions are trained. Three properties align the levels: the
    `_PADDING` zeros around the image, the first convolution, which adds no padding, and the 7x7 kernel of fc6. With
    them, cell 12 of pool3, cell 6 of pool4 and cell 0 of fc7 begin at the same place, 3 pixels before the image. The
    earlier cells of pool3 and pool4 are cut off. Levels are enlarged by a factor of 2 with bilinear interpolation,
    which preserves the alignment.

    Args:
      widths: channels of the five blocks; (64, 128, 256, 512, 512) for VGG16.
      dense: channels of fc6 and fc7; 4096 for VGG16.
      features: channels of the output.
      init_range: score weights and biases are initialised uniformly in +-init_range, as in the released code.
    """

    def __init__(self, widths=(64, 128, 256, 512, 512), dense=4096, features=100, init_range=0.08, **kwargs):
        super().__init__(**kwargs)
        self.widths, self.dense, self.features, self.init_range = tuple(widths), dense, features, init_range
        filters = [width for width, count in zip(self.widths, _CONVOLUTIONS, strict=True) for _ in range(count)]
        # A flat list with the dense layers last, because older Keras loses the weights of layers in nested lists.
        self.vgg = [_frozen(width, 3, "same" if index else "valid") for index, width in enumerate(filters)]
        self.vgg += [_frozen(dense, 7, "valid"), _frozen(dense, 1, "valid")]
        self.pool = keras.layers.MaxPooling2D(2, 2, padding="same")  # "same" keeps an odd last row, as in Caffe
        uniform = keras.initializers.RandomUniform(-init_range, init_range)
        self.scores = [
            keras.layers.Conv2D(features, 1, kernel_initializer=uniform, bias_initializer=uniform) for _ in range(3)
        ]

    def levels(self, images):
        """Computes the frozen part: the three levels of VGG16 that are fused.

        Args:
          images: float [B, H, W, 3], RGB in [0, 1].

        Returns:
          pool3, pool4, fc7: [B, h, w, C] at strides 8, 16 and 32, cropped so that all begin 3 pixels before the image.
          fc7 has ceil((H + 198) / 32) - 6 rows, pool4 twice as many, and pool3 four times as many.
        """
        x = images[..., ::-1] * 255.0 - tf.constant(_MEAN, images.dtype)
        x = tf.pad(x, [[0, 0], [_PADDING, _PADDING], [_PADDING, _PADDING], [0, 0]])
        convolutions, pooled = iter(self.vgg), []
        for count in _CONVOLUTIONS:
            for _ in range(count):
                x = next(convolutions)(x)
            x = self.pool(x)
            pooled.append(x)
        for convolution in convolutions:  # fc6, fc7
            x = convolution(x)
        rows, columns = x.shape[1:3]
        pool4 = pooled[3][:, 6 : 6 + 2 * rows, 6 : 6 + 2 * columns]
        return pooled[2][:, 12 : 12 + 4 * rows, 12 : 12 + 4 * columns], pool4, x

    def call(self, images):
        """Computes the fused features.

        Args:
          images: float [B, H, W, 3], RGB in [0, 1].

        Returns:
          [B, h, w, features] at stride 8, with h = 4 ceil((H + 198) / 32) - 24 (64 for H = 500).
        """
        *finer, coarse = (score(level) for score, level in zip(self.scores, self.levels(images), strict=True))
        for level in reversed(finer):
            coarse = level + tf.cast(tf.image.resize(coarse, level.shape[1:3], "bilinear"), level.dtype)
        return coarse

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "dense": self.dense,
            "features": self.features,
            "init_range": self.init_range,
        }


def enlarge(masks, size):
    """Resizes masks at the stride of FCN8s to the size of the image, with bilinear interpolation.

    Args:
      masks: [B, T, h, w] at stride 8.
      size: (H, W) of the image.

    Returns:
      float32 [B, T, H, W].
    """
    _, steps, height, width = masks.shape
    large = tf.reshape(masks, [-1, height, width, 1])
    large = tf.image.resize(large, [height * STRIDE, width * STRIDE], "bilinear")
    return tf.reshape(large[:, OFFSET : OFFSET + size[0], OFFSET : OFFSET + size[1]], [-1, steps, *size])


def load_vgg16(encoder, weights):
    """Loads trained VGG16 weights into the frozen part of an encoder, and prints where they come from.

    Args:
      encoder: FCN8s.
      weights: "random" leaves the encoder unchanged. "imagenet" downloads Keras' VGG16 if it is not yet in ~/.keras.
        Otherwise the path of a .h5 or .keras file of keras.applications' VGG16 with its dense layers.

    Raises:
      UsageError: the download failed, or the file does not exist.
      DataError: the file holds no VGG16 of the encoder's widths.
    """
    if weights == "random":
        print(f"{_FIELD} is 'random': the frozen layers stay random; give 'imagenet' or a file of trained weights")
        return
    expected = "keras.applications' VGG16 (include_top=True)"
    model = pretrained.classifier(
        weights, _FIELD, lambda weights: keras.applications.VGG16(weights=weights), expected, _URL
    )
    convert_vgg16(model, encoder, weights)
    print(f"{_FIELD}: VGG16 from {weights}")


def convert_vgg16(model, encoder, name="model"):
    """Copies the weights of a classifier into an encoder; its dense layers become 7x7 and 1x1 convolutions.

    Args:
      model: keras.Model with the layers block1_conv1 to block5_conv3, fc1 and fc2 of keras.applications' VGG16.
      encoder: FCN8s.
      name: name of the model in error messages.

    Raises:
      DataError: a layer is missing or has another size. Nothing is copied.
    """
    layers, kernels = {layer.name: layer for layer in model.layers}, []
    for layer, convolution in zip(_LAYERS, encoder.vgg, strict=True):
        if layer not in layers or len(layers[layer].get_weights()) != 2:
            raise DataError(f"{name}: has no layer {layer} with a kernel and a bias; expected VGG16 (include_top=True)")
        kernel, bias = layers[layer].get_weights()
        expected = tuple(convolution.kernel.shape)
        if kernel.size != convolution.kernel.shape.num_elements() or bias.shape != expected[-1:]:
            raise DataError(
                f"{name}: {layer} has a kernel of {kernel.shape}; expected {expected} or the same number of values"
            )
        kernels.append((kernel.reshape(expected), bias))  # Flatten and kernels share one order of values
    for values, convolution in zip(kernels, encoder.vgg, strict=True):
        convolution.set_weights(values)


def _frozen(filters, size, padding):
    """A convolution with ReLU that is not trained; its random initial weights preserve the scale of the input."""
    return keras.layers.Conv2D(
        filters, size, padding=padding, activation="relu", kernel_initializer="he_normal", trainable=False
    )
