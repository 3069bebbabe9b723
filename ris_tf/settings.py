"""Checks the fields of a config before any work is done."""

import copy
import difflib
import numbers

from ml_collections import ConfigDict

from ris_tf.configs import base
from ris_tf.errors import UsageError

MOVES = ("rotation", "flip", "flip_vertical", "scale", "elastic")  # elements of data.augment, see data/geometry.py
CHANGES = ("copy_paste", "gamma", "contrast", "brightness", "colour", "noise", "blur")  # data/colours.py, copy_paste.py

_CHOICES = {
    "model.form": ("attend", "paper"),
    "model.channels": (1, 3),
    "data.view": ("whole", "focus", "tiles"),
    "data.padding": ("edge", "mean"),
    "loss.score_target": ("count", "uncovered"),
    "train.precision": ("float32", "mixed_bfloat16", "mixed_float16"),
    "train.matcher": ("scipy", "graph"),
    "train.jit_compile": (False, True),
    "train.recompute": (False, True),
    "train.deterministic": (False, True),
    "train.distribute": ("one", "mirrored"),
    "predict.overlap_rule": ("best", "first"),
}
_LEAST = {  # smallest value allowed
    "model.steps": 1,
    "data.max_instances": 1,
    "data.min_area": 1,
    "data.synthetic_images": 1,
    "data.synthetic_size": 32,
    "data.rotation": 0,
    "data.brightness": 0,
    "data.contrast": 0,
    "data.gamma": 0,
    "data.noise": 0,
    "loss.score": 0,
    "loss.extra_steps": 0,
    "loss.matching_attention": 0,
    "loss.attention": 0,
    "loss.query": 0,
    "loss.queries": 1,
    "loss.auxiliary": 0,
    "train.batch": 1,
    "train.steps": 1,
    "train.learning_rate": 0,
    "train.warmup": 0,
    "train.weight_decay": 0,
    "train.clip_norm": 0,
    "train.clip_value": 0,
    "train.unroll": 0,
    "train.evaluate_every": 1,
    "train.validation_images": 1,
    "curriculum.start": 0,
    "curriculum.increase": 1,
    "curriculum.patience": 1,
    "curriculum.tolerance": 0,
    "predict.min_area": 1,
    "predict.overlap": 0,
    "predict.diameter": 1,
}
_SHARES = (  # within [0, 1]
    "data.colour",
    "data.extra_share",
    "data.held_out",
    "data.shift",
    "train.final_learning_rate",
    "train.ema",
    "train.forcing_until",
    "curriculum.smoothing",
    "predict.score_threshold",
    "predict.mask_threshold",
    "predict.min_visible",
)
_MOST = {  # largest value allowed of what must be above 0
    "data.elastic": 15,
    "data.blur": 10,
    "data.copy_paste": 1,
}
_RANGES = ("data.scale", "data.diameter", "predict.zoom_limits")  # (low, high), both above 0


def complete(config):
    """A copy of a recorded config in which fields that came later have the values of configs/base.py.

    Args:
      config: ConfigDict or dict.

    Returns:
      ConfigDict.
    """

    def fill(given, defaults):
        for name, value in defaults.items():
            if name not in given:
                given[name] = copy.deepcopy(value)
            elif isinstance(value, ConfigDict) and isinstance(given[name], ConfigDict):
                fill(given[name], value)
        return given

    given = config.copy_and_resolve_references() if isinstance(config, ConfigDict) else ConfigDict(config)
    with given.unlocked():
        return fill(given, base.get_config())


def elements(config):
    """Names that `data.augment` lists, in their order; one item may hold several, as from `--config.data.augment=A,B`.

    Args:
      config: ConfigDict.

    Returns:
      tuple of str.
    """
    return tuple(name.strip() for item in config.data.augment for name in item.split(",") if name.strip())


