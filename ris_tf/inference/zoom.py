"""The zoom at which the tiles of an image show its objects in the size on which the network was trained."""

import math

import numpy as np

from ris_tf.data.normalize import normalize
from ris_tf.inference.looks import tile_boxes
from ris_tf.inference.views import View

# Tiles that each pass looks at, and up to how many of them an image is encoded as a whole instead. The first pass only
# says roughly how large the objects are; what is encoded in the others is likely to be used again.
_PASSES = (5, 5), (9, 27), (16, 48)
_LOWER = 0.9  # a zoom so much lower is taken if it needs fewer tiles
_STEP = 2 ** (1 / 24)  # factor between zooms that are tried: 3%
_SAME = 1.1  # a zoom that is wrong by at most this factor is kept, and with it what was seen at it


def find_zoom(look, config, image):
    """Estimates the zoom that brings the typical object of an image to `predict.diameter`, from a few tiles.

    Args:
      look, config, image: see `prediction.predict_instances`.

    Returns:
      float, network pixels per image pixel, within `predict.zoom_limits`.
    """
    return zoom_of(look, config, normalize(image, config.model.channels))


def zoom_of(look, config, image, looks=None):
    """Same as `find_zoom`, for an image that is already normalised.

    Args:
      look, config: see `prediction.predict_instances`.
      image: float32 [H, W, C], or an object with such a `shape` that returns such arrays when indexed by two slices.
      looks: number of tiles to look at, chosen at random with a fixed seed; None for a few tiles, evenly spread.

    Returns:
      float, network pixels per image pixel, within `predict.zoom_limits`; as close to 1 as they allow if no object is
      found in the first tiles.
    """
    return search(look, config, image, looks)[0]


def search(look, config, image, looks=None):
    """Same as `zoom_of`, and keeps the last view, with which a prediction at that zoom may go on.

    Args:
      look, config, image, looks: see `zoom_of`.

    Returns:
      zoom: float, see `zoom_of`.
      view: `views.View` of the image at that zoom, or None.
    """
    low, high = config.predict.zoom_limits
    if low == high:
        return low, None
    zoom = float(np.clip(1.0, low, high))
    for most, encoded in _PASSES:
        view = View(look, config, image, zoom, encoded)
        found = _typical_diameter(_looks(view, looks, most), image.shape)
        if found is None:
            break
        wanted = float(np.clip(config.predict.diameter / found, low, high))
        if 1 / _SAME < wanted / zoom < _SAME:
            break
        previous, zoom, view = zoom, _with_fewer_tiles(wanted, image.shape, config), None
        if 0.75 < zoom / previous < 1.33:
            break
    return zoom, view


def _with_fewer_tiles(zoom, shape, config):
    """The zoom at most a little below the given one that needs the fewest tiles.

    It is a power of `_STEP`, so that masks which differ in their last bits, as from another runtime, seldom lead to
    another zoom.
    """
    last = math.floor(math.log(zoom, _STEP) + 1e-9)
    lower = [_STEP**power for power in range(last, math.ceil(math.log(zoom * _LOWER, _STEP)) - 1, -1)]
    lower = [one for one in lower if one >= config.predict.zoom_limits[0]] or [zoom]
    return float(min(lower, key=lambda one: len(tile_boxes(shape[:2], config, one))))


def _looks(view, looks, most):
    """Looks at some parts of a view: `looks` random ones, or `most` evenly spread ones."""
    count = len(view.boxes)
    if looks:
        chosen = np.sort(np.random.default_rng(0).permutation(count)[:looks])
    else:
        chosen = np.unique(np.linspace(0, count - 1, most).round().astype(int))
    return view.look_at([view.boxes[i] for i in chosen])


def _typical_diameter(seen, shape):
    """Estimates the typical diameter of the objects, in image pixels, from looks; None if no object is found.

    It is the diameter of a disc with the median area. The median is taken over pixels of objects rather than over
    objects, so that specks found by mistake hardly count.
    """
    areas = []
    for (top, left, *_), labels, _, _ in seen:
        sizes = np.bincount(labels[: shape[0] - top, : shape[1] - left].ravel())[1:]
        areas += list(sizes[sizes > 0])  # an object beside the image has none
    if not areas:
        return None
    areas = np.sort(areas)
    middle = np.searchsorted(np.cumsum(areas), np.sum(areas) / 2)
    return math.sqrt(4 / math.pi * float(areas[middle]))
