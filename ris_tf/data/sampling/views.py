"""Position and scale of a training crop, for each `data.view`: "whole", "focus" and "tiles"."""

import math

import tensorflow as tf

from ris_tf.data.sampling.draws import uniform
from ris_tf.settings.schema import elements

NEAR = 0.85  # share of the samples of the "focus" view that show the objects closely; the others show the whole image


def zoom(sample, seed, config):
    """Scale of the view in network pixels per image pixel; random if `data.augment` lists "scale".

    In "focus", it is the scale of the closer look or of the whole image, chosen at random, times a random factor from
    `data.scale` if "scale" is listed. In the other views, it is log-uniform within the sample's range, or the geometric
    mean of the range if "scale" is not listed.

    Args:
      sample, seed, config: see `augment.warp`.

    Returns:
      float32 [].
    """
    low, high = sample["zoom"][0], sample["zoom"][1]
    scaled = "scale" in elements(config)
    if config.data.view == "focus":
        chosen = tf.where(uniform(seed, 9) < NEAR, high, low)
        return chosen * tf.exp(uniform(seed, 0, *map(math.log, config.data.scale))) if scaled else chosen
    if not scaled:
        return tf.sqrt(low * high)
    return tf.exp(uniform(seed, 0) * (tf.math.log(high) - tf.math.log(low))) * low


def centre(sample, zoom, seed, config):
    """The point of the image that becomes the centre of the view.

    Args:
      sample, seed, config: see `augment.warp`.
      zoom: float32 [], network pixels per image pixel.

    Returns:
      x, y: float32 [], image pixels from the left and the top edge.
    """
    labels, (height, width), shift = sample["labels"], config.model.size, config.data.shift
    rows, columns = tf.cast(tf.shape(labels)[0], tf.float32), tf.cast(tf.shape(labels)[1], tf.float32)
    u, v = uniform(seed, 3), uniform(seed, 4)
    if config.data.view == "whole":
        low = 0.5 - shift
        return columns * (low + 2 * shift * u), rows * (low + 2 * shift * v)
    if config.data.view == "focus":
        near = uniform(seed, 9) < NEAR  # the same random number as in `zoom`
        top, left, bottom, right = tf.unstack(sample["box"])
        x = tf.where(near, (left + right) / 2, columns / 2) + shift * (2 * u - 1) * width / zoom
        y = tf.where(near, (top + bottom) / 2, rows / 2) + shift * (2 * v - 1) * height / zoom
        return x, y
    # "tiles": anywhere, but the crop lies within the image if the image is large enough.
    x_half, y_half = tf.minimum(width / zoom, columns) / 2, tf.minimum(height / zoom, rows) / 2
    x, y = x_half + u * (columns - 2 * x_half), y_half + v * (rows - 2 * y_half)
    return _towards_object(x, y, x_half, y_half, labels, seed)


def _towards_object(x, y, x_half, y_half, labels, seed):
    """Moves the centre of a crop, with probability 0.75, so that the crop contains a random pixel of an object.

    If the image has no objects, the centre is not moved.
    """
    places = tf.where(labels > 0)  # [M, 2] rows and columns
    count = tf.shape(places)[0]
    index = tf.cast(uniform(seed, 5) * tf.cast(count, tf.float32), tf.int32)
    wanted = (count > 0) & (uniform(seed, 6) < 0.75)

    def move():
        row, column = tf.unstack(tf.cast(tf.gather(places, tf.minimum(index, count - 1)), tf.float32))
        rows, columns = tf.cast(tf.shape(labels)[0], tf.float32), tf.cast(tf.shape(labels)[1], tf.float32)
        dx, dy = uniform(seed, 7, -0.7, 0.7) * x_half, uniform(seed, 8, -0.7, 0.7) * y_half
        column, row = tf.maximum(x_half, column + dx), tf.maximum(y_half, row + dy)
        return tf.minimum(column, columns - x_half), tf.minimum(row, rows - y_half)

    return tf.cond(wanted, move, lambda: (x, y))
