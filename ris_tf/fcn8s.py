"""FCN-8s: VGG16 run as a fully convolutional network, its levels at strides 8, 16 and 32 fused at stride 8."""

import keras
import tensorflow as tf

from ris_tf import pretrained
from ris_tf.errors import DataError

OFFSET = 3  # pixels by which the first cell of every level begins before the image
STRIDE = 8  # pixels per cell of the fused features

_MEAN = (103.939, 116.779, 123.68)  # of ImageNet, BGR, out of 255
_PADDING = 100  # pixels of zeros around the image
_CONVOLUTIONS = (2, 2, 3, 3, 3)  # of each block
_LAYERS = [f"block{b}_conv{c + 1}" for b, count in enumerate(_CONVOLUTIONS, 1) for c in range(count)] + ["fc1", "fc2"]
_FIELD = "model.fcn8s.weights"
_URL = "https://storage.googleapis.com/tensorflow/keras-applications/vgg16/vgg16_weights_tf_dim_ordering_tf_kernels.h5"


@keras.saving.register_keras_serializable(package="ris_tf")
class FCN8s(keras.layers.Layer):
    """The published encoder for people: pool3, pool4 and fc7 of VGG16, each scored by a 1x1 convolution and added.

    VGG16 up to fc7 is frozen; the three score convolutions train. The zeros of `_PADDING` around the image, the first
    convolution without padding of its own and the 7x7 of fc6 let the cells of pool3 from the 12th on, of pool4 from
    the 6th on and of fc7 from the first on begin at the same place: 3 pixels before the image. Levels are doubled by
    bilinear interpolation, which keeps that place.

    Args:
      widths: channels of the five blocks; (64, 128, 256, 512, 512) is VGG16.
      dense: channels of fc6 and fc7; 4096 is VGG16.
      features: channels of the output.
      init_range: score weights and biases start uniform in +-init_range (released code).
    """

    def __init__(self, widths=(64, 128, 256, 512, 512), dense=4096, features=100, init_range=0.08, **kwargs):
        super().__init__(**kwargs)
        self.widths, self.dense, self.features, self.init_range = tuple(widths), dense, features, init_range
        filters = [width for width, count in zip(self.widths, _CONVOLUTIONS, strict=True) for _ in range(count)]
        # One flat list, the dense layers last: older Keras loses the weights of nested ones.
        self.vgg = [_frozen(width, 3, "same" if index else "valid") for index, width in enumerate(filters)]
        self.vgg += [_frozen(dense, 7, "valid"), _frozen(dense, 1, "valid")]
        self.pool = keras.layers.MaxPooling2D(2, 2, padding="same")  # "same" keeps an odd last row, as Caffe does
        uniform = keras.initializers.RandomUniform(-init_range, init_range)
        self.scores = [
            keras.layers.Conv2D(features, 1, kernel_initializer=uniform, bias_initializer=uniform) for _ in range(3)
        ]

    def levels(self, images):
        """The frozen part.

        Args:
          images: [B, H, W, 3], RGB in [0, 1].

        Returns:
          pool3, pool4, fc7: [B, h, w, C] at strides 8, 16 and 32, cut so that all begin 3 pixels before the image; fc7
          has ceil((H + 198) / 32) - 6 rows, pool4 twice and pool3 four times as many.
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
        """images: [B, H, W, 3], RGB in [0, 1] -> [B, h, w, features], h = 4 ceil((H + 198) / 32) - 24 (64 for 500)."""
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
    """Masks at stride 8 of FCN8s -> masks of the image, bilinear.

    Args:
      masks: [B, T, h, w].
      size: (H, W) of the image.

    Returns:
      float32 [B, T, H, W].
    """
    _, steps, height, width = masks.shape
    large = tf.reshape(masks, [-1, height, width, 1])
    large = tf.image.resize(large, [height * STRIDE, width * STRIDE], "bilinear")
    return tf.reshape(large[:, OFFSET : OFFSET + size[0], OFFSET : OFFSET + size[1]], [-1, steps, *size])


def load_vgg16(encoder, weights):
    """Gives the frozen part of an encoder the weights of a trained VGG16, and prints which.

    Args:
      encoder: FCN8s.
      weights: "random" leaves it as it is; "imagenet" downloads Keras' VGG16 if it is not yet in ~/.keras; otherwise
        a .h5 or .keras file of keras.applications' VGG16 with its dense layers.

    Raises:
      UsageError: the download failed, or there is no such file.
      DataError: the file holds no VGG16 of the encoder's widths.
    """
    if weights == "random":
        print(f"{_FIELD}: random; the frozen layers know no images, give 'imagenet' or a file")
        return
    expected = "keras.applications' VGG16 with its top"
    model = pretrained.classifier(
        weights, _FIELD, lambda weights: keras.applications.VGG16(weights=weights), expected, _URL
    )
    convert_vgg16(model, encoder, weights)
    print(f"{_FIELD}: VGG16 from {weights}")


def convert_vgg16(model, encoder, name="model"):
    """Copies the weights of a classifier into an encoder, its dense layers as 7x7 and 1x1 convolutions.

    Args:
      model: keras.Model with the layers block1_conv1 to block5_conv3, fc1 and fc2 of keras.applications' VGG16.
      encoder: FCN8s.
      name: what the error calls the model.

    Raises:
      DataError: a layer is missing or of another size; nothing is copied.
    """
    layers, kernels = {layer.name: layer for layer in model.layers}, []
    for layer, convolution in zip(_LAYERS, encoder.vgg, strict=True):
        if layer not in layers or len(layers[layer].get_weights()) != 2:
            raise DataError(f"{name}: has no layer {layer} with a kernel and a bias; expected VGG16 with its top")
        kernel, bias = layers[layer].get_weights()
        expected = tuple(convolution.kernel.shape)
        if kernel.size != convolution.kernel.shape.num_elements() or bias.shape != expected[-1:]:
            raise DataError(f"{name}: {layer} has a kernel of {kernel.shape}; expected one that fills {expected}")
        kernels.append((kernel.reshape(expected), bias))  # Flatten went row by row, channels last, as kernels lie
    for values, convolution in zip(kernels, encoder.vgg, strict=True):
        convolution.set_weights(values)


def _frozen(filters, size, padding):
    """A convolution with ReLU that does not train; its random weights keep the scale of what comes in."""
    return keras.layers.Conv2D(
        filters, size, padding=padding, activation="relu", kernel_initializer="he_normal", trainable=False
    )
