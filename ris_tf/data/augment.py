"""Random changes of a training sample; image and labels always stay aligned. All stateless: same seed, same result."""

import math

import tensorflow as tf

from ris_tf.data.normalize import mean_colour


def spread(seed, stream):
    """An independent seed for each stream of random numbers: int64 [2] -> int64 [2]."""
    return tf.random.experimental.stateless_fold_in(seed, stream)


NEAR = 0.85  # "focus": share of the samples that show the objects closely; the others show the whole image


def _uniform(seed, stream, low, high):
    return tf.random.stateless_uniform([], spread(seed, stream), low, high)


def warp(sample, seed, config):
    """Flips, rotates, scales, shifts and crops to the model's size in one resampling.

    Args:
      sample: dict of "image" float32 [H, W, C], "labels" int32 [H, W], "zoom" float32 [2], range of the scale, output
        pixels per input pixel ("focus": of the whole image, and close), and "box" float32 [4] (`focus.object_box`).
      seed: int64 [2].
      config: of the run; `data.view`, `data.rotation`, `data.shift`, `data.padding`, `model.size` are read.

    Returns:
      image float32 [*model.size, C] (bilinear), labels int32 [*model.size] (nearest).
    """
    image, labels, zoom = sample["image"], sample["labels"], sample["zoom"]
    height, width = config.model.size
    rows, columns = tf.cast(tf.shape(labels)[0], tf.float32), tf.cast(tf.shape(labels)[1], tf.float32)
    scale = tf.exp(_uniform(seed, 0, 0.0, 1.0) * (tf.math.log(zoom[1]) - tf.math.log(zoom[0]))) * zoom[0]
    limit = config.data.rotation * math.pi / 180
    angle = _uniform(seed, 1, -limit, limit)
    flip = tf.where(_uniform(seed, 2, 0.0, 1.0) < 0.5, -1.0, 1.0)
    u, v = _uniform(seed, 3, 0.0, 1.0), _uniform(seed, 4, 0.0, 1.0)
    if config.data.view == "whole":
        low = 0.5 - config.data.shift
        x_centre, y_centre = columns * (low + 2 * config.data.shift * u), rows * (low + 2 * config.data.shift * v)
    elif config.data.view == "focus":
        near = _uniform(seed, 9, 0.0, 1.0) < NEAR
        low, high = config.data.scale
        scale = tf.where(near, zoom[1], zoom[0]) * tf.exp(_uniform(seed, 0, math.log(low), math.log(high)))
        top, left, bottom, right = tf.unstack(sample["box"])
        x_centre = tf.where(near, (left + right) / 2, columns / 2) + config.data.shift * (2 * u - 1) * width / scale
        y_centre = tf.where(near, (top + bottom) / 2, rows / 2) + config.data.shift * (2 * v - 1) * height / scale
    else:  # anywhere, the crop within the image where the image is large enough
        x_half, y_half = tf.minimum(width / scale, columns) / 2, tf.minimum(height / scale, rows) / 2
        x_centre, y_centre = x_half + u * (columns - 2 * x_half), y_half + v * (rows - 2 * y_half)
        x_centre, y_centre = _towards_object(x_centre, y_centre, x_half, y_half, labels, seed)
    # Output (x, y) -> input: rotate and flip about the output's centre, scale back, move to the input's centre.
    a, b = tf.cos(angle) / scale, tf.sin(angle) / scale
    x_out, y_out = (width - 1) / 2, (height - 1) / 2
    x_in, y_in = x_centre - 0.5, y_centre - 0.5
    transform = tf.stack(
        [
            a * flip, -b, x_in - a * flip * x_out + b * y_out,
            b * flip, a, y_in - b * flip * x_out - a * y_out,
            0.0, 0.0,
        ]
    )[None]  # fmt: skip
    whole = config.data.view != "tiles"
    fill = "NEAREST" if whole and config.data.padding == "edge" else "CONSTANT"
    beside = mean_colour(image.shape[-1]) if whole and config.data.padding == "mean" else 0.0
    image = _resample(image - beside, transform, (height, width), "BILINEAR", fill) + beside  # it fills with zeros
    labels = _resample(labels[..., None], transform, (height, width), "NEAREST", "CONSTANT")
    return image, labels[..., 0]


def _towards_object(x, y, x_half, y_half, labels, seed):
    """Moves three of four crops so that a random pixel of an object is within, where the image has any."""
    places = tf.where(labels > 0)  # [M, 2] rows and columns
    count = tf.shape(places)[0]
    index = tf.cast(_uniform(seed, 5, 0.0, 1.0) * tf.cast(count, tf.float32), tf.int32)
    wanted = (count > 0) & (_uniform(seed, 6, 0.0, 1.0) < 0.75)

    def move():
        row, column = tf.unstack(tf.cast(tf.gather(places, tf.minimum(index, count - 1)), tf.float32))
        rows, columns = tf.cast(tf.shape(labels)[0], tf.float32), tf.cast(tf.shape(labels)[1], tf.float32)
        dx, dy = _uniform(seed, 7, -0.7, 0.7) * x_half, _uniform(seed, 8, -0.7, 0.7) * y_half
        column, row = tf.maximum(x_half, column + dx), tf.maximum(y_half, row + dy)
        return tf.minimum(column, columns - x_half), tf.minimum(row, rows - y_half)

    return tf.cond(wanted, move, lambda: (x, y))


def _resample(image, transform, size, interpolation, fill):
    return tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None],
        transforms=transform,
        output_shape=tf.constant(size, tf.int32),
        interpolation=interpolation,
        fill_mode=fill,
        fill_value=0.0,
    )[0]


def recolour(image, seed, config):
    """Changes gamma, contrast, brightness, colour balance and adds a little noise.

    Args:
      image: float32 [H, W, C], about [0, 1].
      seed: int64 [2].
      config: of the run; `data.gamma`, `contrast`, `brightness`, `colour`, `noise` are half-ranges.

    Returns:
      float32 [H, W, C], not below 0.
    """
    data = config.data
    channels = image.shape[2]
    gamma = tf.exp(_uniform(seed, 0, -data.gamma, data.gamma))
    image = tf.pow(tf.maximum(image, 0.0), gamma)
    contrast = tf.exp(_uniform(seed, 1, -data.contrast, data.contrast))
    middle = tf.reduce_mean(image)
    image = (image - middle) * contrast + middle + _uniform(seed, 2, -data.brightness, data.brightness)
    gains = tf.random.stateless_uniform([channels], spread(seed, 3), 1 - data.colour, 1 + data.colour)
    sigma = _uniform(seed, 4, 0.0, data.noise)
    image = image * gains + tf.random.stateless_normal(tf.shape(image), spread(seed, 5)) * sigma
    return tf.maximum(image, 0.0)
