"""Checkpoints and log of a training run, written so that a run can end at any moment and resume without a trace.

The state at a step is saved first, then measured. If a run ends in between, the next run makes up for the measurement
and its row in the log, from the saved state. Each file is written completely or not at all.
"""

import contextlib
import csv

import keras
import numpy as np
from tqdm import tqdm

from ris_tf import model as models
from ris_tf import storage
from ris_tf.errors import DataError
from ris_tf.evaluation import metrics
from ris_tf.files.writing import write_table
from ris_tf.training.workers import ALONE

LAST, PREVIOUS, BEST, LOG = "last.keras", "previous.keras", "best.keras", "log.csv"


def newest(workdir):
    """Loads the last checkpoint of a work folder. If it is damaged, says so and loads the one before.

    Args:
      workdir: Path.

    Returns:
      RIS and the path it was loaded from; None and None if the folder has no checkpoint.

    Raises:
      DataError: there are checkpoints, but none can be read, or one holds a model without the training state.
    """
    damaged = []
    for path in filter(lambda path: path.exists(), (workdir / LAST, workdir / PREVIOUS)):
        try:
            model = storage.load(path)
        except DataError as error:
            damaged.append(str(error))
            continue
        if getattr(model, "optimizer", None) is None:
            raise DataError(
                f"{path}: holds a model without the training state, as {BEST} does, so the run cannot resume; delete "
                "it, or start a new run from it with --init and another --workdir"
            )
        if damaged:
            print(f"{damaged[0]}; resuming from {path.name}, step {step_of(model)}")
        return model, path
    if damaged:
        raise DataError(
            f"{damaged[0]}; no other checkpoint can be read; give another --workdir, or delete this work folder"
        )
    return None, None


def step_of(model):
    """Number of training steps of a model: all batches, including those that mixed_float16 skipped."""
    return model.progress["step"] if model.progress else int(model.optimizer.iterations.numpy())


