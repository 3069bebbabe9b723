"""An image at one zoom, in overlapping parts of the size that the network sees.

A small image is encoded as a whole, and its parts are windows of its feature maps. A larger image is cut into tiles,
each of which is encoded by itself; this takes about twice as long, because tiles overlap, but not more memory.
"""

import itertools
import math

from ris_tf.inference.looks import look_at, resolve, tile_boxes
from ris_tf.inference.resampling import background, sample
from ris_tf.inference.tiling import tile_grid

_LARGEST = 2**20  # network pixels of an image that is encoded as a whole
_GRID = 8  # network pixels per cell of the coarsest map; windows begin at its cells
_BATCH = 8  # windows per call of the network


class View:
    """The parts of an image at a zoom. Without a CRF, each part is looked at once at most.

    Args:
      look, config: see `prediction.predict_instances`.
      image: see `zoom.zoom_of`.
      zoom: network pixels per image pixel.
      tiles: the image is encoded as a whole if that takes no more time than this number of tiles; None for no limit.

    Attributes:
      zoom: as given.
      boxes: list of (top, left, height, width), the parts in pixels of the image, row by row.
    """

    def __init__(self, look, config, image, zoom, tiles=None):
        self.zoom, self._given, self._seen = zoom, (look, config, image), {}
        self._at = self._encoded(tiles) if getattr(look, "multiple", 0) else None
        self._windows = self._cut() if self._at else {}
        self.boxes = list(self._windows) or tile_boxes(image.shape[:2], config, zoom)

    def complete(self):
        """The view from which all parts are needed: encoded as a whole, however long it takes, if memory allows."""
        whole = self if self._at else View(*self._given, self.zoom)
        return whole if whole._at else self

    def look_at(self, boxes, crf=False):
        """Looks at some of `boxes`; yields the same as `looks.look_at`."""
        if crf:
            yield from self._fresh(boxes, crf)
            return
        fresh = self._fresh([box for box in boxes if box not in self._seen])
        for box in boxes:
            if box not in self._seen:
                self._seen[box] = next(fresh)
            yield self._seen[box]

    def _fresh(self, boxes, crf=False):
        look, config, image = self._given
        if not self._at:
            yield from look_at(look, config, image, boxes, crf)
            return
        for start in range(0, len(boxes), _BATCH):
            part = boxes[start : start + _BATCH]
            found = self._at([self._windows[box] for box in part])
            for box, masks, scores in zip(part, *found, strict=True):
                exact = [at / self.zoom for at in (*self._windows[box], *config.model.size)]
                inner = exact[0] - box[0], exact[1] - box[1], *exact[2:]
                crop = sample(image, box, box[2:], background(image, box)) if crf else None
                yield box, *resolve(masks, scores, box[2:], config.predict, crop, inner)

    def _encoded(self, tiles):
        """Encodes the whole image; returns the function that looks at windows, or None if it is too large."""
        look, config, image = self._given
        size = config.model.size
        height, width = (_up(max(n, least), look.multiple) for n, least in zip(self._shape(), size, strict=True))
        if height * width > min(_LARGEST, math.prod(size) * (tiles or math.inf)):
            return None
        box = (0, 0, height / self.zoom, width / self.zoom)
        return look.across(sample(image, box, (height, width), background(image, box)))

    def _cut(self):
        """Windows that cover the image: {box in pixels of the image: (top, left) in network pixels}."""
        config, starts = self._given[1], []
        for length, side in zip(self._shape(), config.model.size, strict=True):
            overlap = min(math.ceil(config.predict.overlap / _GRID), side // _GRID - 1)
            cells = tile_grid(math.ceil(length / _GRID), side // _GRID, overlap)
            starts.append([_GRID * cell for cell in cells])
        return {self._box(window): window for window in itertools.product(*starts)}

    def _box(self, window):
        """The pixels of the image that a window covers, at least in part."""
        spans = [
            (math.floor(at / self.zoom), math.ceil((at + side) / self.zoom))
            for at, side in zip(window, self._given[1].model.size, strict=True)
        ]
        return *(low for low, _ in spans), *(high - low for low, high in spans)

    def _shape(self):
        """Height and width of the image in network pixels, float."""
        return [length * self.zoom for length in self._given[2].shape[:2]]


def _up(length, multiple):
    """The least multiple that is not smaller than a length."""
    return multiple * math.ceil(length / multiple)
