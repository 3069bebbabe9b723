"""Colour and intensity augmentations: the elements of `data.augment` that change pixel values.

Each is a function (image float32 [H, W, C], seed int64 [2], config) -> image.
"""

import math

import tensorflow as tf

from ris_tf.data.sampling.draws import spread, uniform


def invert(image, seed, config):
    """Inverts bright and dark, max(1 - image, 0), with probability `data.invert` (above 0, up to 1)."""
    negative = uniform(seed, 7) < config.data.invert
    return tf.where(negative, tf.maximum(1.0 - image, 0.0), image)


def gamma(image, seed, config):
    """Raises the image to the power exp(g), g within +- `data.gamma` (0 or more); negative values become 0."""
    power = tf.exp(uniform(seed, 0, -config.data.gamma, config.data.gamma))
    return tf.pow(tf.maximum(image, 0.0), power)


def contrast(image, seed, config):
    """Multiplies differences from the mean by exp(c), c within +- `data.contrast` (0 or more)."""
    factor = tf.exp(uniform(seed, 1, -config.data.contrast, config.data.contrast))
    middle = tf.reduce_mean(image)
    return (image - middle) * factor + middle


def brightness(image, seed, config):
    """Adds a number within +- `data.brightness` (0 or more); 1 is the range of the image."""
    # It is subtracted, because a sum of three or more terms, as with the mean that `contrast` adds, may be evaluated in
    # any order, which would make the result irreproducible.
    return image - uniform(seed, 2, -config.data.brightness, config.data.brightness)


def colour(image, seed, config):
    """Multiplies each channel by its own random factor within 1 +- `data.colour` (0 to 1)."""
    limit = config.data.colour
    return image * tf.random.stateless_uniform([image.shape[2]], spread(seed, 3), 1 - limit, 1 + limit)


def noise(image, seed, config):
    """Adds Gaussian noise; its standard deviation is uniform from 0 to `data.noise` (0 or more)."""
    sigma = uniform(seed, 4, 0.0, config.data.noise)
    return image + tf.random.stateless_normal(tf.shape(image), spread(seed, 5)) * sigma


def blur(image, seed, config):
    """Applies a Gaussian blur; its standard deviation is uniform from 0 to `data.blur` pixels (above 0, up to 10)."""
    sigma = tf.maximum(uniform(seed, 6, 0.0, config.data.blur), 1e-3)
    radius = math.ceil(3 * config.data.blur)
    weights = tf.exp(-0.5 * (tf.range(-radius, radius + 1, dtype=tf.float32) / sigma) ** 2)
    weights /= tf.reduce_sum(weights)
    for axis in (0, 1):
        padded = tf.pad(image, [[radius, radius] if a == axis else [0, 0] for a in range(3)], "SYMMETRIC")
        kernel = tf.reshape(weights, [-1, 1, 1, 1] if axis == 0 else [1, -1, 1, 1])
        planes = tf.transpose(padded, [2, 0, 1])[..., None]  # [C, H, W, 1]
        image = tf.transpose(tf.nn.conv2d(planes, kernel, 1, "VALID")[..., 0], [1, 2, 0])
    return image


COLOURS = {
    "invert": invert,
    "gamma": gamma,
    "contrast": contrast,
    "brightness": brightness,
    "colour": colour,
    "noise": noise,
    "blur": blur,
}
