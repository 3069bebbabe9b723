"""How much a figure depends on the seed: short trainings of one config, measured on the same validation images.

    python benchmarks/seeds.py --config=rosettes --data=synthetic:rosettes --steps=400 --seeds=11,12,13

A seed decides the first weights, the order of the samples, what augmentation does to them, and drawn images. The
learning rate falls to its end within --steps. Every run has a work folder of its own in --workdir, so that the command
goes on where it stopped.
"""

import importlib
import json
import statistics
from pathlib import Path

from absl import app, flags

from ris_tf.data import pipeline
from ris_tf.evaluate import evaluate
from ris_tf.train import train

_FIGURES = ("sbd", "abs_dic", "relative_abs_dic", "ap_0.5", "ap_mean")
_MEASURED = 777  # seed of the drawn images that all are measured on


def run(name, data, seed, steps, images, workdir):
    """Figures of one training."""
    config = importlib.import_module(f"ris_tf.configs.{name}").get_config()
    config.seed = seed
    config.train.update({"steps": steps, "evaluate_every": steps, "validation_images": 1})  # the last is the best
    config.data.synthetic_images = min(config.data.synthetic_images, steps * config.train.batch)
    model = train(config, data, Path(workdir) / f"{name}_{steps}_{seed}")
    source = pipeline.open_source(data, "val", config.data.synthetic_size, images, _MEASURED)
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
        print(f"{name:<18} {statistics.mean(found):.3f}, deviation {spread:.3f}, {min(found):.3f} to {max(found):.3f}")
    if values.json:
        Path(values.json).write_text(json.dumps(runs, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("config", None, "name of a config", required=True)
    flags.DEFINE_string("data", None, "as of ris-train", required=True)
    flags.DEFINE_integer("steps", 400, "of each training", lower_bound=1)
    flags.DEFINE_list("seeds", ["11", "12", "13"], "one training each")
    flags.DEFINE_integer("images", 40, "of validation, at most", lower_bound=1)
    flags.DEFINE_string("workdir", "runs/seeds", "holds the work folders")
    flags.DEFINE_string("json", None, "file for the figures")
    app.run(main)
