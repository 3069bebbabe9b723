"""Prediction: finds the instances in an image of any size and dtype."""

import math

import numpy as np

from ris_tf.data.focus import closer_box
from ris_tf.data.normalize import mean_colour, normalize
from ris_tf.inference.canvas import Canvas
from ris_tf.inference.consensus import agreed
from ris_tf.inference.order import steps_before_stop
from ris_tf.inference.resampling import background, fitting_box, pixels, place, place_above, sample
from ris_tf.inference.tiling import tile_grid
from ris_tf.instances.labels import Instances

_LOOKS_FOR_SCALE = 16  # tiles of the first pass, which only estimates the size of the objects
_BATCH = 8  # tiles per call of the network


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
        scores float32 [B, T].
      config: config of the model; `model`, `data.view`, `data.padding` and `predict` are read.
      image: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; uint8, uint16, bool or float.
      crf: whether each mask is first refined by a fully connected CRF, see `crf.refine`.
      foreground: function of float32 [B, h, w, C] that returns float32 [B, h', w'] in [0, 1]; used only in the "focus"
        view.
      zoom: network pixels per image pixel, for the "tiles" view; None to estimate it, see `find_zoom`.

    Returns:
      Instances with labels of size [H, W].

    Raises:
      ValueError: the array is not an image, or contains NaN or infinity.
      UsageError: `crf` was requested, but pydensecrf2 is not installed.
    """
    image = normalize(image, config.model.channels)
    if config.data.view == "tiles":
        return _tiles(agreed(look, config), config, image, crf, zoom or zoom_of(look, config, image))
    look = agreed(look, config)
    if config.data.view == "whole":
        return _whole(look, config, image, crf)
    return _focus(look, foreground, config, image, crf)


def find_zoom(look, config, image):
    """Estimates the zoom that brings the typical object of an image to `predict.diameter`, from a few tiles.

    Args:
      look, config, image: see `predict_instances`.

    Returns:
      float, network pixels per image pixel, within `predict.zoom_limits`.
    """
    return zoom_of(look, config, normalize(image, config.model.channels))


def zoom_of(look, config, image, looks=None):
    """Same as `find_zoom`, for an image that is already normalised.

    Args:
      look, config: see `predict_instances`.
      image: float32 [H, W, C], or an object with such a `shape` that returns such arrays when indexed by two slices.
      looks: number of tiles to look at, chosen at random with a fixed seed; None for a few tiles, evenly spread.

    Returns:
      float, network pixels per image pixel, within `predict.zoom_limits`; 1 if no object is found in the first tiles.
    """
    zoom = 1.0
    for _ in range(3):
        found = _typical_diameter(look, config, image, zoom, looks)
        if found is None:
            break
        previous, zoom = zoom, float(np.clip(config.predict.diameter / found, *config.predict.zoom_limits))
        if 0.75 < zoom / previous < 1.33:
            break
    return zoom


def tile_boxes(shape, config, zoom):
    """Overlapping tiles that cover an image.

    Args:
      shape: (height, width) of the image, pixels.
      config: see `predict_instances`.
      zoom: network pixels per image pixel.

    Returns:
      list of (top, left, height, width) in pixels of the image, row by row.
    """
    side = [round(length / zoom) for length in config.model.size]
    share = round(config.predict.overlap / zoom)
    tops, lefts = (tile_grid(length, tile, share) for length, tile in zip(shape, side, strict=True))
    return [(top, left, *side) for top in tops for left in lefts]


def closer_boxes(box, config, zoom):
    """Splits a box of `tile_boxes` that holds more objects than the network has steps into four overlapping boxes."""
    top, left, height, width = box
    share = config.predict.overlap / zoom / 2
    h, w = round((height + share) / 2), round((width + share) / 2)
    return [(t, x, h, w) for t in (top, top + height - h) for x in (left, left + width - w)]


def resolve(masks, scores, size, predict, image=None, box=None):
    """Turns masks and scores into a label map: applies the stop rule and assigns each pixel to at most one object.

    Args:
      masks: float32 [T, h, w] in [0, 1].
      scores: float32 [T]. The first score that is not above `predict.score_threshold` ends the count (poster,
        "inference").
      size: (height, width) of the result.
      predict: `config.predict`.
      image: float32 [height, width, C], normalised, with which a CRF refines the masks; None for no CRF.
      box: (top, left, height, width), the part of the result that the masks show, in pixels; None for all of it.

    Returns:
      labels: int32 [height, width], 0 for background, 1..n for objects.
      scores: float32 [n].
      taken: number of steps before the stop, int.
    """
    box = box or (0, 0, *size)
    taken = steps_before_stop(scores, predict)
    labels = np.zeros(size, np.int32)
    best = np.full(size, predict.mask_threshold, np.float32)
    areas = np.zeros(taken)
    for t in range(taken):
        if image is None:
            mask, window = place_above(masks[t], box, size, predict.mask_threshold)
        else:
            mask, window = _refine(place(masks[t], box, size), image, predict.crf), np.s_[:, :]
        near, so_far = labels[window], best[window]  # views
        areas[t] = np.count_nonzero(mask > predict.mask_threshold)
        if predict.overlap_rule == "first":
            wins = (mask > predict.mask_threshold) & (near == 0)
        else:
            wins = mask > so_far
            so_far[wins] = mask[wins]
        near[wins] = t + 1
    left = np.bincount(labels.ravel(), minlength=taken + 1)[1:]
    keep = (left > 0) & (left >= predict.min_visible * areas)
    renumber = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    return renumber[labels], scores[:taken][keep], taken


def _refine(mask, image, crf):
    from ris_tf.inference.crf import refine  # its dependencies are needed only with a CRF

    return refine(mask[None], image, crf)[0]


def _focus(look, foreground, config, image, crf):
    """Predicts in two passes: the encoder finds where objects are, then the network looks at a box around them all."""
    box = fitting_box(*image.shape[:2], config.model.size)
    found = np.asarray(foreground(_view(image, box, config)[None]))[0]
    box = closer_box(found, box, image.shape[:2], config.model.size)
    if box is None:
        return Instances(np.zeros(image.shape[:2], np.int32), np.zeros(0, np.float32))
    return _look_into(look, config, image, box, crf)


def _whole(look, config, image, crf):
    return _look_into(look, config, image, fitting_box(*image.shape[:2], config.model.size), crf)


def _view(image, box, config):
    """Resamples a box of the image to the network's input: float32 [*model.size, C]."""
    beside = None if config.data.padding == "edge" else mean_colour(image.shape[2])
    return sample(image, box, config.model.size, beside)


