"""Curriculum on the number of recurrent steps: training first learns to segment any 2 leaves (poster, "training")."""

import keras


class Curriculum(keras.callbacks.Callback):
    """Keras callback that adds recurrent steps in training when the smoothed loss stops falling.

    If there are fewer steps than objects in an image, k < n, the matching lets the k steps choose any k objects. The
    model holds the state (`model.steps`, `model.curriculum`) and saves it, so that a run can resume where it stopped.

    Args:
      settings: `config.curriculum`.
      limit: largest number of steps, such as the largest number of objects in an image plus the extra steps.
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
