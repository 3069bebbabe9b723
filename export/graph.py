"""The graph that is exported in every format: it takes a uint8 image and returns label map, masks, scores and count.

The graph does the same as `RIS.predict_instances` does on the host, with TensorFlow operations that every runtime has:
normalisation, the closer look of the "focus" view, the rule that ends the count, and the assignment of each pixel. All
shapes except the batch are fixed. In the "tiles" view, the graph takes one tile and does not change its zoom.
"""

import keras
import numpy as np
import tensorflow as tf

from ris_tf.data.normalize import HIGH, LOW, mean_colour
from ris_tf.export.geometry import closer_box, place, sample, within
from ris_tf.inference import resampling
from ris_tf.network.unroll import unroll, until_stop
from ris_tf.runtime import CONTEXT, NEXT, STATE

_MORE = 1e3  # larger than any pixel value


def normalize(image, channels, extent=None, values=None):
    """Graph version of `ris_tf.data.normalize`: uint8 [B, H, W, channels] -> float32.

    Percentiles are found by counting. Only the pixels inside `extent` count, see `Graph.predict`. `values`, float32 in
    the units of the image, are normalised in its place if given.
    """
    values = tf.cast(image, tf.float32) if values is None else values
    if channels == 3:
        return values / 255.0
    low, high = (_percentiles(image, share, extent)[0] for share in (LOW, HIGH))
    return tf.clip_by_value((values - low) / tf.maximum(high - low, 1e-6), 0.0, 2.0)


def background(image, extent=None):
    """Graph version of `resampling.background` for a whole image: uint8 [B, H, W, C] -> float32 [B, 1, 1, C]."""
    median = tf.concat(_percentiles(image, 50, extent), axis=-1)
    return normalize(image, image.shape[-1], extent, median)


def _percentiles(image, share, extent):
    """A percentile of each channel, as a list of [B, 1, 1, 1]; only the pixels inside `extent` count."""
    image = tf.cast(image, tf.float32)
    height, width, channels = image.shape[1:]
    count = float(height * width)
    if extent is not None:
        image = tf.where(inside(extent, (height, width)) > 0, image, _MORE)
        count = tf.cast(extent[0] * extent[1], tf.float64)
    lines = [tf.reshape(image[..., channel], [-1, 1, height * width]) for channel in range(channels)]  # [B, 1, N]
    return [tf.reshape(_percentile(line, share, count), [-1, 1, 1, 1]) for line in lines]


def _percentile(pixels, share, count):
    """Same as numpy.percentile, for whole numbers 0 to 255 as float32 [B, 1, N] -> [B].

    `count` is how many of the N values, the smallest ones, belong to the image: float or [B].
    """
    rank = share / 100 * (count - 1.0)
    floor = rank // 1.0
    wanted = tf.stack([floor + 1.0, tf.minimum(floor + 2.0, count)], axis=-1)  # pixels up to the percentile
    wanted = tf.reshape(tf.cast(wanted, tf.float32), [-1, 2, 1])
    # Bit by bit, `value` becomes the largest number such that fewer than `wanted` pixels are <= it.
    value = tf.zeros_like(pixels[:, :, :1]) + tf.zeros([1, 2, 1]) - 1.0
    for bit in (128.0, 64.0, 32.0, 16.0, 8.0, 4.0, 2.0, 1.0):
        counts = tf.reduce_sum(tf.cast(pixels <= value + bit, tf.float32), axis=2, keepdims=True)
        value += bit * tf.cast(counts < wanted, tf.float32)
    below, above = value[:, 0, 0] + 1.0, value[:, 1, 0] + 1.0
    return below + tf.cast(rank - floor, tf.float32) * (above - below)


def inside(extent, size):
    """Mask of the pixels inside `extent`, see `Graph.predict`, in an image of (height, width) `size`: [B, H, W, 1]."""
    rows, columns = (within(np.float32([0]), np.float32([n]), most, n) for n, most in zip(size, extent, strict=True))
    return rows[:, :, None, None] * columns[:, None, :, None]


