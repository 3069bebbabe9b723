"""Training state that is saved with a model, with checks of the saved values, because a file may contain anything."""

import json

from ris_tf.errors import UsageError


class SavedState:
    """Descriptor for a model attribute that is a dict of plain values.

    The dict is kept as JSON text, because Keras would track a dict as layers.

    Args:
      check: function that is called with a new value and raises UsageError if it is invalid.
    """

    def __init__(self, check):
        self.check = check

    def __set_name__(self, owner, name):
        self.name = f"_{name}"

    def __get__(self, model, owner=None):
        return self if model is None else json.loads(getattr(model, self.name))

    def __set__(self, model, state):
        self.check(state)
        setattr(model, self.name, json.dumps(state))


def check_curriculum(value):
    """Raises UsageError unless the value is empty or a valid state of `training.curriculum.Curriculum`."""
    kinds = {"steps": int, "waited": int, "sum": float, "weight": float, "best": (float, type(None))}
    right = isinstance(value, dict) and value.keys() == kinds.keys()
    if value and not (right and all(isinstance(value[n], kind) for n, kind in kinds.items()) and value["steps"] > 0):
        raise UsageError(f"curriculum is {str(value)[:60]!r}; expected a dict with {', '.join(kinds)}")


def check_progress(value):
    """Raises UsageError unless the value is empty or a valid training progress, see `RIS.progress`."""

    def is_mean(pair):
        return isinstance(pair, list) and len(pair) == 2 and all(isinstance(number, float) for number in pair)

    right = isinstance(value, dict) and value.keys() == {"step", "means"} and isinstance(value["step"], int)
    if value and not (right and isinstance(value["means"], dict) and all(map(is_mean, value["means"].values()))):
        raise UsageError(f"progress is {str(value)[:60]!r}; expected a dict with step and means")
