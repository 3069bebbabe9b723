"""Training records: the normalised and downscaled images of a data set, cached in memory as far as they fit."""

import math
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from ris_tf.data import foreground
from ris_tf.data.focus import SHARE, object_box
from ris_tf.data.normalize import normalize
from ris_tf.data.sampling.resize import fit_labels, fit_within
from ris_tf.data.synthetic.drawings import Drawing
from ris_tf.settings.schema import elements

_FIRST_READ = 24  # synthetic images of each kind that are generated at the start, to see what they contain


class Records(Sequence):
    """The images of a source as a sequence of training records, normalised and reduced to the scale that is needed.

    A record is {"image": float32 [H, W, C], "labels": int32 [H, W], "zoom": float32 [2], "box": float32 [4], "name":
    str}. For "zoom", see `zoom_range`; for "box", see `focus.object_box`.

    All images are read once at the start, so that an invalid file is reported before any work starts. Synthetic images
    cannot be invalid. Therefore only the first few of each kind are generated at the start, unless `data.count_power`
    needs the number of objects in each. The others are generated when they are first needed, and occur in an epoch as
    often as the median of the first. The first images that fit into `data.memory` MiB stay in memory. All others are
    read or generated again whenever they are needed.

    Args:
      source: list of (name, read), see `sources.open_source`.
      config: config of the run.

    Attributes:
      shares: int [N], how often each image occurs in an epoch, see `share`.
      most: largest number of objects in one image, among the images read at the start.
      pieces: result of `foreground.pieces` for each image read at the start.
      error: the exception raised by the last image that could not be read again later, or None.

    Raises:
      DataError: a file is invalid.
    """

    def __init__(self, source, config):
        self.source, self.config = source, config
        self.shares, self.most, self.error = np.ones(len(source), np.int64), 0, None
        self.pieces = []
        self._kept, self._room = {}, config.data.memory * 2**20
        drawn = {}  # {kind of synthetic images: the shares of those that were generated}
        for index, (_, read) in enumerate(tqdm(source, "reading", leave=False)):
            shares = drawn.setdefault(read.kind, []) if isinstance(read, Drawing) else []
            if len(shares) == _FIRST_READ and not config.data.count_power:
                self.shares[index] = np.median(shares)
                continue
            record = self[index]
            self.shares[index] = share(record["labels"], record["zoom"], config)
            shares.append(self.shares[index])
            self.most = max(self.most, np.unique(record["labels"][record["labels"] > 0]).size)
            self.pieces.append(foreground.pieces(record["labels"]))

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index in self._kept:
            return self._kept[index]
        try:
            record = self._read(index)
        except Exception as error:  # kept, because tf.data replaces it by an exception of its own
            self.error = error
            raise
        size = record["image"].nbytes + record["labels"].nbytes
        if self._room >= size:
            self._room -= size
            self._kept[index] = record
        return record

    def _read(self, index):
        name, read = self.source[index]
        image, labels = read()
        image, config = normalize(image, self.config.model.channels), self.config
        if config.data.view == "whole":
            image, labels = fit_within(image, config.model.size), fit_labels(labels, config.model.size)
        zoom = zoom_range(labels, config)
        # Bilinear sampling would alias if it reduced the image this much, so the image is first reduced by area.
        if zoom[1] < (0.9 if config.data.view == "focus" else 0.6):
            sharpest = zoom[1] * (1.0 if config.data.view == "focus" else 1.2)
            size = [max(1, round(length * sharpest)) for length in labels.shape]
            image, labels = fit_within(image, size), fit_labels(labels, size)
            zoom = zoom_range(labels, config)
        image, labels = image.astype(np.float32, copy=False), labels.astype(np.int32, copy=False)
        box = np.float32(object_box(labels))
        return {"image": image, "labels": labels, "zoom": np.float32(zoom), "box": box, "name": name}


def areas_of(labels):
    """Areas of the objects of a label map, integer [H, W], in pixels: int [n]."""
    areas = np.bincount(np.maximum(labels, 0).ravel())[1:]
    return areas[areas > 0]


def median_diameter(areas):
    """Diameter of a disc that has the median of some areas, float."""
    return math.sqrt(4 / math.pi * float(np.median(areas)))


def zoom_range(labels, config):
    """Range of the random scale of one image, (low, high), in network pixels per image pixel.

    - "whole": `data.scale`, or 1 without the augmentation "scale".
    - "focus": the first number shows the whole image, the second shows all objects closely.
    - "tiles": scales the median diameter of the objects to within `data.diameter`, but never so small that a crop is
      expected to contain more than 0.7 `model.steps` objects.

    Args:
      labels: int [H, W].
      config: config of the run.
    """
    if config.data.view == "whole":
        return tuple(config.data.scale) if "scale" in elements(config) else (1.0, 1.0)
    if config.data.view == "focus":
        whole = min(length / side for length, side in zip(config.model.size, labels.shape, strict=True))
        top, left, bottom, right = object_box(labels)
        height, width = config.model.size
        closest = SHARE * min(height / max(bottom - top, 1), width / max(right - left, 1))
        return whole, float(max(whole, min(closest, config.predict.zoom_limits[1])))
    areas = areas_of(labels)
    if not areas.size:
        return 0.7, 1.4
    diameter = median_diameter(areas)
    side = math.sqrt(config.model.size[0] * config.model.size[1])
    fits = side * math.sqrt(areas.size / (0.7 * config.model.steps * labels.size))
    low = max(config.data.diameter[0] / diameter, fits)
    return low, max(low, config.data.diameter[1] / diameter)


def share(labels, zoom, config):
    """How often an image occurs in an epoch, at least once.

    In the view "tiles", this is the number of crops that cover the image, raised to the power `data.crop_power`. In the
    other views, it is the number of objects in the image, raised to the power `data.count_power`.

    Args:
      labels: int [H, W].
      zoom: see `zoom_range`.
      config: config of the run.
    """
    if config.data.view != "tiles":
        objects = np.unique(labels[labels > 0]).size
        return max(1, round(float(objects) ** config.data.count_power))
    crops = labels.size * zoom[0] * zoom[1] / (config.model.size[0] * config.model.size[1])
    return max(1, round(crops**config.data.crop_power))
