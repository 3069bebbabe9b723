"""Batched TensorFlow versions of `inference.resampling` and `data.focus`, as products with matrices."""

import numpy as np
import tensorflow as tf

from ris_tf.data import focus
from ris_tf.network.places import zero_of

_FAR = np.float32(1e9)  # stands for infinity: the first and last pixel extend beyond the ends of an axis
_LITTLE = 1e-6  # smallest share of the foreground to divide by; not 0 in float16


def _centres(start, length, outputs):
    """Returns the centres of equal cells of a span: start, length float32 [B] -> float32 [B, outputs]."""
    return start[:, None] + (np.arange(outputs, dtype=np.float32) + 0.5) * (length[:, None] / outputs)


def axis_weights(start, length, inputs, outputs):
    """Batched `resampling.axis_weights`: start, length float32 [B] -> float32 [B, outputs, inputs]."""
    centres = _centres(start, length, outputs)[:, :, None]
    width = tf.maximum(length / outputs, 1.0)[:, None, None]
    left, right = np.arange(inputs, dtype=np.float32), np.arange(1, inputs + 1, dtype=np.float32)
    left[0], right[-1] = -_FAR, _FAR
    overlap = tf.minimum(centres + width / 2, right) - tf.maximum(centres - width / 2, left)
    return tf.nn.relu(overlap) / width


def within(start, length, inputs, outputs):
    """Batched `resampling.within`; `inputs` is a number or float32 [B]. Returns float32 [B, outputs] of 0 and 1."""
    centres = _centres(start, length, outputs)
    return tf.cast((centres >= 0.0) & (centres <= column(inputs)), tf.float32)


def column(numbers):
    """Reshapes a number, or one number per image, float32 [B], to float32 [1 or B, 1]."""
    return tf.reshape(tf.cast(numbers, tf.float32), [-1, 1])


def sample(image, box, size, beside=None, extent=None):
    """Batched `resampling.sample`: image [B, H, W, C], box of four float32 [B] -> [B, *size, C].

    `extent` is the (height, width) of the valid part of `image`, numbers or float32 [B]; outside it, the result is
    `beside`, float [C] or [B, 1, 1, C]. None means that all of `image` is valid.
    """
    _, height, width, channels = image.shape
    down, across = (box[0], box[2], height, size[0]), (box[1], box[3], width, size[1])
    x = tf.reshape(image, [-1, height, width * channels])
    x = tf.reshape(tf.matmul(axis_weights(*down), x), [-1, size[0], width, channels])
    x = tf.matmul(axis_weights(*across)[:, None], x)
    if beside is None:
        return x
    tall, wide = extent or (height, width)
    down, across = (*down[:2], tall, size[0]), (*across[:2], wide, size[1])
    inside = within(*down)[:, :, None, None] * within(*across)[:, None, :, None]
    return x * inside + (1.0 - inside) * tf.cast(beside, tf.float32)


def place(masks, box, size):
    """Batched `resampling.place` for all steps: masks [B, h, w, T], box of four float32 [B] -> [B, *size, T]."""
    height, width, steps = masks.shape[1:]
    rows, columns = (
        axis_weights(*span) * within(*span)[:, :, None]
        for start, length, cells, pixels in zip(box[:2], box[2:], (height, width), size, strict=True)
        for span in [(-start * cells / length, pixels * cells / length, cells, pixels)]
    )
    x = tf.matmul(rows, tf.reshape(masks, [-1, height, width * steps]))
    return tf.matmul(columns[:, None], tf.reshape(x, [-1, size[0], width, steps]))


def closer_box(foreground, box, image, size, closest):
    """Batched `focus.closer_box`: foreground float32 [B, h, w] -> [tops, lefts, heights, widths] and seen, float32 [B].

    `image` is (height, width), numbers or float32 [B]. If an image has no foreground, its `seen` is 0 and its box is
    the given one. `closest` is the largest number of network pixels per image pixel.
    """
    found = tf.nn.relu(2.0 * foreground - 1.0)
    cells = foreground.shape[1:3]
    inside = [
        tf.clip_by_value((column(pixels) - start) * (count / length) - np.arange(count, dtype=np.float32), 0.0, 1.0)
        for count, start, length, pixels in zip(cells, box[:2], box[2:], image, strict=True)
    ]
    found *= inside[0][:, :, None]
    found *= inside[1][:, None]
    total = tf.reduce_sum(found, axis=[1, 2])
    zero = zero_of(found[..., None])
    spans = []
    for axis, (count, start, length) in enumerate(zip(cells, box[:2], box[2:], strict=True)):
        share = tf.reduce_sum(found, axis=2 - axis) / tf.maximum(total, focus.LEAST)[:, None]  # [B, cells]
        cell = np.arange(count, dtype=np.float32)
        earlier = tf.cast(cell[:, None] + zero < cell, tf.float32)
        before = tf.matmul(share, earlier)
        ends = []
        for quantile in (focus.LOST, 1 - focus.LOST):
            part = tf.clip_by_value((quantile - before) / tf.maximum(share, _LITTLE), 0.0, 1.0)
            ends.append(start + length / count * tf.reduce_sum(part, axis=1))
        spans.append(ends)
    scales = [(end - start) / (focus.SHARE * length) for (start, end), length in zip(spans, size, strict=True)]
    most = tf.maximum(*(pixels / length for pixels, length in zip(image, size, strict=True)))
    scale = tf.minimum(tf.maximum(tf.maximum(*scales), 1.0 / closest), most)
    lengths = [length * scale for length in size]
    starts = [
        tf.clip_by_value((start + end - length) / 2.0, 0.0, tf.nn.relu(pixels - length))
        for (start, end), length, pixels in zip(spans, lengths, image, strict=True)
    ]
    seen = total >= focus.LEAST
    # Without foreground the closer box has no size, and sampling from it would give NaN.
    closer = [tf.where(seen, near, np.float32(far)) for near, far in zip([*starts, *lengths], box, strict=True)]
    return closer, tf.cast(seen, tf.float32)