def resolve(masks, scores, predict):
    """Applies the stop rule and assigns each pixel, same as `ris_tf.inference.looks.resolve`.

    The axis of the steps is the last one, and truth values are 0.0 and 1.0, because that is fast on devices.

    Args:
      masks: float32 [B, H, W, T] in [0, 1].
      scores: float32 [B, T] in [0, 1].
      predict: `config.predict`.

    Returns:
      dict: "labels" int32 [B, H, W], 0 for background, then 1..count; "masks" float32 [B, T, H, W] and "scores" float32
      [B, T] of the instances in the order of their labels, followed by zeros; "count" int32 [B].
    """
    height, width, steps = masks.shape[1:]
    up_to = np.triu(np.ones([steps, steps], np.float32))  # [t, s]: t <= s
    stops = tf.matmul(tf.cast(scores <= predict.score_threshold, tf.float32), up_to)
    alive = tf.cast(stops < 0.5, tf.float32)  # [B, T]
    flat = tf.reshape(masks, [-1, height * width, steps]) * alive[:, None]
    over = _above(flat, predict.mask_threshold)
    areas = tf.reduce_sum(over, axis=1)
    if predict.overlap_rule == "best":
        over *= 1.0 - _above(tf.reduce_max(flat, axis=2, keepdims=True), flat)
    mine = over * tf.nn.relu(2.0 - tf.matmul(over, up_to))  # only the first step that claims a pixel
    left = tf.reduce_sum(mine, axis=1)
    kept = (left >= predict.min_visible * areas) & (left >= predict.min_area)
    kept = tf.cast(kept, tf.float32)
    numbers = tf.matmul(kept, up_to) * kept  # [B, T], label of each step, or 0
    ids = np.arange(1, steps + 1, dtype=np.float32)[:, None]
    order = tf.cast(tf.equal(numbers[:, None], ids), tf.float32)  # [B, label, T]
    ordered = tf.transpose(tf.matmul(flat, order, transpose_b=True), [0, 2, 1])
    return {
        "labels": tf.cast(tf.reshape(tf.matmul(mine, numbers[:, :, None]), [-1, height, width]), tf.int32),
        "masks": tf.reshape(ordered, [-1, steps, height, width]),
        "scores": tf.matmul(order, scores[:, :, None])[:, :, 0],
        "count": tf.cast(tf.reduce_sum(kept, axis=1), tf.int32),
    }


def _above(one, other):
    """Returns 1.0 where `one` is larger than `other`, else 0.0."""
    return tf.sign(tf.nn.relu(one - other))


