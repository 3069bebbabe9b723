"""Random changes of a training sample as `data.augment` lists them; image and labels always stay aligned."""

import tensorflow as tf

from ris_tf.data import views
from ris_tf.data.colours import COLOURS
from ris_tf.data.copy_paste import copy_paste
from ris_tf.data.draws import spread
from ris_tf.data.geometry import MOVES, Move, sample_at
from ris_tf.data.normalize import mean_colour
from ris_tf.settings import elements


def augment(sample, seed, config):
    """Runs the listed elements in their order, "invert" first; what one draws depends on no other.

    Args:
      sample: see `warp`; with "copy_paste" listed, "donor" is another such dict.
      seed: int64 [2]; the same seed gives the same result.
      config: of the run.

    Returns:
      image float32 [*model.size, C], not below 0; labels int32 [*model.size].
    """
    names = list(elements(config))
    if "invert" in names:  # before it is moved: what lies beside a tile is dark in prediction too
        names.remove("invert")
        sample = _inverted(sample, spread(seed, 1), config)
    image, labels = warp(sample, spread(seed, 0), config)
    for name in names:
        if name == "copy_paste":
            donor = warp(sample["donor"], spread(seed, 2), config)
            image, labels = copy_paste(image, labels, donor, spread(seed, 3), config)
        elif name in COLOURS:
            image = COLOURS[name](image, spread(seed, 1), config)
    return tf.maximum(image, 0.0), labels


def _inverted(sample, seed, config):
    """The sample and its donor, if it has one, both as they are or both negatives."""
    changed = {"image": COLOURS["invert"](sample["image"], seed, config)}
    if "donor" in sample:
        changed["donor"] = _inverted(sample["donor"], seed, config)
    return {**sample, **changed}


def warp(sample, seed, config):
    """Moves pixels and brings the view to the model's size in one resampling.

    Args:
      sample: dict of "image" float32 [H, W, C], "labels" int32 [H, W], "zoom" float32 [2], range of the scale, output
        pixels per input pixel ("focus": of the whole image, and close), and "box" float32 [4] (`focus.object_box`).
      seed: int64 [2].
      config: of the run; `model.size`, `data.view`, `data.shift`, `data.padding`, and what the elements listed read.

    Returns:
      image float32 [*model.size, C] (bilinear), labels int32 [*model.size] (nearest).
    """
    image, labels = sample["image"], sample["labels"]
    height, width = config.model.size
    listed = [name for name in elements(config) if name in MOVES]
    zoom = views.zoom(sample, seed, config)
    x_centre, y_centre = views.centre(sample, zoom, seed, config)
    move = Move(((1.0, 0.0), (0.0, 1.0)), None, zoom)
    for name in listed if "scale" in listed else ["scale", *listed]:  # the view has a zoom in any case
        move = MOVES[name](move, seed, config)
    (a, b), (c, d) = move.matrix
    x_out, y_out = (width - 1) / 2, (height - 1) / 2
    x_in, y_in = x_centre - 0.5, y_centre - 0.5
    transform = tf.stack([a, b, x_in - a * x_out - b * y_out, c, d, y_in - c * x_out - d * y_out, 0.0, 0.0])
    whole = config.data.view != "tiles"
    edge = whole and config.data.padding == "edge"
    beside = mean_colour(image.shape[-1]) if whole and config.data.padding == "mean" else 0.0
    resample = _resampler(transform, move.displacement, (height, width))
    image = resample(image - beside, True, edge) + beside  # it fills with zeros
    return image, resample(labels[..., None], False, False)[..., 0]


def _resampler(transform, displacement, size):
    """A function of (array [h, w, C], whether bilinear, whether the edge goes on beside it) -> [*size, C]."""
    if displacement is None:
        return lambda array, smooth, edge: tf.raw_ops.ImageProjectiveTransformV3(
            images=array[None],
            transforms=transform[None],
            output_shape=tf.constant(size, tf.int32),
            interpolation="BILINEAR" if smooth else "NEAREST",
            fill_mode="NEAREST" if edge else "CONSTANT",
            fill_value=0.0,
        )[0]
    rows, columns = tf.range(size[0], dtype=tf.float32)[:, None], tf.range(size[1], dtype=tf.float32)
    x = transform[0] * columns + transform[1] * rows + transform[2] + displacement[..., 0]
    y = transform[3] * columns + transform[4] * rows + transform[5] + displacement[..., 1]
    return lambda array, smooth, edge: sample_at(array, x, y, smooth, edge)
