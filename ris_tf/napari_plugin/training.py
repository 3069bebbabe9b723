"""Trains on: ris-train in a process of its own, whose log is read while it runs."""

import contextlib
import csv
import math
import subprocess
import sys

from ris_tf.configs import base
from ris_tf.planning import config_file
from ris_tf.planning.rules import Decision, from_trained

_MEASUREMENTS = 8  # of the validation images, during a training
_TAKEN = ("model", "data", "loss", "predict")  # sections of the model's config


def decisions(config, steps):
    """The fields of a training that goes on from a model.

    Args:
      config: dict, config of the model.
      steps: int, number of training steps.

    Returns:
      list of `rules.Decision`.
    """
    usual, here = _flat(base.get_config().to_dict()), _flat({name: config[name] for name in _TAKEN})
    reason = "as in the model from which training starts"
    same = [Decision(name, value, reason) for name, value in here.items() if name in usual and value != usual[name]]
    made = {
        one.field: one for one in [*same, Decision("train.batch", config["train"]["batch"], reason), *from_trained()]
    }
    changed = [
        Decision("data.extra", "", "only the corrected images are learned from"),
        Decision("data.extra_share", 0.0, "only the corrected images are learned from"),
        Decision("predict.count_spread", 0.0, "it was learned with other weights"),
        Decision("train.precision", "float32", "finding out which is faster would take longer than it saves"),
        Decision("train.steps", steps, "as asked for"),
        Decision("train.learning_rate", 5e-4, "few steps on few images"),
        Decision("train.warmup", min(100, max(1, steps // 4)), "the weights are trained already"),
        Decision("train.evaluate_every", math.ceil(steps / _MEASUREMENTS), f"{_MEASUREMENTS} measurements in all"),
    ]
    return list({**made, **{one.field: one for one in changed}}.values())


def _flat(fields, before=""):
    flat = {}
    for name, value in fields.items():
        if isinstance(value, dict):
            flat |= _flat(value, f"{before}{name}.")
        else:
            flat[f"{before}{name}"] = tuple(value) if isinstance(value, list) else value
    return flat


class Training:
    """A run of ris-train that has been started.

    Args:
      model: str, what training starts from: preset, work folder or .keras file.
      config: dict, config of the model.
      data: Path of the training folder.
      workdir: Path of the work folder; it must not exist yet.
      steps: int, number of training steps.

    Raises:
      OSError: the work folder cannot be written.
    """

    def __init__(self, model, config, data, workdir, steps):
        self.workdir, self.steps = workdir, steps
        workdir.mkdir(parents=True)
        file = workdir / "config.py"
        config_file.write(file, data, model, decisions(config, steps))
        flags = {"config": file, "data": data, "init": model, "workdir": workdir}
        command = [
            sys.executable,
            "-m",
            "ris_tf.commands.train",
            *(f"--{name}={value}" for name, value in flags.items()),
        ]
        with self._output.open("wb") as output:
            self._process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=output)

    @property
    def _output(self):
        return self.workdir / "output.txt"

    @property
    def running(self):
        return self._process.poll() is None

    def stop(self):
        """Asks it to save and end."""
        self._process.terminate()

    def rows(self):
        """The measurements so far: list of dicts of float, see `rows_of`."""
        return rows_of(self.workdir / "log.csv")

    def failure(self):
        """The last line that it wrote if it ended with an error, str; None otherwise, and while it runs."""
        if self.running or self._process.returncode in (0, -15):  # -15: asked to end before it could listen
            return None
        lines = self._output.read_text("utf-8", "replace").replace("\r", "\n").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "ris-train failed without a message")


def rows_of(log):
    """Reads a log of ris-train.

    Args:
      log: Path of log.csv.

    Returns:
      list of {column: float}, without empty cells; empty if there is no log yet.
    """
    rows = []
    with contextlib.suppress(OSError), log.open(newline="") as stream:
        for row in csv.DictReader(stream):
            rows.append({name: float(value) for name, value in row.items() if value})
    return rows


def compared(rows):
    """The validation SBD of the model before the training, and the best one since.

    Args:
      rows: see `rows_of`.

    Returns:
      before, after: float in [0, 1]; None for what was not measured.
    """
    measured = [(row["step"], row["val_sbd"]) for row in rows if "val_sbd" in row]
    before = next((sbd for step, sbd in measured if step == 0), None)
    return before, max((sbd for step, sbd in measured if step > 0), default=None)


def improved(rows):
    """Whether the best model since the start of a training is better than the one before, bool."""
    before, after = compared(rows)
    return after is not None and (before is None or after > before)


def told(rows):
    """The comparison in words, str."""
    said = ("?" if sbd is None else f"{sbd:.3f}" for sbd in compared(rows))
    return "validation SBD {} before, {} at best since".format(*said)
