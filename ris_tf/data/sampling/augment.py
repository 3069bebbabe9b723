"""Data augmentation: apply the random changes listed in `data.augment` to a training sample.

Image and labels always stay aligned.
"""

import tensorflow as tf

from ris_tf.data.normalize import mean_colour
from ris_tf.data.sampling import views
from ris_tf.data.sampling.colours import COLOURS
from ris_tf.data.sampling.copy_paste import copy_paste
from ris_tf.data.sampling.draws import spread
from ris_tf.data.sampling.geometry import MOVES, Move, sample_at
from ris_tf.settings.schema import elements


def augment(sample, seed, config):
    """Applies the elements of `data.augment` in their order, except that "invert" comes first.

    The random numbers of an element do not depend on the other elements.

    Args:
      sample: dict, see `warp`. If "copy_paste" is listed, sample["donor"] is another such dict.
      seed: int64 [2]; the same seed gives the same result.
      config: config of the run.

    Returns:
      image float32 [*model.size, C], at least 0; labels int32 [*model.size].
    """
    names = list(elements(config))
    if "invert" in names:  # before the warp, so that the padding outside a tile stays dark
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
    """Inverts the sample and its donor, if it has one: either both or neither."""
    changed = {"image": COLOURS["invert"](sample["image"], seed, config)}
    if "donor" in sample:
        changed["donor"] = _inverted(sample["donor"], seed, config)
    return {**sample, **changed}


def warp(sample, seed, config):
    """Applies all geometric changes and resizes the view to the model's input size, with a single resampling.

    Args:
      sample: dict of
        "image": float32 [H, W, C];
        "labels": int32 [H, W];
        "zoom": float32 [2], range of the scale in output pixels per input pixel; in the "focus" view, the scales of the
          whole image and of the closer look;
        "box": float32 [4], see `focus.object_box`.
      seed: int64 [2].
      config: config of the run. Reads `model.size`, `data.view`, `data.shift`, `data.padding` and the fields of the
        listed elements.

    Returns:
      image float32 [*model.size, C] (bilinear), labels int32 [*model.size] (nearest).
    """
    image, labels = sample["image"], sample["labels"]
    height, width = config.model.size
    listed = [name for name in elements(config) if name in MOVES]
    zoom = views.zoom(sample, seed, config)
    x_centre, y_centre = views.centre(sample, zoom, seed, config)
    move = Move(((1.0, 0.0), (0.0, 1.0)), None, zoom)
    for name in listed if "scale" in listed else ["scale", *listed]:  # the zoom of the view is always applied
        move = MOVES[name](move, seed, config)
    (a, b), (c, d) = move.matrix
    x_out, y_out = (width - 1) / 2, (height - 1) / 2
    x_in, y_in = x_centre - 0.5, y_centre - 0.5
    transform = tf.stack([a, b, x_in - a * x_out - b * y_out, c, d, y_in - c * x_out - d * y_out, 0.0, 0.0])
    whole = config.data.view != "tiles"
    edge = whole and config.data.padding == "edge"
    beside = mean_colour(image.shape[-1]) if whole and config.data.padding == "mean" else 0.0
    resample = _resampler(transform, move.displacement, (height, width))
    image = resample(image - beside, True, edge) + beside  # resampling pads with zeros
    return image, resample(labels[..., None], False, False)[..., 0]


def _resampler(transform, displacement, size):
    """Returns a function that resamples arrays to `size`.

    The function takes (array [h, w, C], smooth, edge) and returns [*size, C]. `smooth` selects bilinear interpolation,
    otherwise nearest neighbour. `edge` repeats the edge pixels outside the array, otherwise it is padded with zeros.
    """
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
