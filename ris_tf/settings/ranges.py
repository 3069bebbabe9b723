"""Allowed values of every config field, for the config of a run and for the record inside an exported file.

This module needs only the standard library, because exported files are also read where little else is installed.
Functions such as `whole` and `number` return a pair (test, description): a function value -> bool, and the text that
follows "expected" in an error message.
"""

import math
import numbers
import re


def whole(low, high):
    """Test for a whole number from `low` to `high`, and its description."""

    def right(value):
        return isinstance(value, numbers.Integral) and not isinstance(value, bool) and low <= value <= high

    return right, f"a whole number from {low} to {high}"


def number(low, high=1e9, above=False):
    """Test for a finite number from `low` to `high`, excluding `low` if `above` is True, and its description."""

    def right(value):
        return _is_number(value) and low <= value <= high and not (above and value == low)

    return right, f"a number {'above' if above else 'from'} {low:g} {'up to' if above else 'to'} {high:g}"


def one_of(*choices):
    """Test for a value that is one of `choices` and has the same type, and its description."""
    return lambda value: any(value == one and type(value) is type(one) for one in choices), f"one of {choices}"


def pair(low, high, words, ordered=False, kind=numbers.Real):
    """Test for two numbers from `low` to `high`, in ascending order if `ordered` is True, and its description.

    Args:
      low, high: smallest and largest allowed number.
      words: start of the description, such as "(low, high)".
      ordered: whether the first number must not exceed the second.
      kind: type of the numbers, numbers.Real or numbers.Integral.
    """

    def right(value):
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            return False
        inside = all(_is_number(one) and isinstance(one, kind) and low <= one <= high for one in value)
        return inside and (not ordered or value[0] <= value[1])

    return right, f"{words} from {low:g} to {high:g}"


def wholes(least, most, high):
    """Test for a list of `least` to `most` whole numbers from 1 to `high`, and its description."""

    def right(value):
        counted = isinstance(value, (tuple, list)) and least <= len(value) <= most
        return counted and all(isinstance(one, numbers.Integral) and 1 <= one <= high for one in value)

    count = f"{least}" if least == most else f"{least} to {most}"
    return right, f"{count} whole numbers from 1 to {high}"


def text():
    """Test for a string, and its description."""
    return lambda value: isinstance(value, str), "text"


def texts():
    """Test for a list of strings, which may be empty, and its description."""
    return lambda value: isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value), "names"


def some_of(*choices):
    """Test for a text of names from `choices`, but not all of them, separated by commas, and its description."""

    def right(value):
        return isinstance(value, str) and (not value.strip() or set(listed(value)) < set(choices))

    return right, f"some of {', '.join(choices)}, separated by commas, but not all"


def listed(value):
    """The names in a text in which they are separated by commas, without spaces around them."""
    return [name.strip() for name in value.split(",") if name.strip()]


def file_name():
    """Test for a string that is a safe file or folder name on every system, and its description."""

    def right(value):
        return isinstance(value, str) and re.fullmatch(r"\w[\w .-]{0,99}", value) is not None

    return right, "1 to 100 letters, digits, spaces, '_', '-' or '.', starting with a letter, digit or '_'"


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


