"""Curriculum on the number of steps (poster, "training"; METHOD: "learn to segment any 2 leaves" first)."""

import keras

from ris_tf.errors import UsageError


class Curriculum(keras.callbacks.Callback):
    """Raises the steps of the recurrence in training when the smoothed loss stops falling.

    While the steps k are fewer than an image's n objects, the matching lets the k steps choose any k of them. The model
    holds the state (`model.steps`, `model.curriculum`) and saves it, so that a run goes on where it stopped.

    Args:
      settings: `config.curriculum`.
      limit: most steps, such as the most objects in the data set and the extra steps.
    """

    def __init__(self, settings, limit):
        super().__init__()
        self.settings, self.limit = settings, limit

    def on_train_begin(self, logs=None):
        if not self.model.curriculum:
            self.model.curriculum = {"steps": min(self.settings.start, self.limit), **_FRESH}
        self._apply()

    def on_train_batch_end(self, batch, logs=None):
        state = self.model.curriculum
        if state["steps"] >= self.limit:
            return
        weight = self.settings.smoothing
        state["sum"] = weight * state["sum"] + (1 - weight) * float(logs["batch_loss"])
        state["weight"] = weight * state["weight"] + (1 - weight)
        smoothed = state["sum"] / state["weight"]
        if state["best"] is None or smoothed < state["best"] - self.settings.tolerance:
            state.update(best=smoothed, waited=0)
        else:
            state["waited"] += 1
        if state["waited"] >= self.settings.patience:
            state = {"steps": min(state["steps"] + self.settings.increase, self.limit), **_FRESH}
        self.model.curriculum = state
        self._apply()

    def _apply(self):
        if self.model.steps != self.model.curriculum["steps"]:
            self.model.steps = self.model.curriculum["steps"]
            self.model.trace_again()


_FRESH = {"sum": 0.0, "weight": 0.0, "best": None, "waited": 0}


def check_state(value):
    """Raises UsageError unless a value, which a file may hold, is a state as of `RIS.curriculum`, or empty."""
    kinds = {"steps": int, "waited": int, "sum": float, "weight": float, "best": (float, type(None))}
    right = isinstance(value, dict) and value.keys() == kinds.keys()
    if value and not (right and all(isinstance(value[n], kind) for n, kind in kinds.items()) and value["steps"] > 0):
        raise UsageError(f"curriculum is {str(value)[:60]!r}; expected {', '.join(kinds)} of a curriculum")
