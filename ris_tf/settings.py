"""Checks the fields of a config before any work is done."""

import copy
import difflib

from ml_collections import ConfigDict

from ris_tf import ranges
from ris_tf.configs import base
from ris_tf.errors import UsageError

MOVES = ("rotation", "flip", "flip_vertical", "scale", "elastic")  # elements of data.augment, see data/geometry.py
CHANGES = ("invert", "copy_paste", "gamma", "contrast", "brightness", "colour", "noise", "blur")  # of pixels' values


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


def extra_sources(config):
    """Names of the data sets that `data.extra` lists, in their order."""
    return [name for name in map(str.strip, config.data.extra.split(",")) if name]


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
    found = ranges.problem(config, ranges.ALL) or ranges.conflict(config)
    if found:
        raise UsageError(found)
    _check_augment(config)
    if config.model.form == "paper" and config.loss.score_target != "count":
        raise UsageError("loss.score_target is 'uncovered'; expected 'count', for model.form 'paper' has no coverage")
    if config.model.form == "paper" and config.data.view == "focus":
        raise UsageError(
            "data.view is 'focus'; expected 'whole' or 'tiles', for model.form 'paper' finds no foreground"
        )
    if config.train.clip_norm and config.train.clip_value:
        raise UsageError(f"train.clip_value is {config.train.clip_value}; expected 0 while train.clip_norm is not")
    spread = config.train.distribute
    if config.train.jit_compile and (spread == "workers" or (spread == "mirrored" and config.model.form == "attend")):
        raise UsageError(f"train.jit_compile is True; expected False while train.distribute is {spread!r}")
    model = config.model
    if model.form == "attend" and model.attend.encoder == "mobilenet_v2":
        if model.channels != 3:
            raise UsageError(
                f"model.channels is {model.channels}; expected 3, for attend.encoder 'mobilenet_v2' reads colours"
            )
        if len(model.attend.widths) != 5:
            raise UsageError(
                f"model.attend.widths is {tuple(model.attend.widths)}; expected 5 for attend.encoder 'mobilenet_v2'"
            )
    if model.form == "paper" and model.paper.encoder == "fcn8s" and model.channels != 3:
        raise UsageError(f"model.channels is {model.channels}; expected 3, for paper.encoder 'fcn8s' reads colours")


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
                f"expected what moves pixels ({', '.join(MOVES)}) before all others"
            )
