"""Looks of the network at boxes of an image: where the boxes lie, and what the masks and scores of a look stand for."""

import numpy as np

from ris_tf.inference.order import steps_before_stop
from ris_tf.inference.resampling import background, place, place_above, sample
from ris_tf.inference.tiling import tile_grid

_BATCH = 8  # tiles per call of the network


class Look:
    """What a network finds in tiles, and in windows of a larger view that it encodes at once.

    Args:
      find: function of tiles, float32 [B, h, w, C], that returns masks float32 [B, T, h', w'] and scores float32
        [B, T].
      encode: function of a view, float32 [1, H, W, C], that returns its feature maps, {name: [1, H', W', C']}.
      find_in: same as `find`, for the maps of B windows of the size of a tile.
      size: (h, w) of a tile.
      multiple: the sides of a view must be multiples of it, in pixels; 0 if the network has no maps that can be cut
        into windows, and `across` must not be called. An attribute, too.
    """

    def __init__(self, find, encode, find_in, size, multiple):
        self._find, self._encode, self._find_in, self._size, self.multiple = find, encode, find_in, size, multiple

    def __call__(self, tiles):
        return self._find(tiles)

    def across(self, view):
        """Encodes a view; returns a function of windows that returns what `find` does.

        Args:
          view: float32 [H, W, C], normalised.

        Returns:
          function of a list of (top, left), in pixels of the view.
        """
        maps = {name: np.asarray(values)[0] for name, values in self._encode(view[None]).items()}

        def cut(values, window):
            stride = view.shape[0] // values.shape[0]
            rows, columns = (slice(at // stride, (at + n) // stride) for at, n in zip(window, self._size, strict=True))
            return values[rows, columns]

        def at(windows):
            parts = {name: np.stack([cut(values, w) for w in windows]) for name, values in maps.items()}
            return tuple(map(np.asarray, self._find_in(parts)))

        return at


def tile_boxes(shape, config, zoom):
    """Overlapping tiles that cover an image.

    Args:
      shape: (height, width) of the image, pixels.
      config: see `prediction.predict_instances`.
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


def resolve(masks, scores, size, predict, image=None, box=None, min_area=1):
    """Turns masks and scores into a label map: applies the stop rule and assigns each pixel to at most one object.

    Args:
      masks: float32 [T, h, w] in [0, 1].
      scores: float32 [T]. The first score that is not above `predict.score_threshold` ends the count (poster,
        "inference").
      size: (height, width) of the result.
      predict: `config.predict`.
      image: float32 [height, width, C], normalised, with which a CRF refines the masks; None for no CRF.
      box: (top, left, height, width), the part of the result that the masks show, in pixels; None for all of it.
      min_area: smallest number of pixels of an object; smaller ones are left out.

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
    keep = (left >= max(min_area, 1)) & (left >= predict.min_visible * areas)
    renumber = np.concatenate([[0], np.where(keep, np.cumsum(keep), 0)]).astype(np.int32)
    return renumber[labels], scores[:taken][keep], taken


def _refine(mask, image, crf):
    from ris_tf.inference.crf import refine  # its dependencies are needed only with a CRF

    return refine(mask[None], image, crf)[0]


def look_at(look, config, image, boxes, crf=False, batch=_BATCH):
    """Runs the network on boxes of an image.

    Args:
      look, config, crf: see `prediction.predict_instances`.
      image: see `zoom.zoom_of`.
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