class Checkpoints(keras.callbacks.Callback):
    """Keras callback that saves checkpoints, validates the averaged weights, keeps the best ones, and writes the log.

    The state is saved in last.keras, and the state before it in previous.keras. The best weights are in best.keras.

    Args:
      model: RIS, either new, or restored from `newest` with the config of this run.
      workdir: Path.
      held_out: list of (image, labels), the validation images.
      interval: number of steps between measurements; the last step is also measured.
      steps: number of steps of the whole training.
      report: function of (model, row of the log), called while the model has the averaged weights.
      termination: Termination, or None.
      rotate: whether last.keras is intact and becomes previous.keras at the next save.
      place: workers.Place. If there are several processes, only the chief measures and writes. The running means are
        then not saved, because all processes would have to take part in reading them. The first row of the log after a
        stop then covers only the steps since the stop.

    Attributes:
      step: number of steps done.
    """

    def __init__(self, model, workdir, held_out, interval, steps, report, termination=None, rotate=True, place=ALONE):
        super().__init__()
        self.set_model(model)
        self.workdir, self.held_out, self.interval, self.steps = workdir, held_out, interval, steps
        self.report, self.termination, self.rotate, self.place = report, termination, rotate, place
        self.step = step_of(model)
        self.rows = _read_log(workdir / LOG, self.step)
        self.means = {} if self._logged else model.progress.get("means", {})  # means since the last row of the log

    @property
    def _logged(self):
        return bool(self.rows) and int(self.rows[-1]["step"]) == self.step

    @property
    def due(self):
        """Whether this step must be measured."""
        return self.step % self.interval == 0 or self.step == self.steps

    @property
    def stopping(self):
        """Whether the run must end here."""
        return self.termination is not None and bool(self.termination.asked)

    def catch_up(self, trained=False):
        """Measures a step that the previous run saved but did not measure. Only the chief calls this.

        Args:
          trained: whether a new run starts from trained weights. These are then measured, too, and may be the best.
        """
        if self._logged or not self.due or not (self.step or trained):
            return
        if not self.means:  # several workers do not save them, and a new run has none yet
            self._measure_and_log({})
            return
        self._restore_means()
        self._measure_and_log(self._means())
        self.means = {}
        self.model.reset_metrics()

    def on_epoch_begin(self, epoch, logs=None):  # must be here, because Keras first resets the means
        self._restore_means()

    def on_train_batch_end(self, batch, logs=None):
        self.step += 1
        saving = self.due or self.stopping
        if saving and self.place.chief:
            totals = self.model.metrics if self.place.count == 1 else []
            means = {mean.name: [float(mean.total.numpy()), float(mean.count.numpy())] for mean in totals}
            self.model.progress = {"step": self.step, "means": means}
            storage.save(self.model, self.workdir / LAST, self.workdir / PREVIOUS if self.rotate else None)
            self.rotate = True
        if self.due:
            if self.place.chief:
                self._measure_and_log(self._means() if self.place.count == 1 else logs)
            self.means = {}
            self.model.reset_metrics()
        self.model.stop_training = saving and self.stopping

    def _means(self):
        return {mean.name: mean.result() for mean in self.model.metrics}

    def _restore_means(self):
        for mean in self.model.metrics:
            for variable, value in zip((mean.total, mean.count), self.means.get(mean.name, (0.0, 0.0)), strict=True):
                variable.assign(value)

    def _measure_and_log(self, means):
        row = {"step": self.step, "recurrence_steps": self.model.curriculum.get("steps", self.model.steps)}
        known = sorted(means.keys() & {mean.name for mean in self.model.metrics})
        row.update({name: round(float(np.mean(means[name])), 5) for name in known})
        with self._averaged_weights():
            measured = self._measure()
            if self.stopping:
                return  # the next run makes up for the measurement
            row.update(measured)
            if not self.held_out or row["val_sbd"] >= max((float(r.get("val_sbd") or 0) for r in self.rows), default=0):
                best = models.build(self.model.config)  # without the optimizer's state: a quarter of the size
                best.set_weights(self.model.get_weights())
                storage.save(best, self.workdir / BEST)
            self.report(self.model, row)
        self.rows.append(row)
        columns = dict.fromkeys(name for row in reversed(self.rows) for name in row)
        write_table(self.workdir / LOG, self.rows, list(columns))

    @contextlib.contextmanager
    def _averaged_weights(self):
        live = [variable.numpy() for variable in self.model.trainable_variables]
        if self.model.config.train.ema and self.step:  # there is an average after the first step
            self.model.optimizer.finalize_variable_values(self.model.trainable_variables)
        try:
            yield
        finally:
            for variable, value in zip(self.model.trainable_variables, live, strict=True):
                variable.assign(value)

    def _measure(self):
        rows = []
        for image, truth in tqdm(self.held_out, "validation", leave=False):
            rows.append(metrics.evaluate_image(truth, self.model.predict_instances(image).labels))
            if self.stopping:
                break
        if not rows:
            return {}
        result = metrics.summarise(rows)
        row = {f"val_{name}": round(result[name], 4) for name in ("sbd", "ap_0.5", "abs_dic", "dic")}
        if not self.stopping:
            tqdm.write("  ".join(f"{name} {value:.3f}" for name, value in row.items()))
        return row


def _read_log(path, step):
    """Reads the rows of a log up to a step. A run that resumes from an earlier checkpoint writes later rows again."""
    if not path.exists():
        return []
    try:
        with path.open(newline="") as file:
            rows = list(csv.DictReader(file, strict=True))
            if any(None in (*row, *row.values()) for row in rows):
                raise ValueError("a row is longer or shorter than the header")
            return [row for row in rows if int(row["step"]) <= step]
    except (OSError, ValueError, KeyError, TypeError, csv.Error) as error:
        raise DataError(f"{path}: is not the log of a run; move it away, or give another --workdir") from error
