"""Benchmark of the variation between seeds: short trainings of one config, measured on the same validation images.

    python benchmarks/seeds.py --config=rosettes --data=synthetic:rosettes --steps=400 --seeds=11,12,13

The seed determines the initial weights, the order of the samples, their augmentation, and synthetic images. The
learning rate decays to its final value within --steps. Every run has its own work folder in --workdir, so the same
command resumes after an interruption.
"""

import importlib
import json
import statistics
from pathlib import Path

from absl import app, flags

from ris_tf.commands.evaluate import evaluate
from ris_tf.data import sources
from ris_tf.training.loop import train

_FIGURES = ("sbd", "abs_dic", "relative_abs_dic", "ap_0.5", "ap_mean")
_MEASURED = 777  # seed of the synthetic images that all runs are measured on


def run(name, data, seed, steps, images, workdir):
    """Trains with one seed and returns the measured figures: {name: float}."""
    config = importlib.import_module(f"ris_tf.configs.{name}").get_config()
    config.seed = seed
    config.train.update({"steps": steps, "evaluate_every": steps, "validation_images": 1})  # the last is the best
    config.data.synthetic_images = min(config.data.synthetic_images, steps * config.train.batch)
    model = train(config, data, Path(workdir) / f"{name}_{steps}_{seed}")
    source = sources.open_source(data, "val", config.data.synthetic_size, images, _MEASURED)
    result = evaluate(model, source[:images]).result
    return {figure: result[figure] for figure in _FIGURES}


def main(_):
    values = flags.FLAGS
    runs = {}
    for seed in map(int, values.seeds):
        runs[seed] = run(values.config, values.data, seed, values.steps, values.images, values.workdir)
        print(f"seed {seed}: " + ", ".join(f"{name} {value:.3f}" for name, value in runs[seed].items()), flush=True)
    for name in _FIGURES:
        found = [figures[name] for figures in runs.values()]
        spread = statistics.stdev(found) if len(found) > 1 else 0.0
        print(f"{name:<18} {statistics.mean(found):.3f}, std {spread:.3f}, {min(found):.3f} to {max(found):.3f}")
    if values.json:
        Path(values.json).write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("config", None, "name of a config", required=True)
    flags.DEFINE_string("data", None, "data to train on, same as --data of ris-train", required=True)
    flags.DEFINE_integer("steps", 400, "steps of each training", lower_bound=1)
    flags.DEFINE_list("seeds", ["11", "12", "13"], "seeds; one training for each")
    flags.DEFINE_integer("images", 40, "number of validation images, at most", lower_bound=1)
    flags.DEFINE_string("workdir", "runs/seeds", "folder for the work folders of the runs")
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