def _look_into(look, config, image, box, crf):
    masks, scores = (np.asarray(x)[0] for x in look(_view(image, box, config)[None]))
    rows, columns = pixels(box[0], box[2], image.shape[0]), pixels(box[1], box[3], image.shape[1])
    near, labels = image[rows, columns], np.zeros(image.shape[:2], np.int32)
    box = (box[0] - rows.start, box[1] - columns.start, *box[2:])
    found = resolve(masks, scores, near.shape[:2], config.predict, near if crf else None, box)
    labels[rows, columns], scores, _ = found
    return Instances(labels, scores)


def _tiles(look, config, image, crf, zoom):
    canvas, crowded = Canvas(*image.shape[:2], min_area=config.predict.min_area), []
    for box, labels, scores, taken in look_at(look, config, image, tile_boxes(image.shape[:2], config, zoom), crf):
        if taken == config.model.steps:
            crowded += closer_boxes(box, config, zoom)
        else:
            canvas.add(labels, scores, box[0], box[1])
    for box, labels, scores, _ in look_at(look, config, image, crowded, crf):
        canvas.add(labels, scores, box[0], box[1])
    return canvas.instances()


def _typical_diameter(look, config, image, zoom, looks):
    """Estimates the typical diameter of the objects, in image pixels, from a few tiles; None if no object is found.

    It is the diameter of a disc with the median area. The median is taken over pixels of objects rather than over
    objects, so that specks found by mistake hardly count.
    """
    side = [round(length / zoom) for length in config.model.size]
    tops, lefts = tile_grid(image.shape[0], side[0], 0), tile_grid(image.shape[1], side[1], 0)
    boxes = [(top, left, *side) for top in tops for left in lefts]
    if looks:
        chosen = np.sort(np.random.default_rng(0).permutation(len(boxes))[:looks])
    else:
        chosen = np.unique(np.linspace(0, len(boxes) - 1, _LOOKS_FOR_SCALE).round().astype(int))
    areas = []
    for (top, left, *_), labels, _, _ in look_at(look, config, image, [boxes[i] for i in chosen]):
        sizes = np.bincount(labels[: image.shape[0] - top, : image.shape[1] - left].ravel())[1:]
        areas += list(sizes[sizes > 0])  # an object beside the image has none
    if not areas:
        return None
    areas = np.sort(areas)
    middle = np.searchsorted(np.cumsum(areas), np.sum(areas) / 2)
    return math.sqrt(4 / math.pi * float(areas[middle]))


def look_at(look, config, image, boxes, crf=False, batch=_BATCH):
    """Runs the network on boxes of an image.

    Args:
      look, config, crf: see `predict_instances`.
      image: see `zoom_of`.
      boxes: list of (top, left, height, width), pixels. What lies outside the image has the colour of the
        `background` of the box.
      batch: number of boxes in one call of the network.

    Yields:
      For each box: the box, labels int32 [height, width], scores float32 [n], and the number of steps before the stop.
    """
    size = tuple(config.model.size)
    for start in range(0, len(boxes), batch):
        part = boxes[start : start + batch]
        tiles = np.zeros([len(part), *size, image.shape[2]], np.float32)
        for tile, box in zip(tiles, part, strict=True):
            tile[...] = sample(image, box, size, background(image, box))
        masks, scores = (np.asarray(x) for x in look(tiles))
        for index, box in enumerate(part):
            crop = sample(image, box, box[2:], background(image, box)) if crf else None
            yield box, *resolve(masks[index], scores[index], box[2:], config.predict, crop)
