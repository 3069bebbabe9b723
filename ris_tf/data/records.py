"""The images of a data set as training needs them, in memory as far as they fit there."""

import math
from collections.abc import Sequence

import numpy as np
from tqdm import tqdm

from ris_tf import foreground
from ris_tf.data.normalize import normalize
from ris_tf.data.resize import fit_labels, fit_within
from ris_tf.data.synthetic import Drawing
from ris_tf.focus import SHARE, object_box
from ris_tf.settings import elements

_LOOKED_AT = 100  # drawn images at least, to learn how many objects they hold


class Records(Sequence):
    """Every image of a source, normalised and at the scale that training needs, as a list of records.

    A record is {"image": float32 [H, W, C], "labels": int32 [H, W], "zoom": float32 [2], "box": float32 [4], "name":
    str}; "zoom" as of `zoom_range`, "box" as of `focus.object_box`. All images are read once at the start, so that a
    wrong one is told before any work; of drawn ones, which cannot be wrong, those that memory holds and the first
    hundred, unless an epoch has some of them more often than others. The first that fit into `data.memory` stay in
    memory; the others are read, or drawn, whenever they are asked for.

    Args:
      source: list of (name, read), see `pipeline.open_source`.
      config: of the run.

    Attributes:
      shares: int [N], how often each image is drawn in an epoch, see `share`.
      most: the largest number of objects in one image of those read at the start.
      pieces: what `foreground.pieces` finds in each of these.
      error: DataError of the file that could not be read again, or None.

    Raises:
      DataError: a file is wrong.
    """

    def __init__(self, source, config):
        self.source, self.config = source, config
        self.shares, self.most, self.error = np.ones(len(source), np.int64), 0, None
        self.pieces = []
        self._kept, room = {}, config.data.memory * 2**20
        alike = shares_alike(config)
        for index, (_, read) in enumerate(tqdm(source, "reading", leave=False)):
            if alike and room < 0 and index >= _LOOKED_AT and isinstance(read, Drawing):
                continue
            record = self._read(index)
            self.shares[index] = share(record["labels"], record["zoom"], config)
            self.most = max(self.most, np.unique(record["labels"][record["labels"] > 0]).size)
            self.pieces.append(foreground.pieces(record["labels"]))
            room -= record["image"].nbytes + record["labels"].nbytes
            if room >= 0:
                self._kept[index] = record

    def __len__(self):
        return len(self.source)

    def __getitem__(self, index):
        if not 0 <= index < len(self):
            raise IndexError(index)
        if index in self._kept:
            return self._kept[index]
        try:
            return self._read(index)
        except Exception as error:  # tf.data tells of it in words of its own
            self.error = error
            raise

    def _read(self, index):
        name, read = self.source[index]
        image, labels = read()
        image, config = normalize(image, self.config.model.channels), self.config
        if config.data.view == "whole":
            image, labels = fit_within(image, config.model.size), fit_labels(labels, config.model.size)
        zoom = zoom_range(labels, config)
        if zoom[1] < (0.9 if config.data.view == "focus" else 0.6):  # too large for bilinear sampling: reduce by area
            sharpest = zoom[1] * (1.0 if config.data.view == "focus" else 1.2)
            size = [max(1, round(length * sharpest)) for length in labels.shape]
            image, labels = fit_within(image, size), fit_labels(labels, size)
            zoom = zoom_range(labels, config)
        image, labels = image.astype(np.float32, copy=False), labels.astype(np.int32, copy=False)
        box = np.float32(object_box(labels))
        return {"image": image, "labels": labels, "zoom": np.float32(zoom), "box": box, "name": name}


def zoom_range(labels, config):
    """Range of the random scale of one image: network pixels per image pixel.

    In "focus" the first shows the whole image, the second all objects closely. In "tiles" the median object's diameter
    comes within `data.diameter`, and a crop holds the step budget at most.
    """
    if config.data.view == "whole":
        return tuple(config.data.scale) if "scale" in elements(config) else (1.0, 1.0)
    if config.data.view == "focus":
        whole = min(length / side for length, side in zip(config.model.size, labels.shape, strict=True))
        top, left, bottom, right = object_box(labels)
        height, width = config.model.size
        closest = SHARE * min(height / max(bottom - top, 1), width / max(right - left, 1))
        return whole, float(np.clip(closest, whole, config.predict.zoom_limits[1]))
    areas = np.bincount(np.maximum(labels, 0).ravel())[1:]
    areas = areas[areas > 0]
    if not areas.size:
        return 0.7, 1.4
    diameter = math.sqrt(4 / math.pi * float(np.median(areas)))
    side = math.sqrt(config.model.size[0] * config.model.size[1])
    fits = side * math.sqrt(areas.size / (0.7 * config.model.steps * labels.size))
    low = max(config.data.diameter[0] / diameter, fits)
    return low, max(low, config.data.diameter[1] / diameter)


def share(labels, zoom, config):
    """How often an image is drawn in an epoch: at least once.

    In "tiles" the number of crops that cover it to the power of `data.crop_power`; otherwise its number of objects to
    the power of `data.count_power`.
    """
    if config.data.view != "tiles":
        objects = np.unique(labels[labels > 0]).size
        return max(1, round(float(objects) ** config.data.count_power))
    crops = labels.size * zoom[0] * zoom[1] / (config.model.size[0] * config.model.size[1])
    return max(1, round(crops**config.data.crop_power))


def shares_alike(config):
    """Whether `share` is 1 whatever the image."""
    return config.data.view != "tiles" and not config.data.count_power
