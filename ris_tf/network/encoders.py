"""Image encoders: convolutional networks that compute the features of an image once."""

import keras
import tensorflow as tf


@keras.saving.register_keras_serializable(package="ris_tf")
class PaperLeafEncoder(keras.layers.Layer):
    """The published leaf encoder: bilinear reduction by 5, then four 3x3 convolutions of 30 filters with ReLU.

    Args:
      filters: channels of each convolution.
      reduction: factor by which the input image is reduced; 1 for no reduction.
      init_range: weights and biases are initialised uniformly in +-init_range, as in the released code.
    """

    def __init__(self, filters=30, reduction=5, init_range=0.08, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.reduction, self.init_range = filters, reduction, init_range
        uniform = keras.initializers.RandomUniform(-init_range, init_range)
        self.convolutions = [
            keras.layers.Conv2D(
                filters, 3, padding="same", activation="relu", kernel_initializer=uniform, bias_initializer=uniform
            )
            for _ in range(4)
        ]

    def call(self, images):
        """Computes the features: [B, H, W, C] -> [B, H / reduction, W / reduction, filters]."""
        if self.reduction > 1:
            height, width = images.shape[1] // self.reduction, images.shape[2] // self.reduction
            images = tf.cast(tf.image.resize(images, [height, width], "bilinear"), self.compute_dtype)
        for convolution in self.convolutions:
            images = convolution(images)
        return images

    def get_config(self):
        return {
            **super().get_config(),
            "filters": self.filters,
            "reduction": self.reduction,
            "init_range": self.init_range,
        }


@keras.saving.register_keras_serializable(package="ris_tf")
class TopDownEncoder(keras.layers.Layer):
    """Convolution blocks at strides 2, 4, 8, ..., then a top-down path with skip connections back to stride 2.

    Args:
      widths: channels at strides 2, 4, 8, ...
      features: channels of the outputs at strides 4 and 8.
      pixel_features: channels of the output at stride 2.
      fine_blocks: number of additional blocks at stride 2, where outlines are made, at each end of the path.
      residual_blocks: residual blocks at each level from stride 4 on, both on the way down and on the way up.
    """

    def __init__(
        self,
        widths=(32, 64, 96, 128, 128),
        features=64,
        pixel_features=16,
        fine_blocks=1,
        residual_blocks=0,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.widths, self.features, self.pixel_features = tuple(widths), features, pixel_features
        self.fine_blocks, self.residual_blocks = fine_blocks, residual_blocks
        self.stem = ConvBlock(widths[0], strides=2)
        self.sharpen = [ConvBlock(widths[0]) for _ in range(fine_blocks)]
        self.refine = [ConvBlock(widths[0]) for _ in range(fine_blocks)]
        self.down = [ConvBlock(width, strides=2) for width in widths[1:]]
        self.deepen = [ConvBlock(width) for width in widths[1:]]
        self.residual = [ResidualBlock(width) for width in widths[1:] for _ in range(residual_blocks)]
        self.up = up_blocks(widths, features, residual_blocks)
        self.pixel_out = keras.layers.Conv2D(pixel_features, 1)

    def call(self, images, training=False):
        """Computes the features of a batch of images.

        Args:
          images: float [B, H, W, C], approximately in [0, 1]; H and W are multiples of 2 ** len(widths).
          training: whether batch normalisation uses the statistics of this batch.

        Returns:
          dict of "stride_2" [B, H/2, W/2, widths[0]], "pixels" [B, H/2, W/2, pixel_features],
          "stride_4" [B, H/4, W/4, features] and "stride_8" [B, H/8, W/8, features].
        """
        x = self.stem(images)
        for block in self.sharpen:
            x = block(x)
        levels = [x]
        for level, (down, deepen) in enumerate(zip(self.down, self.deepen, strict=True)):
            x = deepen(down(x))
            for block in self.residual[level * self.residual_blocks :][: self.residual_blocks]:
                x = block(x)
            levels.append(x)
        return top_down(levels, self.up, self.refine, self.pixel_out)

    def get_config(self):
        return {
            **super().get_config(),
            "widths": self.widths,
            "features": self.features,
            "pixel_features": self.pixel_features,
            "fine_blocks": self.fine_blocks,
            "residual_blocks": self.residual_blocks,
        }


def up_blocks(widths, features, residual_blocks=0):
    """Creates the blocks of a top-down path over levels at strides 2, 4, 8, ... with `widths` channels."""
    coarse = [UpBlock(width, residual_blocks) for width in reversed((features, features, *widths[3:-1]))]
    return [*coarse, UpBlock(widths[0])]


def residual_weights(encoder):
    """Weights of an encoder's residual blocks; until they are trained, the network computes the same without them."""
    blocks = [*getattr(encoder, "residual", ()), *(block for up in encoder.up for block in up.residual)]
    return [weight for block in blocks for weight in block.weights]


def top_down(levels, up, refine, pixel_out):
    """Runs a top-down path: carries the features of the deepest level back to stride 2, one level at a time.

    Args:
      levels: list of [B, H / s, W / s, C_s] for s = 2, 4, 8, ...
      up: list of UpBlock, see `up_blocks`.
      refine: list of ConvBlock at stride 2.
      pixel_out: convolution that computes the output "pixels".

    Returns:
      dict, see `TopDownEncoder.call`.
    """
    x, outputs = levels[-1], {}
    for level, block in zip(range(len(levels) - 2, -1, -1), up, strict=True):
        x = block(x, levels[level])
        outputs[f"stride_{2 ** (level + 1)}"] = x
    for block in refine:
        x = block(x)
    outputs["pixels"] = pixel_out(x)
    return outputs


@keras.saving.register_keras_serializable(package="ris_tf")
class ConvBlock(keras.layers.Layer):
    """3x3 convolution, batch normalisation, ReLU: [B, H, W, C] -> [B, H / strides, W / strides, filters]."""

    def __init__(self, filters, strides=1, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.strides = filters, strides
        self.convolution, self.norm = _convolution(filters, strides), _norm()

    def call(self, x):
        return tf.nn.relu(self.norm(self.convolution(x)))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "strides": self.strides}


def _convolution(filters, strides=1):
    return keras.layers.Conv2D(filters, 3, strides, padding="same", use_bias=False, kernel_initializer="he_normal")


def _norm(scale="ones"):
    several = tf.distribute.get_strategy().num_replicas_in_sync > 1  # then statistics are those of the whole batch
    return keras.layers.BatchNormalization(momentum=0.995, gamma_initializer=scale, synchronized=several)


@keras.saving.register_keras_serializable(package="ris_tf")
class ResidualBlock(keras.layers.Layer):
    """Two 3x3 convolutions with batch normalisation and a shortcut: [B, H, W, filters] -> the same shape.

    It starts as the identity, so that a trained network can be deepened by adding such blocks.
    """

    def __init__(self, filters, **kwargs):
        super().__init__(**kwargs)
        self.filters = filters
        self.block, self.convolution, self.norm = ConvBlock(filters), _convolution(filters), _norm("zeros")

    def call(self, x):
        return x + self.norm(self.convolution(self.block(x)))

    def get_config(self):
        return {**super().get_config(), "filters": self.filters}


@keras.saving.register_keras_serializable(package="ris_tf")
class UpBlock(keras.layers.Layer):
    """One step of the top-down path: upsample by 2, add the skip connection, apply a ConvBlock and ResidualBlocks.

    [B, H, W, C] and skip [B, 2H, 2W, D] -> [B, 2H, 2W, filters].
    """

    def __init__(self, filters, residual_blocks=0, **kwargs):
        super().__init__(**kwargs)
        self.filters, self.residual_blocks = filters, residual_blocks
        self.residual = [ResidualBlock(filters) for _ in range(residual_blocks)]
        self.lateral = keras.layers.Conv2D(filters, 1)
        self.reduce = keras.layers.Conv2D(filters, 1)
        self.block = ConvBlock(filters)

    def call(self, x, skip):
        x = self.block(_doubled(self.reduce(x)) + self.lateral(skip))
        for block in self.residual:
            x = block(x)
        return x

    def get_config(self):
        return {**super().get_config(), "filters": self.filters, "residual_blocks": self.residual_blocks}


def _doubled(x):
    """Nearest-neighbour upsampling by 2: [B, H, W, C] -> [B, 2H, 2W, C].

    These operations stay in 8 bits, and hold no sizes, so that an exported encoder takes images of any size. Two pairs,
    because the order of a sum of four gradients would not be repeatable.
    """
    pair = tf.concat([x, x], axis=3)
    return tf.nn.depth_to_space(tf.concat([pair, pair], axis=3), 2)