def check(config):
    """Checks a whole config.

    Args:
      config: ConfigDict, see configs/base.py.

    Raises:
      UsageError: a field is out of range; the message names it, what it holds and what would be right.
    """
    for name, choices in _CHOICES.items():
        _require(config, name, lambda value, choices=choices: value in choices, f"one of {choices}")
    for name, least in _LEAST.items():
        _require(config, name, lambda value, least=least: _number(value) and value >= least, f"at least {least}")
    for name in _SHARES:
        _require(config, name, lambda value: _number(value) and 0 <= value <= 1, "a number from 0 to 1")
    for name, most in _MOST.items():
        _require(
            config, name, lambda value, most=most: _number(value) and 0 < value <= most, f"above 0, {most} at most"
        )
    for name in _RANGES:
        _require(config, name, lambda value: _pair(value) and 0 < value[0] <= value[1], "(low, high) above 0")
    _require(config, "model.size", lambda value: _pair(value) and min(value) >= 1, "(height, width) in pixels")
    shares = "(from, to), both from 0 to 1"
    _require(config, "train.forcing", lambda value: _pair(value) and min(value) >= 0 and max(value) <= 1, shares)
    _check_augment(config)
    _require(config, "train.ema", lambda value: value < 1, "below 1")
    if config.model.form == "paper" and config.loss.score_target != "count":
        raise UsageError("loss.score_target is 'uncovered'; expected 'count', for model.form 'paper' has no coverage")
    if config.model.form == "paper" and config.data.view == "focus":
        raise UsageError(
            "data.view is 'focus'; expected 'whole' or 'tiles', for model.form 'paper' finds no foreground"
        )
    _require(config.model, "attend.widths", _widths, "four or more: channels at strides 2, 4, 8, ...")
    for field in ("features", "pixel_features", "state", "mask_hidden"):
        _require(config.model, f"attend.{field}", lambda value: _number(value) and value >= 1, "at least 1")
    _require(config.model, "attend.fine_blocks", lambda value: value in range(9), "0 to 8")
    _require(config.model, "attend.window", lambda value: _number(value) and value > 0, "above 0")
    _check_fcn8s(config.model)
    _require(config.predict, "crf.iterations", lambda value: _number(value) and value >= 1, "at least 1")
    for field in ("smooth_weight", "bilateral_weight"):
        _require(config.predict, f"crf.{field}", lambda value: _number(value) and value >= 0, "at least 0")
    for field in ("smooth_distance", "bilateral_distance", "bilateral_colour"):
        _require(config.predict, f"crf.{field}", lambda value: _number(value) and value > 0, "above 0")
    if config.train.clip_norm and config.train.clip_value:
        raise UsageError(f"train.clip_value is {config.train.clip_value}; expected 0 while train.clip_norm is not")
    if config.predict.overlap >= min(config.model.size):
        raise UsageError(f"predict.overlap is {config.predict.overlap}; expected less than model.size")


def _check_augment(config):
    _require(config, "data.augment", _names, f"names of {MOVES + CHANGES}")
    listed = elements(config)
    for place, name in enumerate(listed):
        if name not in MOVES + CHANGES:
            close = difflib.get_close_matches(name, MOVES + CHANGES, 1)
            meant = f"did you mean {close[0]!r}? expected" if close else "expected"
            raise UsageError(f"data.augment lists {name!r}; {meant} any of {', '.join(MOVES + CHANGES)}")
        if name in listed[:place]:
            raise UsageError(f"data.augment lists {name!r} twice; expected each element once")
        if name in MOVES and place and listed[place - 1] in CHANGES:
            raise UsageError(
                f"data.augment lists {name!r} after {listed[place - 1]!r}; "
                f"expected what moves pixels ({', '.join(MOVES)}) before all others"
            )


def _check_fcn8s(model):
    _require(model, "paper.encoder", lambda value: value in ("leaf", "fcn8s"), "'leaf' or 'fcn8s'")
    _require(model, "paper.score_pool", lambda value: value in range(9), "0 to 8")
    _require(model, "fcn8s.widths", lambda value: _whole(value, 5), "the channels of five blocks")
    _require(model, "fcn8s.dense", lambda value: _whole([value], 1), "at least 1")
    _require(model, "fcn8s.weights", lambda value: isinstance(value, str), "'random', 'imagenet' or a file")
    if model.form == "paper" and model.paper.encoder == "fcn8s" and model.channels != 3:
        raise UsageError(f"model.channels is {model.channels}; expected 3, for paper.encoder 'fcn8s' reads colours")


def _require(config, name, right, expected):
    """Raises UsageError unless `right(value)` holds of the field `name`, given as PART.FIELD."""
    part, field = name.split(".")
    if part not in config or field not in config[part]:
        raise UsageError(f"{name} is missing from the config; expected {expected}")
    value = config[part][field]
    if not right(value):
        raise UsageError(f"{name} is {value!r}; expected {expected}")


def _names(value):
    return isinstance(value, (tuple, list)) and all(isinstance(item, str) for item in value)


def _number(value):
    return isinstance(value, numbers.Real) and value == value and abs(value) < float("inf")


def _whole(value, count):
    """Whether `value` holds `count` whole numbers from 1 up."""
    return isinstance(value, (tuple, list)) and len(value) == count and all(v in range(1, 1 << 20) for v in value)


def _widths(value):
    return isinstance(value, (tuple, list)) and len(value) >= 4 and _whole(value, len(value))


def _pair(value):
    return isinstance(value, (tuple, list)) and len(value) == 2 and all(_number(item) for item in value)
