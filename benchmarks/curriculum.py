"""Benchmark of the curriculum on steps: trains the published network equally long with and without it.

    python benchmarks/curriculum.py --out=curriculum --seconds=480 --seeds=1,2,3

The network is that of configs/rosettes_paper.py, trained on small synthetic rosettes. Time spent on validation does not
count; retracing when the number of steps is raised does. Every run writes ARM_SEED.json to --out. A run whose file
exists is not repeated, so the same command resumes after an interruption, and two commands with different --arms or
--seeds can share the folder. When all runs are there, a table is printed and curriculum.png is written.
"""

import json
import os
import statistics
import time
from pathlib import Path

import keras
import matplotlib.pyplot as plt
from absl import app, flags

from ris_tf import model as models
from ris_tf.configs import rosettes_paper
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.evaluation import metrics
from ris_tf.training import precision
from ris_tf.training.curriculum import Curriculum
from ris_tf.training.start import optimizer

_MEASURES = 12  # measurements per run
_ARMS = ("with", "without")


class Clock(keras.callbacks.Callback):
    """Keras callback: measures validation SBD and |DiC| at equal intervals of training time; stops when it is over.

    Args:
      seconds: of training.
      held_out: list of (image, label map) to measure on.

    Attributes:
      curve: list of dict, the measurements.
    """

    def __init__(self, seconds, held_out):
        super().__init__()
        self.seconds, self.held_out = seconds, held_out
        self.spent, self.curve = 0.0, []

    def on_train_batch_begin(self, batch, logs=None):
        self.began = time.perf_counter()

    def on_train_batch_end(self, batch, logs=None):
        self.spent += time.perf_counter() - self.began
        if self.spent >= (len(self.curve) + 1) * self.seconds / _MEASURES:
            rows = [metrics.evaluate_image(truth, self.model.predict_instances(i).labels) for i, truth in self.held_out]
            result = metrics.summarise(rows)
            point = {"seconds": self.spent, "training_steps": batch + 1, "recurrence_steps": self.model.steps}
            point |= {name: float(result[name]) for name in ("sbd", "abs_dic")}
            point["matched_iou"] = float(logs["matched_iou"])
            self.curve.append(point)
            print({name: round(value, 3) for name, value in point.items()}, flush=True)
        if self.spent >= self.seconds:
            self.model.stop_training = True


def run(arm, seed, seconds, dtype):
    """Runs one training.

    Args:
      arm: "with" or "without" the curriculum.
      seed: int.
      seconds: of training.
      dtype: precision, a Keras dtype policy.

    Returns:
      list of dict, see `Clock.curve`.
    """
    config = rosettes_paper.get_config()
    config.seed, config.model.size = seed, (160, 160)
    config.data.synthetic_images, config.train.steps = 400, 10**6  # the clock decides
    config.train.final_learning_rate = 1.0
    config.curriculum.tolerance, config.curriculum.patience = 0.005, 800
    if arm == "without":
        config.curriculum.start = 0
    keras.utils.set_random_seed(seed)
    source = Records(sources.open_source("synthetic:rosettes", "train", 160, 400, seed), config)
    opened = sources.open_source("synthetic:rosettes", "val", 160, 24, 1)
    held_out = [opened[i][1]() for i in range(24)]
    model = models.build(config, dtype)
    model.compile(optimizer(config))
    clock = Clock(seconds, held_out)
    callbacks = [Curriculum(config.curriculum, model.steps), clock] if config.curriculum.start else [clock]
    batches = pipeline.training_batches(source, config)
    model.fit(batches, steps_per_epoch=config.train.steps, shuffle=False, verbose=0, callbacks=callbacks)
    return clock.curve


def table(runs):
    """Formats the runs as a table: list of lines; means over the seeds, with minimum and maximum in brackets."""
    columns = {
        "SBD at best": lambda curve: max(point["sbd"] for point in curve),
        "SBD at the end": lambda curve: curve[-1]["sbd"],
        "matched IoU at the end": lambda curve: curve[-1]["matched_iou"],
        "training steps": lambda curve: curve[-1]["training_steps"],
    }
    lines = [f"{'':<10}" + "".join(f"{name:>28}" for name in columns)]
    for arm in _ARMS:
        curves = [curve for (name, _), curve in runs.items() if name == arm]
        cells = []
        for figure in columns.values():
            values = [figure(curve) for curve in curves]
            cells.append(f"{statistics.mean(values):.3g} ({min(values):.3g} to {max(values):.3g})")
        lines.append(f"{arm:<10}" + "".join(f"{cell:>28}" for cell in cells))
    return lines


def plot(runs, path):
    """Draws the curves of all runs into a PNG file."""
    figure, axes = plt.subplots(1, 3, figsize=(12, 3.6), layout="constrained")
    curves = {
        "SBD on validation images": "sbd",
        "matched IoU in training, steps in use": "matched_iou",
        "steps of the recurrence": "recurrence_steps",
    }
    for (arm, seed), curve in runs.items():
        colour = {"with": "C0", "without": "C1"}[arm]
        label = f"{arm} curriculum" if seed == min(s for _, s in runs) else None
        seconds = [point["seconds"] for point in curve]
        for axis, name in zip(axes, curves.values(), strict=True):
            axis.plot(seconds, [point[name] for point in curve], color=colour, label=label)
    for axis, title in zip(axes, curves, strict=True):
        axis.set(xlabel="seconds of training", title=title, ylim=(0, None))
        axis.legend()
    figure.savefig(path, dpi=110)


def main(_):
    values = flags.FLAGS
    out = Path(values.out)
    out.mkdir(parents=True, exist_ok=True)
    dtype = precision.choose(rosettes_paper.get_config())
    for seed in values.seeds:
        for arm in values.arms:
            path = out / f"{arm}_{seed}.json"
            if not path.exists():
                print(f"{arm} curriculum, seed {seed}", flush=True)
                temporary = path.with_suffix(".tmp")
                temporary.write_text(json.dumps(run(arm, int(seed), values.seconds, dtype), indent=1) + "\n")
                os.replace(temporary, path)
    paths = {(arm, seed): out / f"{arm}_{seed}.json" for arm in _ARMS for seed in values.seeds}
    runs = {key: json.loads(path.read_text()) for key, path in paths.items() if path.exists()}
    if len(runs) == len(paths):
        print("\n".join(table(runs)))
        plot(runs, out / "curriculum.png")


if __name__ == "__main__":
    flags.DEFINE_string("out", "curriculum", "folder for the results")
    flags.DEFINE_integer("seconds", 480, "seconds of training of each run", lower_bound=1)
    flags.DEFINE_list("seeds", ["1", "2", "3"], "seeds; one run each, with and without the curriculum")
    flags.DEFINE_multi_enum("arms", list(_ARMS), _ARMS, "which runs to make: with the curriculum, without, or both")
    app.run(main)
