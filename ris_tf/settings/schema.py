"""Validate a config before any work starts, and fill in fields that an older config lacks."""

import copy
import difflib

from ml_collections import ConfigDict

from ris_tf.configs import base
from ris_tf.errors import UsageError
from ris_tf.settings import ranges

# Elements of data.augment: those that move pixels (see data/sampling/geometry.py), and those that change pixel values.
MOVES = ("rotation", "flip", "flip_vertical", "scale", "elastic")
CHANGES = ("invert", "copy_paste", "gamma", "contrast", "brightness", "colour", "noise", "blur")


def complete(config):
    """Copies a recorded config and adds the fields it lacks, such as newer ones, with their values in configs/base.py.

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


def extra_sources(config):
    """Names of the data sets listed in `data.extra`, in their order."""
    return [name for name in map(str.strip, config.data.extra.split(",")) if name]


def elements(config):
    """Names of the augmentations listed in `data.augment`, in their order.

    Args:
      config: ConfigDict. An item of `data.augment` may contain several names, as after `--config.data.augment=A,B`.

    Returns:
      tuple of str.
    """
    return tuple(name.strip() for item in config.data.augment for name in item.split(",") if name.strip())


def check(config):
    """Checks all fields of a config.

    Args:
      config: ConfigDict, see configs/base.py.

    Raises:
      UsageError: a field is missing, is out of range or conflicts with another. The message names the field, its value
        and the expected values.
    """
    found = ranges.problem(config, ranges.ALL) or ranges.conflict(config)
    if found:
        raise UsageError(found)
    _check_augment(config)
    if config.model.form == "paper" and config.loss.score_target != "count":
        raise UsageError(
            "loss.score_target is 'uncovered'; expected 'count', because model.form 'paper' has no coverage"
        )
    if config.model.form == "paper" and config.data.view == "focus":
        raise UsageError(
            "data.view is 'focus'; expected 'whole' or 'tiles', because model.form 'paper' predicts no foreground"
        )
    if config.train.clip_norm and config.train.clip_value:
        raise UsageError(
            f"train.clip_value is {config.train.clip_value}; expected 0, because train.clip_norm is not 0; use only one"
        )
    spread = config.train.distribute
    if config.train.jit_compile and (spread == "workers" or (spread == "mirrored" and config.model.form == "attend")):
        raise UsageError(f"train.jit_compile is True; expected False, because train.distribute is {spread!r}")
    model = config.model
    if model.form == "attend" and model.attend.encoder == "mobilenet_v2":
        if model.channels != 3:
            raise UsageError(
                f"model.channels is {model.channels}; expected 3, because attend.encoder 'mobilenet_v2' needs RGB"
            )
        if len(model.attend.widths) != 5:
            raise UsageError(
                f"model.attend.widths is {tuple(model.attend.widths)}; expected 5 widths for attend.encoder "
                "'mobilenet_v2'"
            )
    if model.form == "paper" and model.paper.encoder == "fcn8s" and model.channels != 3:
        raise UsageError(f"model.channels is {model.channels}; expected 3, because paper.encoder 'fcn8s' needs RGB")


def _check_augment(config):
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
                f"expected the elements that move pixels ({', '.join(MOVES)}) before all others"
            )
