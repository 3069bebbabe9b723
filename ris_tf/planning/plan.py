"""Makes the config of a data set: looks at it, decides, measures, and writes the config with its reasons."""

import time

from ris_tf import presets
from ris_tf.configs import base
from ris_tf.data import sources
from ris_tf.errors import DataError, NoSplit
from ris_tf.planning import config_file, rules, speed
from ris_tf.planning.rules import Decision
from ris_tf.planning.traits import traits_of

_USEFUL = 0.3  # SBD above which weights may be the best without training; worse ones can take minutes for an image


def make(data, hours, path):
    """Decides everything for a data set and writes it as a config file.

    Args:
      data: value of --data, see `sources.open_source`.
      hours: float, time that the training may take on this machine, with what comes before and after it.
      path: Path of the file.

    Returns:
      list of str, what was decided and why, a line each.

    Raises:
      DataError: the data cannot be read, or holds no object.
    """
    began = time.perf_counter()
    source, held_out = _open(data)
    traits = traits_of(source, data)
    decisions = rules.decide(traits, bool(held_out))
    config = rules.applied(base.get_config(), decisions)
    init, figures, image = speed.best_start(config, rules.candidates(config), source)
    there_are = len(held_out) or round(0.2 * len(source))
    step, compiling = speed.step_seconds(config, source)
    spent = time.perf_counter() - began + compiling  # the run itself compiles once more
    steps, validation, measurements = speed.schedule(hours, spent, step, image, there_are)
    time_left = f"a step takes {step:.2f} s here, and {hours:g} h are given"
    decisions += [
        *rules.thresholds(init, presets.find(init)[0]["predict"]),
        Decision("train.steps", steps, time_left),
        Decision("train.evaluate_every", max(1, steps // measurements), f"{measurements} measurements in all"),
        Decision("train.evaluate_start", figures[init] > _USEFUL, f"SBD {figures[init]:.2f} without training"),
        Decision("train.validation_images", max(1, validation), f"{image:.1f} s for each, {there_are} there are"),
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    config_file.write(path, data, init, decisions)
    return [_described(traits), _begun(init, figures), *map(_told, _worth_telling(decisions))]


def _open(data):
    """Opens the training images and the validation images; the latter are empty if there is no split for them."""
    config = base.get_config()
    arguments = {"size": config.data.synthetic_size, "images": 40, "seed": config.seed}
    source = sources.open_source(data, "train", **arguments)
    if not source:
        raise DataError(f"{data}: the split 'train' holds no image; expected at least one")
    try:
        return source, sources.open_source(data, "val", **arguments)
    except NoSplit:
        return source, []


def _described(traits):
    kind = "colour" if traits.colour else "grey"
    size = f"{traits.width:.0f}x{traits.height:.0f}"
    objects = f"{traits.typical:g} objects ({traits.most} at most) of {traits.diameter:.0f} pixels in diameter"
    light = "brighter" if traits.brighter > 0.5 else "darker"
    shape = f"{traits.thickness:.0f} pixels thick, {traits.touching:.0%} touching, {light} than what is around them"
    return f"{traits.images} {kind} images of {size} pixels; typically {objects}, {shape}"


def _begun(init, figures):
    tried = ", ".join(f"{name} {sbd:.2f}" for name, sbd in figures.items())
    return f"starts from {init}: SBD without training {tried}"


def _worth_telling(decisions):
    told = (
        "data.view",
        "model.channels",
        "model.size",
        "model.steps",
        "predict.diameter",
        "data.held_out",
        "train.steps",
    )
    return [decision for decision in decisions if decision.field in told]


def _told(decision):
    return f"{decision.field} = {decision.value}: {decision.reason}"
