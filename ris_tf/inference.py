"""Image of any size and dtype -> Instances."""

import math

import numpy as np
from PIL import Image

from ris_tf.crf import refine
from ris_tf.data.normalize import mean_colour, normalize
from ris_tf.data.resize import fit_within
from ris_tf.focus import window
from ris_tf.labels import Instances
from ris_tf.tiling import Canvas, tile_grid

_LOOKS_FOR_SCALE = 16  # tiles of the first pass, which only finds how large the objects are
_BATCH = 8


def predict_instances(look, config, image, crf=False, foreground=None):
    """Finds the instances of one image.

    In the "whole" view the image is resized to fit the network's input. In the "focus" view that is the first look, and
    a box around the foreground it finds is the second. In the "tiles" view a first pass over a few
    tiles finds how large the objects are; then the image, at a zoom that brings them to the size the network was
    trained on, is cut into overlapping tiles. A tile that used up all its steps is looked at again in four closer ones.

    Args:
      look: function of float32 [B, h, w, C] (h, w = config.model.size) giving masks float32 [B, T, h', w'] and scores
        float32 [B, T].
      config: the model's; `model`, `data.view`, `data.padding` and `predict` are read.
      image: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4]; uint8, uint16, bool or float.
      crf: whether each mask is refined by a fully connected CRF first, see `crf.refine`.
      foreground: function of float32 [B, h, w, C] giving float32 [B, h', w'] in [0, 1]; read in the "focus" view.

    Returns:
      Instances, labels of size [H, W].

    Raises:
      ValueError: the array is no image.
      UsageError: `crf` without pydensecrf2.
    """
    image = normalize(image, config.model.channels)
    if config.data.view == "whole":
        return _whole(look, config, image, crf)
    if config.data.view == "focus":
        return _focus(look, foreground, config, image, crf)
    return _tiles(look, config, image, crf)


def resolve(masks, scores, size, predict, image=None):
    """Applies the stop rule and decides each pixel.

    Args:
      masks: float32 [T, h, w] in [0, 1].
      scores: float32 [T]; the first that is not above `predict.score_threshold` ends the count (poster, "inference").
      size: (height, width) of the result, to which the masks are resized.
      predict: `config.predict`.
      image: float32 [height, width, C], normalised, by which the masks are refined by a CRF; None for no CRF.

    Returns:
      labels int32 [height, width], 1..n; scores float32 [n]; taken: number of steps before the stop.
    """
    stop = scores <= predict.score_threshold
    taken = int(np.argmax(stop)) if stop.any() else len(scores)
    labels = np.zeros(size, np.int32)
    best = np.full(size, predict.mask_threshold, np.float32)
    areas = np.zeros(taken)
    for t in range(taken):
        mask = masks[t]
        if mask.shape != tuple(size):
            mask = np.asarray(Image.fromarray(mask).resize((size[1], size[0]), Image.Resampling.BILINEAR))
        if image is not None:
            mask = refine(mask[None], image, predict.crf)[0]
        areas[t] = np.count_nonzero(mask > predict.mask_threshold)
        if predict.overlap_rule == "first":
            wins = (mask > predict.mask_threshold) & (labels == 0)
        else:
            wins = mask > best
            best[wins] = mask[wins]
        labels[wins] = t + 1
    left = np.bincount(labels.ravel(), minlength=taken + 1)[1:]
    keep = (left > 0) & (left >= predict.min_visible * areas)
    renumber = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    return renumber[labels], scores[:taken][keep], taken


def _focus(look, foreground, config, image, crf):
    """A first pass finds where objects are; the second looks at a box around all of them."""
    padded, height, width = _pad(image, config)
    found = np.asarray(foreground(padded[None]))[0]
    stride = config.model.size[0] / found.shape[0]
    near = window(found[: math.ceil(height / stride), : math.ceil(width / stride)], image.shape[:2])
    labels = np.zeros(image.shape[:2], np.int32)
    if near is None:
        return Instances(labels, np.zeros(0, np.float32))
    instances = _whole(look, config, image[near], crf)
    labels[near] = instances.labels
    return Instances(labels, instances.scores)


