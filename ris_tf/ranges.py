"""The values that each field of a config may have: of a run's config, and of the record inside an exported file.

Standard library only: exported files are read where there is little else.
"""

import math
import numbers
import re


def whole(low, high):
    """Test of a whole number from `low` to `high`, and its words."""

    def right(value):
        return isinstance(value, numbers.Integral) and not isinstance(value, bool) and low <= value <= high

    return right, f"a whole number from {low} to {high}"


def number(low, high=1e9, above=False):
    """Test of a number from `low` to `high`, without `low` itself if `above`, and its words."""

    def right(value):
        return _is_number(value) and low <= value <= high and not (above and value == low)

    return right, f"a number {'above' if above else 'from'} {low:g} {'up to' if above else 'to'} {high:g}"


def one_of(*choices):
    """Test of a value among `choices`, of the same type, and its words."""
    return lambda value: any(value == one and type(value) is type(one) for one in choices), f"one of {choices}"


def pair(low, high, words, ordered=False, kind=numbers.Real):
    """Test of two numbers from `low` to `high`, ascending if `ordered`, and its words."""

    def right(value):
        if not isinstance(value, (tuple, list)) or len(value) != 2:
            return False
        inside = all(_is_number(one) and isinstance(one, kind) and low <= one <= high for one in value)
        return inside and (not ordered or value[0] <= value[1])

    return right, f"{words} from {low:g} to {high:g}"


def wholes(least, most, high):
    """Test of `least` to `most` whole numbers from 1 to `high`, and its words."""

    def right(value):
        counted = isinstance(value, (tuple, list)) and least <= len(value) <= most
        return counted and all(isinstance(one, numbers.Integral) and 1 <= one <= high for one in value)

    count = f"{least}" if least == most else f"{least} to {most}"
    return right, f"{count} whole numbers from 1 to {high}"


def text():
    """Test of text, and its words."""
    return lambda value: isinstance(value, str), "text"


def texts():
    """Test of any number of texts, and its words."""
    return lambda value: isinstance(value, (tuple, list)) and all(isinstance(one, str) for one in value), "names"


def file_name():
    """Test of text that can name a file or folder wherever it is put, and its words."""

    def right(value):
        return isinstance(value, str) and re.fullmatch(r"\w[\w .-]{0,99}", value) is not None

    return right, "1 to 100 letters, digits, spaces and _-., the first a letter, digit or _"


def _is_number(value):
    return isinstance(value, numbers.Real) and not isinstance(value, bool) and math.isfinite(value)


ORIENTATIONS = (1, 2, 4, 8)  # ways to look at an image; above 4 with quarter turns, which need a square
_SHARE, _WEIGHT, _CHANNELS, _SWITCH = number(0, 1), number(0), whole(1, 4096), one_of(False, True)
PREDICT = {  # all that reading an image with a trained model needs to know
    "model.channels": one_of(1, 3),
    "model.size": pair(1, 8192, "(height, width) in pixels, whole numbers", kind=numbers.Integral),
    "model.steps": whole(1, 1000),
    "data.view": one_of("whole", "focus", "tiles"),
    "data.padding": one_of("edge", "mean"),
    "predict.score_threshold": _SHARE,
    "predict.mask_threshold": _SHARE,
    "predict.overlap_rule": one_of("best", "first"),
    "predict.min_visible": _SHARE,
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
EXPORTED = {  # all that is read of the record inside an exported file: measuring opens data as its training did
    **PREDICT,
    "name": file_name(),
    "data.category": text(),
    "data.held_out": number(0, 0.9),
    "data.synthetic_size": whole(32, 8192),
}
ALL = {
    **EXPORTED,
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
    "train.unroll": whole(0, 1000),
    "train.precision": one_of("auto", "float32", "mixed_bfloat16", "mixed_float16"),
    "train.matcher": one_of("scipy", "graph"),
    "train.jit_compile": _SWITCH,
    "train.recompute": _SWITCH,
    "train.deterministic": _SWITCH,
    "train.distribute": one_of("one", "mirrored", "workers"),
    "train.evaluate_every": whole(1, 10**9),
    "train.validation_images": whole(1, 10**6),
    "train.validation_extra": _SWITCH,
    "curriculum.start": whole(0, 1000),
    "curriculum.increase": whole(1, 1000),
    "curriculum.patience": whole(1, 10**9),
    "curriculum.tolerance": _WEIGHT,
    "curriculum.smoothing": number(0, 0.999999),
}


def problem(fields, ranges):
    """What is wrong with a config.

    Args:
      fields: nested mapping, {"model": {"steps": 20, ...}, ...}.
      ranges: EXPORTED or ALL.

    Returns:
      str, naming the field, what it holds and what would be right, or None. Fields without a range are not looked at.
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
    """What is wrong between two fields of PREDICT, each right by itself.

    Args:
      fields: as of `problem`.

    Returns:
      str as of `problem`, or None.
    """
    size, predict = fields["model"]["size"], fields["predict"]
    if predict["overlap"] >= min(size):
        return f"predict.overlap is {predict['overlap']}; expected less than model.size"
    if predict["orientations"] not in orientations_of(size):
        return f"predict.orientations is {predict['orientations']}; expected 1, 2 or 4, for model.size is not square"
    return None


def prediction_fields(config):
    """The fields of PREDICT and their values in a config, as JSON has them: {name: value}."""
    found = {}
    for name in PREDICT:
        value = config
        for part in name.split("."):
            value = getattr(value, part)
        found[name] = list(value) if isinstance(value, tuple | list) else value
    return found


def orientations_of(size):
    """Those of ORIENTATIONS in which a network of the input size (height, width) can look."""
    return ORIENTATIONS if size[0] == size[1] else ORIENTATIONS[:3]
