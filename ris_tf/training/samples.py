"""Data of a training run: its training images, those of extra data sets, and the validation images."""

from typing import NamedTuple

import numpy as np
from absl import logging

from ris_tf.data import foreground
from ris_tf.data.sampling.records import Records
from ris_tf.data.sources import open_source
from ris_tf.errors import DataError, NoSplit
from ris_tf.settings import schema
from ris_tf.wording import counted

_FEW = 5  # validation images; with fewer, the best model is chosen by chance


class Samples(NamedTuple):
    source: Records  # training images of --data
    extra: Records  # training images of data.extra
    held_out: list  # [(image, labels)], validation images


def read(data, config):
    """Opens and checks all data that a run reads; warns about anything that would surprise the user later.

    Args:
      data: folder or "synthetic:KIND", see `sources.open_source`.
      config: config of the run.

    Returns:
      Samples.

    Raises:
      DataError: a file or folder is invalid, or there is no training image.
    """
    arguments = {"size": config.data.synthetic_size, "seed": config.seed, "category": config.data.category}
    arguments |= {"held_out": config.data.held_out, "images": config.data.synthetic_images}
    opened = open_source(data, "train", **arguments)
    if not opened:
        raise DataError(f"{data}: the split 'train' holds no image; expected at least one")
    source, further = Records(opened, config), []
    for name in schema.extra_sources(config):
        further += open_source(name, "train", **arguments)
    extra = Records(further, config)
    held_out = held_out_of(data, config)
    for warning in _warnings(config, source, extra, held_out):
        logging.warning("%s: %s", data, warning)
    return Samples(source, extra, held_out)


def _warnings(config, source, extra, held_out):
    """Yields a line for each thing about the images of a run that would surprise the user later."""
    if warning := foreground.warning(source.pieces):
        yield warning
    steps = config.model.steps
    if config.data.view != "tiles" and source.most > steps:
        most = counted(source.most, "object")
        yield f"an image holds {most}, but the network finds at most {steps}; raise model.steps"
    nothing = "holds an object, so the network learns to find nothing; check the label maps"
    if not source.most:
        yield f"no training image {nothing}"
    if len(extra) and not extra.most:
        yield f"no image of data.extra {nothing}"
    if held_out and not any((labels > 0).any() for _, labels in held_out):
        yield "no validation image holds an object, so the best model cannot be told; check the label maps"
    if 0 < len(held_out) < min(_FEW, config.train.validation_images):
        few = counted(len(held_out), "validation image")
        yield f"only {few}, and the best model is chosen on so little; keep {_FEW} or more"


def held_out_of(data, config):
    """Reads validation images from the splits "val": at most `train.validation_images`, evenly chosen from each split.

    With `train.validation_extra`, a share `data.extra_share` of them comes from the extra data sets, in equal parts.

    Returns:
      list of (image, labels).
    """
    limit = config.train.validation_images
    extra = schema.extra_sources(config) if config.train.validation_extra else []
    part = int(limit * config.data.extra_share / max(len(extra), 1))
    arguments = {"seed": config.seed, "category": config.data.category, "held_out": config.data.held_out}
    held_out = []
    for name, most in [(data, limit - part * len(extra)), *((name, part) for name in extra)]:
        if not most:
            continue
        try:
            opened = open_source(name, "val", config.data.synthetic_size, most, **arguments)
            if not opened:
                raise NoSplit(f"{name}: the split 'val' holds no image")
        except NoSplit as error:
            instead = "only the other data sets validate" if extra else "the last weights are kept as the best"
            logging.warning("%s; %s", error, instead)
            continue
        chosen = np.unique(np.linspace(0, len(opened) - 1, min(most, len(opened))).round().astype(int))
        held_out += [opened[i][1]() for i in chosen]
    return held_out