def _pad(image, config):
    """The image as it fits the network's input: float32 [*model.size, C], and the rows and columns it takes there."""
    size = config.model.size
    fitted = fit_within(image, size)
    height, width = fitted.shape[:2]
    if config.data.padding == "edge":
        return np.pad(fitted, ((0, size[0] - height), (0, size[1] - width), (0, 0)), mode="edge"), height, width
    padded = np.broadcast_to(mean_colour(fitted.shape[2]), (*size, fitted.shape[2])).copy()
    padded[:height, :width] = fitted
    return padded, height, width


def _whole(look, config, image, crf):
    size = config.model.size
    padded, height, width = _pad(image, config)
    masks, scores = (np.asarray(x)[0] for x in look(padded[None]))
    stride = size[0] / masks.shape[1]
    rows, columns = math.ceil(height / stride), math.ceil(width / stride)
    masks = masks[:, :rows, :columns]
    labels, scores, _ = resolve(masks, scores, image.shape[:2], config.predict, image if crf else None)
    return Instances(labels, scores)


def _tiles(look, config, image, crf):
    zoom = 1.0
    for _ in range(3):
        found = _typical_diameter(look, config, image, zoom)
        if found is None:
            break
        previous, zoom = zoom, float(np.clip(config.predict.diameter / found, *config.predict.zoom_limits))
        if 0.75 < zoom / previous < 1.33:
            break
    canvas = Canvas(*image.shape[:2], min_area=config.predict.min_area)
    side = [length / zoom for length in config.model.size]
    share = config.predict.overlap / zoom
    boxes = [
        (top, left, round(side[0]), round(side[1]))
        for top in tile_grid(image.shape[0], round(side[0]), round(share))
        for left in tile_grid(image.shape[1], round(side[1]), round(share))
    ]
    crowded = []
    for box, labels, scores, taken in _look_at(look, config, image, boxes, crf):
        if taken == config.model.steps:
            crowded += _quarters(box, share / 2)
        else:
            canvas.add(labels, scores, box[0], box[1])
    for box, labels, scores, _ in _look_at(look, config, image, crowded, crf):
        canvas.add(labels, scores, box[0], box[1])
    return canvas.instances()


def _quarters(box, share):
    top, left, height, width = box
    h, w = round((height + share) / 2), round((width + share) / 2)
    return [(t, x, h, w) for t in (top, top + height - h) for x in (left, left + width - w)]


def _typical_diameter(look, config, image, zoom):
    """Diameter of the object that a typical object's pixel belongs to, in image pixels, from a few tiles; None if none.

    The median over pixels rather than objects: specks found by mistake hardly count.
    """
    side = [round(length / zoom) for length in config.model.size]
    tops, lefts = tile_grid(image.shape[0], side[0], 0), tile_grid(image.shape[1], side[1], 0)
    boxes = [(top, left, *side) for top in tops for left in lefts]
    chosen = [boxes[i] for i in np.unique(np.linspace(0, len(boxes) - 1, _LOOKS_FOR_SCALE).round().astype(int))]
    areas = []
    for _, labels, _, _ in _look_at(look, config, image, chosen):
        areas += list(np.bincount(labels.ravel())[1:])
    if not areas:
        return None
    areas = np.sort(areas)
    middle = np.searchsorted(np.cumsum(areas), np.sum(areas) / 2)
    return math.sqrt(4 / math.pi * float(areas[middle]))


def _look_at(look, config, image, boxes, crf=False):
    """Runs the network on boxes (top, left, height, width) of the image; yields (box, labels, scores, steps taken)."""
    size = tuple(config.model.size)
    for start in range(0, len(boxes), _BATCH):
        part = boxes[start : start + _BATCH]
        tiles = np.zeros([_BATCH, *size, image.shape[2]], np.float32)
        crops = []
        for index, (top, left, height, width) in enumerate(part):
            crop = image[top : top + height, left : left + width]
            crop = np.pad(crop, ((0, height - crop.shape[0]), (0, width - crop.shape[1]), (0, 0)))
            crops.append(crop)
            fitted = fit_within(crop, size)
            tiles[index, : fitted.shape[0], : fitted.shape[1]] = fitted
        masks, scores = (np.asarray(x) for x in look(tiles))
        for index, box in enumerate(part):
            yield box, *resolve(masks[index], scores[index], box[2:], config.predict, crops[index] if crf else None)
