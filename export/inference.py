"""The one graph that every format exports: uint8 image in; label map, masks, scores and count out.

What `RIS.predict_instances` does on the host is here in TensorFlow operations that every runtime has: normalisation,
the closer look of the "focus" view, the rule that ends the count and the decision of each pixel. Shapes are fixed but
for the batch. Of the "tiles" view it is one tile: the image at the zoom it comes in.
"""

import numpy as np
import tensorflow as tf

from ris_tf import focus, resampling
from ris_tf.data.normalize import HIGH, LOW, mean_colour
from ris_tf.objective import unroll

_FAR = np.float32(1e9)  # where an axis goes on beyond its ends


def normalize(image, channels):
    """`ris_tf.data.normalize` in the graph: uint8 [B, H, W, channels] -> float32, percentiles by counting."""
    image = tf.cast(image, tf.float32)
    if channels == 3:
        return image / 255.0
    pixels = tf.reshape(image, [-1, 1, image.shape[1] * image.shape[2]])  # [B, 1, N]
    bounds = [_percentile(pixels, share) for share in (LOW, HIGH)]
    low, high = (tf.reshape(bound, [-1, 1, 1, 1]) for bound in bounds)
    return tf.clip_by_value((image - low) / tf.maximum(high - low, 1e-6), 0.0, 2.0)


def _percentile(pixels, share):
    """As numpy.percentile: whole numbers 0 to 255 in float32 [B, 1, N] -> [B]."""
    rank = share / 100 * (pixels.shape[2] - 1)
    floor = int(rank)
    wanted = tf.constant([[floor + 1.0], [min(floor + 2.0, pixels.shape[2])]])  # pixels that are at most the value
    value = tf.zeros_like(pixels[:, :, :1]) + tf.zeros([1, 2, 1]) - 1.0  # the largest that too few pixels reach
    for bit in (128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0):
        counts = tf.reduce_sum(tf.cast(pixels <= value + bit, tf.float32), axis=2, keepdims=True)
        value += bit * tf.cast(counts < wanted, tf.float32)
    below, above = value[:, 0, 0] + 1.0, value[:, 1, 0] + 1.0
    return below + (rank - floor) * (above - below)


def _centres(start, length, outputs):
    """Centres of the cells that share a span equally: float32 [B], [B] -> [B, outputs]."""
    return start[:, None] + (np.arange(outputs, dtype=np.float32) + 0.5) * (length[:, None] / outputs)


def axis_weights(start, length, inputs, outputs):
    """`resampling.axis_weights` for a batch: start, length float32 [B] -> float32 [B, outputs, inputs]."""
    centres = _centres(start, length, outputs)[:, :, None]
    width = tf.maximum(length / outputs, 1.0)[:, None, None]
    left, right = np.arange(inputs, dtype=np.float32), np.arange(1, inputs + 1, dtype=np.float32)
    left[0], right[-1] = -_FAR, _FAR
    overlap = tf.minimum(centres + width / 2, right) - tf.maximum(centres - width / 2, left)
    return tf.nn.relu(overlap) / width


def within(start, length, inputs, outputs):
    """`resampling.within` for a batch: float32 [B, outputs] of 0 and 1."""
    centres = _centres(start, length, outputs)
    return tf.cast((centres >= 0.0) & (centres <= inputs), tf.float32)


def sample(image, box, size, beside=None):
    """`resampling.sample` for a batch: [B, H, W, C], box of four float32 [B] -> [B, *size, C]."""
    _, height, width, channels = image.shape
    down, across = (box[0], box[2], height, size[0]), (box[1], box[3], width, size[1])
    x = tf.reshape(image, [-1, height, width * channels])
    x = tf.reshape(tf.matmul(axis_weights(*down), x), [-1, size[0], width, channels])
    x = tf.matmul(axis_weights(*across)[:, None], x)
    if beside is None:
        return x
    inside = within(*down)[:, :, None, None] * within(*across)[:, None, :, None]
    return x * inside + (1.0 - inside) * np.float32(beside)


def place(masks, box, size):
    """`resampling.place` for a batch: masks [B, T, h, w], box of four float32 [B] -> [B, T, *size]."""
    rows, columns = (
        axis_weights(*span) * within(*span)[:, :, None]
        for start, length, cells, pixels in zip(box[:2], box[2:], masks.shape[2:4], size, strict=True)
        for span in [(-start * cells / length, pixels * cells / length, cells, pixels)]
    )
    return tf.matmul(tf.matmul(rows[:, None], masks), tf.transpose(columns, [0, 2, 1])[:, None])


def closer_box(foreground, box, image, size):
    """`focus.closer_box` for a batch: foreground float32 [B, h, w] -> tops, lefts, heights, widths [B] and seen [B].

    Where there is nothing to see, `seen` is 0 and the box is the image.
    """
    found = tf.nn.relu(2.0 * foreground - 1.0)
    cells = foreground.shape[1:3]
    inside = [
        np.clip((pixels - start) * count / length - np.arange(count), 0.0, 1.0).astype(np.float32)
        for count, start, length, pixels in zip(cells, box[:2], box[2:], image, strict=True)
    ]
    found *= np.outer(*inside)
    total = tf.reduce_sum(found, axis=[1, 2])
    spans = []
    for axis, (count, start, length) in enumerate(zip(cells, box[:2], box[2:], strict=True)):
        share = tf.reduce_sum(found, axis=2 - axis) / tf.maximum(total, 1e-9)[:, None]  # [B, cells]
        before = tf.matmul(share, np.triu(np.ones([count, count], np.float32), 1))
        ends = []
        for quantile in (focus.LOST, 1 - focus.LOST):
            part = tf.clip_by_value((quantile - before) / tf.maximum(share, 1e-9), 0.0, 1.0)
            ends.append(start + length / count * tf.reduce_sum(part, axis=1))
        spans.append(ends)
    scales = [(end - start) / (focus.SHARE * length) for (start, end), length in zip(spans, size, strict=True)]
    scale = tf.minimum(tf.maximum(*scales), max(pixels / length for pixels, length in zip(image, size, strict=True)))
    lengths = [length * scale for length in size]
    starts = [
        tf.clip_by_value((start + end - length) / 2.0, 0.0, tf.nn.relu(pixels - length))
        for (start, end), length, pixels in zip(spans, lengths, image, strict=True)
    ]
    return [*starts, *lengths], tf.cast(total >= focus.LEAST, tf.float32)