class Graph:
    """The exported functions of a model, for images of one size.

    Args:
      model: RIS, float32.
      size: (height, width) of the images; None for the size of the network's input.

    Attributes:
      image: (H, W, C), the shape of one image.
      input: (height, width) of the network's input.
      steps: largest number of objects, int.
      tiled: whether the view is "tiles".
      multiple: the sides of an image of `maps` must be multiples of it; 0 if `maps` must not be called.
    """

    def __init__(self, model, size=None):
        self.model, self.config, self.form = model, model.config, model.form
        self.steps = self.config.model.steps
        size = tuple(size or self.config.model.size)
        self.image = (*size, self.config.model.channels)
        self.tiled = self.config.data.view == "tiles"
        self.multiple = self.form.size_multiple if self.tiled and self.form.cuts else 0
        self.input = tuple(self.config.model.size)
        if self.tiled:  # one tile, without zoom
            multiple = self.form.size_multiple
            self.input = tuple(-(-length // multiple) * multiple for length in size)
        self._seen_first = (0.0, 0.0, *self.input) if self.tiled else resampling.fitting_box(*size, self.input)

    def predict(self, image, early_stop=False, extent=None):
        """Predicts one image or several.

        Args:
          image: uint8 [B, H, W, C].
          early_stop: if True, a loop runs as many steps as the image with the most objects needs; otherwise all steps
            run.
          extent: (heights, widths), float32 [B] each: the valid part of each image, from its top left. The rest is
            padding that repeats the edge pixels, and nothing is found there. None if all of the image is valid.

        Returns:
          dict, see `resolve`.
        """
        near, box, seen = self._look(image, extent)
        masks, scores = (self._until_stop if early_stop else self._all_steps)(near)
        masks = self._place(masks, box)
        if extent is not None:
            masks *= inside(extent, self.image[:2])
        return resolve(masks, scores * seen, self.config.predict)

    def looks(self, image):
        """Returns the inputs of `encode` for uint8 images [B, H, W, C]: float32 [n * B, *input, C], for n looks."""
        first = self._first_look(image, normalize(image, self.image[2]))[0]
        return tf.concat([first, self._look(image)[0]], axis=0) if self.config.data.view == "focus" else first

    def _look(self, image, extent=None):
        """Returns the network input of the steps, its box of four float32 [B] or [1], and 0.0 where nothing is seen."""
        pixels = normalize(image, self.image[2], extent)
        near, box = self._first_look(image, pixels, extent)
        if self.config.data.view != "focus":
            return near, box, 1.0
        foreground = tf.sigmoid(self.form.encode(near)["auxiliary"][..., 0])
        closest = self.config.predict.zoom_limits[1]
        box, seen = closer_box(foreground, self._seen_first, extent or self.image[:2], self.input, closest)
        return self._view(image, pixels, box, extent), box, seen[:, None]

    def _place(self, masks, box):
        """Resamples the masks of the steps, [B, h, w, T], to the pixels of the image."""
        size = self.image[:2]
        same = self.config.data.view != "focus" and self._seen_first == (0.0, 0.0, *size)
        if same and masks.shape[1] <= size[0] and masks.shape[2] <= size[1]:
            return tf.image.resize(masks, size)  # bilinear; gives the same as `place` here, but is faster
        return place(masks, box, size)

    def _first_look(self, image, pixels, extent=None):
        """Returns the network input of the first look, and its box."""
        box = [tf.constant([side], tf.float32) for side in self._seen_first]
        as_it_is = extent is None and self.input == self.image[:2]
        return (pixels if as_it_is else self._view(image, pixels, box, extent)), box

    def _view(self, image, pixels, box, extent):
        """Resamples a box of the image, whose normalised `pixels` are given, to the network's input."""
        beside = mean_colour(self.image[2]) if self.config.data.padding == "mean" else None
        return sample(pixels, box, self.input, background(image, extent) if self.tiled else beside, extent)

    def _all_steps(self, near):
        """Runs all steps; returns masks [B, h, w, T] and scores [B, T]."""
        context, outputs = unroll(self.form, near, self.steps)
        return self.form.masks_last(context, outputs), tf.sigmoid(outputs["score"])

    def _until_stop(self, near):
        """Runs steps until every image has stopped; returns masks [B, h, w, T] and scores [B, T].

        Both are 0 for steps that did not run.
        """
        threshold = self.config.predict.score_threshold
        context = self.form.encode(near)
        kept, _ = until_stop(self.form, context, self.steps, threshold)
        return self.form.masks_last(context, kept), kept["score"]

    def encode(self, image):
        """Encodes a view. A host that stops early calls this once, and then `step` for each object.

        Args:
          image: float32 [B, *input, C], normalised.

        Returns:
          dict of the inputs of `step`, all float32. For the attend form also "foreground", float32 [B, h, w] in [0, 1].
        """
        context = self.form.encode(image)
        result = {}
        if "auxiliary" in context:
            result["foreground"] = tf.sigmoid(context.pop("auxiliary")[..., 0])
        return {**result, **_named(context, CONTEXT), **_named(self.form.zero_state(context), STATE)}

    def maps(self, image):
        """Encodes a larger view. A host cuts its maps into windows, for which it calls `step`.

        Args:
          image: float32 [B, H, W, C], normalised; H and W are multiples of `multiple`.

        Returns:
          {name: float32 [B, H / stride, W / stride, C]}, by the names that `encode` gives what is made of them.
        """
        maps = self.form.maps(image)
        del maps["auxiliary"]
        return _named(maps, CONTEXT)

    def step(self, tensors):
        """Advances by one object.

        Args:
          tensors: dict of the outputs of `encode` except "foreground". After the first step, "state_..." are the
            outputs "next_..." of the step before.

        Returns:
          dict: "score" float32 [B] and "mask" float32 [B, h, w] in [0, 1], and the new state as "next_...". (In ONNX an
          output must not have the same name as an input.)
        """
        parts = {name.partition("_")[::2]: value for name, value in tensors.items()}
        context = {name: value for (kind, name), value in parts.items() if kind == CONTEXT}
        structure = self.form.zero_state(context)
        state = keras.tree.pack_sequence_as(structure, [tensors[name] for name in _named(structure, STATE)])
        outputs, state = self.form.step(context, state)
        drawn = self.form.masks(context, {name: outputs[name][:, None] for name in self.form.drawn_from})
        return {"score": tf.sigmoid(outputs["score"]), "mask": drawn[:, 0], **_named(state, NEXT)}


def _named(structure, prefix):
    """Flattens nested dicts and lists to {prefix_PATH: tensor}, in Keras's order."""
    return {"_".join(map(str, (prefix, *path))): value for path, value in keras.tree.flatten_with_path(structure)}
