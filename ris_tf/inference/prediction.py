"""Prediction: finds the instances in an image of any size and dtype."""

import numpy as np

from ris_tf.data.focus import closer_box
from ris_tf.data.normalize import mean_colour, normalize
from ris_tf.inference.canvas import Canvas
from ris_tf.inference.consensus import agreed
from ris_tf.inference.looks import closer_boxes, look_at, resolve
from ris_tf.inference.resampling import fitting_box, pixels, sample
from ris_tf.inference.views import View
from ris_tf.inference.zoom import search
from ris_tf.instances.labels import Instances


def predict_instances(look, config, image, crf=False, foreground=None, zoom=None):
    """Finds the instances of one image.

    The method depends on `data.view`:

    - "whole": the image is resized to fit the network's input.
    - "focus": the encoder finds the foreground in the whole image. Then the network looks at a box around it.
    - "tiles": a first pass over a few tiles estimates the size of the objects. The image is then cut into overlapping
      tiles, at a zoom that brings the objects to the size on which the network was trained. If a tile uses up all
      steps, it is replaced by four closer ones.

    Args:
      look: function of float32 [B, h, w, C] (h, w = config.model.size) that returns masks float32 [B, T, h', w'] and
        scores float32 [B, T]. If it has a method `across`, see `looks.Look`, the "tiles" view encodes small images as a
        whole.
      config: config of the model; `model`, `data.view`, `data.padding` and `predict` are read.
      image: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; uint8, uint16, bool or float.
      crf: whether each mask is first refined by a fully connected CRF, see `crf.refine`.
      foreground: function of float32 [B, h, w, C] that returns float32 [B, h', w'] in [0, 1]; used only in the "focus"
        view.
      zoom: network pixels per image pixel, for the "tiles" view; None to estimate it, see `zoom.find_zoom`.

    Returns:
      Instances with labels of size [H, W].

    Raises:
      ValueError: the array is not an image, or contains NaN or infinity.
      UsageError: `crf` was requested, but pydensecrf2 is not installed.
    """
    image = normalize(image, config.model.channels)
    if config.data.view == "tiles":
        return _tiles(look, config, image, crf, zoom)
    look = agreed(look, config)
    if config.data.view == "whole":
        return _whole(look, config, image, crf)
    return _focus(look, foreground, config, image, crf)


def _focus(look, foreground, config, image, crf):
    """Predicts in two passes: the encoder finds where objects are, then the network looks at a box around them all."""
    box = fitting_box(*image.shape[:2], config.model.size)
    found = np.asarray(foreground(view_of(image, box, config)[None]))[0]
    box = closer_box(found, box, image.shape[:2], config.model.size, config.predict.zoom_limits[1])
    if box is None:
        return Instances(np.zeros(image.shape[:2], np.int32), np.zeros(0, np.float32))
    return _look_into(look, config, image, box, crf)


def _whole(look, config, image, crf):
    return _look_into(look, config, image, fitting_box(*image.shape[:2], config.model.size), crf)


def view_of(image, box, config):
    """What the network sees of a box of an image in the views "whole" and "focus".

    Args:
      image: float32 [H, W, C], normalised.
      box: (top, left, height, width), pixels.
      config: see `predict_instances`.

    Returns:
      float32 [*model.size, C].
    """
    beside = None if config.data.padding == "edge" else mean_colour(image.shape[2])
    return sample(image, box, config.model.size, beside)


def _look_into(look, config, image, box, crf):
    masks, scores = (np.asarray(x)[0] for x in look(view_of(image, box, config)[None]))
    rows, columns = pixels(box[0], box[2], image.shape[0]), pixels(box[1], box[3], image.shape[1])
    near, labels = image[rows, columns], np.zeros(image.shape[:2], np.int32)
    box = (box[0] - rows.start, box[1] - columns.start, *box[2:])
    predict = config.predict
    found = resolve(masks, scores, near.shape[:2], predict, near if crf else None, box, predict.min_area)
    labels[rows, columns], scores, taken = found
    return Instances(labels, scores, limit_reached=taken == config.model.steps)


def _tiles(look, config, image, crf, zoom):
    """Predicts part by part. What was seen while the zoom was sought is not looked at again."""
    view = None
    if not zoom:
        zoom, view = search(look, config, image)
    look, canvas, crowded = agreed(look, config), Canvas(*image.shape[:2], min_area=config.predict.min_area), []
    view = view.complete() if view and config.predict.orientations == 1 else View(look, config, image, zoom)
    for box, labels, scores, taken in view.look_at(view.boxes, crf):
        if taken == config.model.steps:
            crowded += closer_boxes(box, config, zoom)
        else:
            canvas.add(labels, scores, box[0], box[1])
    limit_reached = False
    for box, labels, scores, taken in look_at(look, config, image, crowded, crf):
        canvas.add(labels, scores, box[0], box[1])
        limit_reached |= taken == config.model.steps
    found = canvas.instances()
    return Instances(found.labels, found.scores, limit_reached)