def resolve(masks, scores, predict, min_area):
    """The stop rule and the decision of each pixel, as `ris_tf.inference.resolve`.

    Args:
      masks: float32 [B, T, H, W] in [0, 1].
      scores: float32 [B, T] in [0, 1].
      predict: `config.predict`.
      min_area: pixels; smaller instances are dropped.

    Returns:
      dict: "labels" int32 [B, H, W], 1..count; "masks" float32 [B, T, H, W] and "scores" float32 [B, T], of the
      instances in the order of their labels, then zeros; "count" int32 [B].
    """
    steps, height, width = masks.shape[1:]
    earlier = np.triu(np.ones([steps, steps], np.float32))  # [t, s]: t <= s
    stops = tf.matmul(tf.cast(scores <= predict.score_threshold, tf.float32), earlier)
    alive = tf.cast(stops < 0.5, tf.float32)  # [B, T]
    flat = tf.reshape(masks * alive[:, :, None, None], [-1, steps, height * width])
    labels, best = tf.zeros_like(flat[:, 0]), tf.zeros_like(flat[:, 0]) + predict.mask_threshold
    for t in range(steps):
        wins = flat[:, t] > best
        if predict.overlap_rule == "first":
            wins &= labels < 0.5
        else:
            best = tf.where(wins, flat[:, t], best)
        labels = tf.where(wins, t + 1.0, labels)
    ids = np.arange(1, steps + 1, dtype=np.float32)[:, None]
    mine = tf.cast(tf.equal(labels[:, None], ids), tf.float32)  # [B, T, P]
    left = tf.reduce_sum(mine, axis=2)
    areas = tf.reduce_sum(tf.cast(flat > predict.mask_threshold, tf.float32), axis=2)
    kept = (left >= predict.min_visible * areas) & (left >= max(min_area, 0.5))
    kept = tf.cast(kept, tf.float32)
    numbers = tf.matmul(kept, earlier) * kept  # [B, T], the label of each step or 0
    order = tf.cast(tf.equal(numbers[:, None], ids), tf.float32)  # [B, label, T]
    return {
        "labels": tf.cast(tf.reshape(tf.matmul(numbers[:, None], mine), [-1, height, width]), tf.int32),
        "masks": tf.reshape(tf.matmul(order, flat), [-1, steps, height, width]),
        "scores": tf.matmul(order, scores[:, :, None])[:, :, 0],
        "count": tf.cast(tf.reduce_sum(kept, axis=1), tf.int32),
    }


class Graph:
    """The exported functions of a model, for images of one size.

    Args:
      model: RIS, float32.
      size: (height, width) of the images; None for the size of the network's input.
      steps: of the recurrence at most; None for the model's own.

    Attributes:
      image: shape of one image, (H, W, C).
      input: size of the network's input.
    """

    def __init__(self, model, size=None, steps=None):
        self.model, self.config, self.form = model, model.config, model.form
        self.steps = steps or self.config.model.steps
        size = tuple(size or self.config.model.size)
        self.image = (*size, self.config.model.channels)
        self.tiled = self.config.data.view == "tiles"
        self.input, self.min_area = tuple(self.config.model.size), 0
        if self.tiled:
            multiple = self.form.size_multiple
            self.input = tuple(-(-length // multiple) * multiple for length in size)
            self.min_area = self.config.predict.min_area

    def predict(self, image):
        """uint8 [B, H, W, C] -> as `resolve`."""
        pixels = normalize(image, self.image[2])
        box = self._whole()
        near = self._view(pixels, box)
        seen = 1.0
        if self.config.data.view == "focus":
            foreground = tf.sigmoid(self.form.encode(near)["auxiliary"][..., 0])
            box, seen = closer_box(foreground, [float(side) for side in self._box()], self.image[:2], self.input)
            near, seen = self._view(pixels, box), seen[:, None]
        context, outputs = unroll(self.form, near, self.steps)
        masks = place(self.form.masks(context, outputs), box, self.image[:2])
        return resolve(masks, tf.sigmoid(outputs["score"]) * seen, self.config.predict, self.min_area)

    def _whole(self):
        """The box that the network sees, or sees first, as four float32 [1]."""
        return [tf.constant([side], tf.float32) for side in self._box()]

    def _box(self):
        if self.tiled:  # at the zoom that the image has
            return 0.0, 0.0, *self.input
        return resampling.fitting_box(*self.image[:2], self.input)

    def _view(self, pixels, box):
        beside = mean_colour(self.image[2]) if self.config.data.padding == "mean" else None
        return sample(pixels, box, self.input, np.zeros(self.image[2]) if self.tiled else beside)
