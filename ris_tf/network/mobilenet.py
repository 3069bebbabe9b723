"""Encoder of the attend form based on keras.applications' MobileNetV2, which can start from ImageNet weights."""

import keras

from ris_tf.errors import DataError
from ris_tf.network import pretrained
from ris_tf.network.encoders import ConvBlock, top_down, up_blocks

_LEVELS = ("block_1_expand_relu", "block_3_expand_relu", "block_6_expand_relu", "block_13_expand_relu")
_LEVELS += ("block_16_project_BN",)  # strides 2, 4, 8, 16 and 32
_FIELD = "model.mobilenet_v2.weights"
_URL = (
    "https://storage.googleapis.com/tensorflow/keras-applications/mobilenet_v2/"
    "mobilenet_v2_weights_tf_dim_ordering_tf_kernels_1.0_224_no_top.h5"
)


@keras.saving.register_keras_serializable(package="ris_tf")
class MobileNetV2Encoder(keras.layers.Layer):
    """MobileNetV2 up to its last block, at strides 2 to 32, then the top-down path of `encoders.TopDownEncoder`.

    Args:
      widths, features, pixel_features, fine_blocks, residual_blocks: parameters of the top-down path, see
        TopDownEncoder. There must be five widths.
      frozen_statistics: whether the batch normalisation of MobileNetV2 uses the statistics that came with its weights
        in training, too. This suits small batches. Its scales and offsets are trained in either case.
    """

    def __init__(
        self, widths, features, pixel_features, fine_blocks, residual_blocks=0, frozen_statistics=True, **kwargs
    ):
        super().__init__(**kwargs)
        self.widths, self.features, self.pixel_features = tuple(widths), features, pixel_features
        self.fine_blocks, self.residual_blocks = fine_blocks, residual_blocks
        self.frozen_statistics = frozen_statistics
        whole = keras.applications.MobileNetV2(input_shape=(None, None, 3), include_top=False, weights=None)
        self.backbone = keras.Model(whole.input, [whole.get_layer(name).output for name in _LEVELS], name="mobilenet")
        self.up = up_blocks(self.widths, features, residual_blocks)
        self.refine = [ConvBlock(widths[0]) for _ in range(fine_blocks)]
        self.pixel_out = keras.layers.Conv2D(pixel_features, 1)

    def call(self, images, training=False):
        """Computes the features of a batch of images.

        Args:
          images: float [B, H, W, 3], RGB in [0, 1]; H and W are multiples of 32.
          training: whether this is a training pass; see `frozen_statistics`.

        Returns:
          dict, see `TopDownEncoder.call`.
        """
        levels = self.backbone(images * 2.0 - 1.0, training=training and not self.frozen_statistics)
        return top_down(levels, self.up, self.refine, self.pixel_out)

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "features": self.features,
            "pixel_features": self.pixel_features,
            "fine_blocks": self.fine_blocks,
            "residual_blocks": self.residual_blocks,
            "frozen_statistics": self.frozen_statistics,
        }


def load_mobilenet_v2(encoder, weights):
    """Loads trained weights into the MobileNetV2 of an encoder, and prints where they come from.

    Args:
      encoder: MobileNetV2Encoder.
      weights: "random" leaves the encoder unchanged. "imagenet" downloads Keras' MobileNetV2 if it is not yet in
        ~/.keras. Otherwise the path of a .h5 or .keras file of keras.applications' MobileNetV2, such as `dequantize`
        writes.

    Raises:
      UsageError: the download failed, or the file does not exist.
      DataError: the file holds no MobileNetV2 of width 1.
    """
    if weights == "random":
        print(f"{_FIELD} is 'random': the encoder starts untrained; give 'imagenet' or a file of trained weights")
        return
    expected = "keras.applications' MobileNetV2"
    convert_mobilenet_v2(pretrained.classifier(weights, _FIELD, _make, expected, _URL), encoder, weights)
    print(f"{_FIELD}: MobileNetV2 from {weights}")


def convert_mobilenet_v2(model, encoder, name="model"):
    """Copies the weights of a MobileNetV2, with or without the layers after its last block, into an encoder.

    Args:
      model: keras.Model with the layers of keras.applications' MobileNetV2 up to block_16_project_BN.
      encoder: MobileNetV2Encoder.
      name: name of the model in error messages.

    Raises:
      DataError: a layer is missing or has another size. Nothing is copied.
    """
    layers, values = {layer.name: layer for layer in model.layers}, []
    ours = [layer for layer in encoder.backbone.layers if layer.weights]
    for layer in ours:
        found = [weight.shape for weight in layers[layer.name].weights] if layer.name in layers else None
        shapes = [weight.shape for weight in layer.weights]
        if found != shapes:
            what = f"weights of {found}" if found else "no weights"
            raise DataError(f"{name}: has {what} for the layer {layer.name}; expected {shapes}, as in MobileNetV2 1.0")
        values.append(layers[layer.name].get_weights())
    for layer, weights in zip(ours, values, strict=True):
        layer.set_weights(weights)


def _make(weights):
    """MobileNetV2 with these weights; a file may hold the weights with or without the classification layer."""
    shape = 224, 224, 3
    if weights == "imagenet":
        return keras.applications.MobileNetV2(shape, include_top=False, weights=weights)
    try:
        return keras.applications.MobileNetV2(shape, weights=weights)
    except ValueError:  # the file has other layers
        return keras.applications.MobileNetV2(shape, include_top=False, weights=weights)
