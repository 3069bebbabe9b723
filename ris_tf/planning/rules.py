"""The rules by which a config is made for a data set, one per decision, each with its reason.

The numbers are first choices. They were tried on four kinds of data, see docs/research/self-configured.md.
"""

import copy
import math
from typing import NamedTuple

from ris_tf.data.focus import SHARE

_MOST_STEPS = 40  # objects that one look may have to find; with more, the time of a step and the errors add up
_THICK, _LEAST_SIDE, _MOST_SIDE = 16, 256, 384  # network pixels
_FOCUS = 0.5  # share of the image in the box around all objects, below which a closer look pays
_BEYOND = 1.5  # factor by which objects may be larger or smaller than in any training image
_CRUMB = 0.5  # share of a small object's area, below which something found is no object
_FEW = 100  # images; with fewer, more augmentation


class Decision(NamedTuple):
    """A field of the config, its value, and the reason, a phrase that follows "because"."""

    field: str
    value: object
    reason: str


def decide(traits, has_val):
    """Decides every field that depends on the data, apart from the length of the training.

    Args:
      traits: Traits.
      has_val: whether the data has a split "val".

    Returns:
      list of Decision.
    """
    decisions = _view(traits)
    if not has_val:
        decisions.append(Decision("data.held_out", 0.2, "the data has no split val"))
    if traits.images < _FEW:
        augment = "rotation", "flip", "scale", "elastic", "gamma", "contrast", "brightness", "colour", "noise"
        decisions.append(Decision("data.augment", augment, f"{traits.images} images need much augmentation"))
    area = max(1, round(traits.least * _CRUMB))
    decisions += [
        Decision("predict.min_area", area, f"of 50 objects, 49 are larger than {traits.least:.0f} pixels"),
        *from_trained(),
    ]
    return decisions


def from_trained():
    """The fields of a training that starts from trained weights of the form "attend": list of Decision."""
    short, trained = "short passes that start midway learn faster", "the weights are trained already"
    return [
        Decision("train.unroll", 6, short),
        Decision("train.midway", 0.75, short),
        Decision("train.forcing_until", 0.1, trained),
        Decision("train.learning_rate", 2e-3, trained),
        Decision("train.warmup", 100, trained),
    ]


def _view(traits):
    """How the network sees an image: the view, the channels, the size of its input, and what depends on them."""
    extent = math.sqrt(traits.height * traits.width)
    focus = traits.box < _FOCUS
    seen = extent * math.sqrt(traits.box) / SHARE if focus else extent
    if traits.most > _MOST_STEPS * 0.85:
        return _tiles(traits, f"an image holds up to {traits.most} objects")
    side = seen * _THICK / traits.thickness
    if side > 2 * _MOST_SIDE:
        return _tiles(traits, f"objects are only {traits.thickness:.0f} pixels thick in images of {extent:.0f} pixels")
    side = min(max(side, _LEAST_SIDE), _MOST_SIDE)
    steps = math.ceil(1.15 * traits.most) + 2
    kind = (
        ("focus", f"the objects are in {traits.box:.0%} of the image") if focus else ("whole", "objects are all over")
    )
    shape = (1, 1) if focus else (traits.height / extent, traits.width / extent)
    size = tuple(32 * max(3, round(side * length / 32)) for length in shape)
    thick = traits.thickness * side / seen
    return [
        Decision("data.view", *kind),
        Decision(
            "model.channels", 3 if traits.colour else 1, f"the images are {'coloured' if traits.colour else 'grey'}"
        ),
        Decision("model.size", size, f"the typical object is then {thick:.0f} pixels thick"),
        Decision("model.steps", steps, f"an image holds up to {traits.most} objects"),
        Decision("data.max_instances", traits.most + 8, f"an image holds up to {traits.most} objects"),
        Decision("train.batch", 4 if math.prod(size) <= 320 * 320 else 2, "memory and time of a step"),
        Decision("data.scale", (0.8, 1.1) if focus else (0.75, 1.2), "the closer look has the right scale already")
        if focus
        else Decision("data.shift", 0.1, "objects may lie anywhere"),
    ]


def _tiles(traits, reason):
    """The view "tiles": the network sees parts of the image at a zoom that gives objects the same size."""
    large = traits.diameter >= 40
    side, diameter = (192, 39.0) if large else (128, 26.0)
    limits = diameter / traits.largest / _BEYOND, diameter / traits.smallest * _BEYOND
    limits = tuple(min(max(round(limit, 4), 1 / 64), 64.0) for limit in limits)
    size = f"the typical object has a diameter of {traits.diameter:.0f} pixels"
    return [
        Decision("data.view", "tiles", reason),
        Decision("model.channels", 1, "the trained weights for tiles are for grey images"),
        Decision("model.size", (side, side), size),
        Decision("model.steps", 24, "a tile holds about a dozen objects"),
        Decision("data.max_instances", 48, "a tile holds about a dozen objects"),
        Decision("data.min_area", 8, "tiles cut objects"),
        Decision("data.diameter", (round(9 * diameter / 26, 1), round(40 * diameter / 26, 1)), size),
        Decision("predict.diameter", diameter, size),
        Decision("predict.zoom_limits", limits, f"median diameters are {traits.smallest:.0f} to {traits.largest:.0f}"),
        Decision("predict.overlap", round(1.6 * diameter), "an object fits into what two tiles share"),
        Decision("train.batch", 12 if side == 128 else 6, "memory and time of a step"),
        Decision("loss.extra_steps", 4, "the network must learn to stop on background"),
    ]


def candidates(config):
    """Presets whose weights fit a config, most similar first.

    Args:
      config: ConfigDict.
    """
    if config.data.view == "tiles":
        return ["nuclei", "blobs"]
    return ["rosettes"] if config.model.channels == 3 else ["worms", "blobs", "nuclei"]


def thresholds(name, predict):
    """The thresholds of a preset, with which a run that starts from its weights begins.

    Args:
      name: name of the preset.
      predict: dict, `predict` in the config of the preset.

    Returns:
      list of Decision.
    """
    fields = "score_threshold", "mask_threshold"
    reason = f"found for {name}; found anew at the end"
    return [Decision(f"predict.{field}", predict[field], reason) for field in fields]


def applied(config, decisions):
    """A copy of a config with the decided values."""
    config = copy.deepcopy(config)
    config.update_from_flattened_dict({field: value for field, value, _ in decisions})
    return config