ORIENTATIONS = (1, 2, 4, 8)  # mirrored and rotated passes over an image; 8 includes quarter turns, which need a square
_SHARE, _WEIGHT, _CHANNELS, _SWITCH = number(0, 1), number(0), whole(1, 4096), one_of(False, True)
PREDICT = {  # all fields that prediction with a trained model needs
    "model.channels": one_of(1, 3),
    "model.size": pair(1, 8192, "(height, width) in pixels, whole numbers", kind=numbers.Integral),
    "model.steps": whole(1, 1000),
    "data.view": one_of("whole", "focus", "tiles"),
    "data.padding": one_of("edge", "mean"),
    "predict.score_threshold": _SHARE,
    "predict.mask_threshold": _SHARE,
    "predict.overlap_rule": one_of("best", "first"),
    "predict.min_visible": _SHARE,
    "predict.count_spread": number(0, 1000),
    "predict.orientations": one_of(*ORIENTATIONS),
    "predict.min_area": whole(1, 10**9),
    "predict.overlap": whole(0, 8191),
    "predict.diameter": number(1, 8192),
    "predict.zoom_limits": pair(1 / 64, 64, "(low, high)", ordered=True),
    "predict.crf.iterations": whole(1, 1000),
    "predict.crf.smooth_weight": _WEIGHT,
    "predict.crf.smooth_distance": number(0, above=True),
    "predict.crf.bilateral_weight": _WEIGHT,
    "predict.crf.bilateral_distance": number(0, above=True),
    "predict.crf.bilateral_colour": number(0, above=True),
}
EXPORTED = {  # all fields that are read from an exported file; evaluation opens the data in the same way as training
    **PREDICT,
    "name": file_name(),
    "data.category": text(),
    "data.held_out": number(0, 0.9),
    "data.synthetic_size": whole(32, 8192),
    "export.multiple": whole(0, 2**12),  # see `inference.looks.Look`
}
ALL = {
    **{name: allowed for name, allowed in EXPORTED.items() if not name.startswith("export.")},
    "seed": whole(0, 2**31 - 1),
    "model.form": one_of("attend", "paper"),
    "model.attend.encoder": one_of("own", "mobilenet_v2"),
    "model.attend.widths": wholes(4, 8, 4096),
    "model.attend.features": _CHANNELS,
    "model.attend.pixel_features": _CHANNELS,
    "model.attend.fine_blocks": whole(0, 8),
    "model.attend.residual_blocks": whole(0, 8),
    "model.attend.state": _CHANNELS,
    "model.attend.mask_hidden": _CHANNELS,
    "model.attend.window": number(0, above=True),
    "model.mobilenet_v2.weights": text(),
    "model.paper.filters": _CHANNELS,
    "model.paper.layers": whole(1, 8),
    "model.paper.reduction": whole(1, 64),
    "model.paper.init_range": number(0),
    "model.paper.encoder": one_of("leaf", "fcn8s"),
    "model.paper.score_pool": whole(0, 8),
    "model.fcn8s.widths": wholes(5, 5, 4096),
    "model.fcn8s.dense": whole(1, 16384),
    "model.fcn8s.weights": text(),
    "data.max_instances": whole(1, 10000),
    "data.min_area": whole(1, 10**9),
    "data.scale": pair(1e-3, 1e3, "(low, high)", ordered=True),
    "data.diameter": pair(1e-3, 1e5, "(low, high)", ordered=True),
    "data.augment": texts(),
    "data.rotation": number(0),
    "data.shift": _SHARE,
    "data.count_power": _SHARE,
    "data.crop_power": _SHARE,
    "data.brightness": _WEIGHT,
    "data.contrast": _WEIGHT,
    "data.gamma": _WEIGHT,
    "data.colour": _SHARE,
    "data.noise": _WEIGHT,
    "data.elastic": number(0, 15, above=True),
    "data.blur": number(0, 10, above=True),
    "data.copy_paste": number(0, 1, above=True),
    "data.invert": number(0, 1, above=True),
    "data.extra": text(),
    "data.extra_share": _SHARE,
    "data.synthetic_images": whole(1, 10**6),
    "data.memory": whole(0, 10**9),
    "loss.score": _WEIGHT,
    "loss.score_target": one_of("count", "uncovered"),
    "loss.extra_steps": whole(0, 1000),
    "loss.matching_attention": _WEIGHT,
    "loss.attention": _WEIGHT,
    "loss.query": _WEIGHT,
    "loss.queries": whole(1, 10000),
    "loss.auxiliary": _WEIGHT,
    "train.batch": whole(1, 4096),
    "train.steps": whole(1, 10**9),
    "train.learning_rate": _WEIGHT,
    "train.final_learning_rate": _SHARE,
    "train.warmup": whole(0, 10**9),
    "train.weight_decay": _WEIGHT,
    "train.clip_norm": _WEIGHT,
    "train.clip_value": _WEIGHT,
    "train.ema": number(0, 0.999999),
    "train.forcing": pair(0, 1, "(from, to), both"),
    "train.forcing_until": _SHARE,
    "train.midway": _SHARE,
    "train.unroll": whole(0, 1000),
    "train.freeze": some_of("encoder", "recurrence", "mask"),
    "train.precision": one_of("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "train.matcher": one_of("scipy", "graph"),
    "train.jit_compile": _SWITCH,
    "train.recompute": _SWITCH,
    "train.deterministic": _SWITCH,
    "train.distribute": one_of("one", "mirrored", "workers"),
    "train.evaluate_every": whole(1, 10**9),
    "train.validation_images": whole(1, 10**6),
    "train.evaluate_start": _SWITCH,
    "train.validation_extra": _SWITCH,
    "curriculum.start": whole(0, 1000),
    "curriculum.increase": whole(1, 1000),
    "curriculum.patience": whole(1, 10**9),
    "curriculum.tolerance": _WEIGHT,
    "curriculum.smoothing": number(0, 0.999999),
}


def problem(fields, ranges):
    """Finds the first field of a config that is missing or out of range.

    Args:
      fields: nested mapping, {"model": {"steps": 20, ...}, ...}.
      ranges: EXPORTED or ALL. Fields that are not listed there are not checked.

    Returns:
      str that names the field, its value and the expected values, or None if all fields are valid.
    """
    for name, (right, expected) in ranges.items():
        value, found = fields, True
        for part in name.split("."):
            found = found and hasattr(value, "keys") and part in value
            value = value[part] if found else None
        if not found:
            return f"{name} is missing from the config; expected {expected}"
        if not right(value):
            said = " ".join(repr(value).split())
            return f"{name} is {said if len(said) <= 60 else said[:57] + '...'}; expected {expected}"
    return None


def conflict(fields):
    """Finds a conflict between two fields of PREDICT, each of which is valid on its own.

    Args:
      fields: same as in `problem`.

    Returns:
      str as returned by `problem`, or None.
    """
    size, predict = fields["model"]["size"], fields["predict"]
    if predict["overlap"] >= min(size):
        return f"predict.overlap is {predict['overlap']}; expected less than both sides of model.size"
    if predict["orientations"] not in orientations_of(size):
        found = predict["orientations"]
        return f"predict.orientations is {found}; expected 1, 2 or 4, because model.size is not square"
    return None


def prediction_fields(config):
    """The fields of PREDICT with their values in a config: {name: value}, with lists in place of tuples as in JSON."""
    found = {}
    for name in PREDICT:
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        found[name] = list(value) if isinstance(value, tuple | list) else value
    return found


def orientations_of(size):
    """The values of ORIENTATIONS that are possible for a network with the input size (height, width)."""
    return ORIENTATIONS if size[0] == size[1] else ORIENTATIONS[:3]
