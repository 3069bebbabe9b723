"""Random search for the parameters of the fully connected CRF on validation data.

    python benchmarks/crf_search.py --model=rosettes --data=synthetic:rosettes --images=12 --json=crf.json

The first trial has the parameters of the model's config.predict.crf, all others have random ones. The best trial is the
one with the highest SBD. Because the best of many trials looks too good on the images it was chosen on, it is also
measured on as many other images, if the split has them. The network processes each image once; a trial repeats only the
CRF.
"""

import copy
import json
import time
from pathlib import Path

import numpy as np
from absl import app, flags
from tqdm import tqdm

from ris_tf import storage
from ris_tf.data import sources
from ris_tf.evaluation import metrics
from ris_tf.evaluation.tune import Remembered
from ris_tf.inference.crf import library
from ris_tf.inference.prediction import predict_instances

_FIGURES = ("sbd", "ap_0.5", "abs_dic")
_RANGES = {  # limits of the log-uniform distributions
    "smooth_weight": (0.1, 10.0),
    "smooth_distance": (1.0, 5.0),
    "bilateral_weight": (0.1, 10.0),
    "bilateral_distance": (4.0, 40.0),
    "bilateral_colour": (0.02, 0.5),
}
_ITERATIONS = (2, 5, 10)


def draw(rng):
    """Random parameters of one trial."""
    values = {name: float(f"{np.exp(rng.uniform(*np.log(limits))):.2g}") for name, limits in _RANGES.items()}
    return {"iterations": int(rng.choice(_ITERATIONS)), **values}


def measure(look, foreground, config, pictures, parameters=None):
    """Measures the network with the CRF on (image, labels) pairs; without `parameters`, without the CRF.

    Returns:
      {name of a figure: float}, with the names of _FIGURES.
    """
    config = copy.deepcopy(config)
    config.predict.crf.update(parameters or {})
    found = [predict_instances(look, config, image, parameters is not None, foreground) for image, _ in pictures]
    rows = [metrics.evaluate_image(truth, one.labels) for one, (_, truth) in zip(found, pictures, strict=True)]
    result = metrics.summarise(rows)
    return {name: result[name] for name in _FIGURES}


def row(name, before, after):
    """Line of the printed table."""
    return f"{name:<12}" + "   ".join(f"{key} {before[key]:.3f} -> {after[key]:.3f}" for key in _FIGURES)


def main(_):
    values, start = flags.FLAGS, time.perf_counter()
    library()  # raises an error before any work if the library of the CRF is missing
    model = storage.load(values.model)
    config, network = model.config, (Remembered(model.look), model.foreground)
    side = max(*config.model.size, 256)
    source = sources.open_source(values.data, values.split, side, 2 * values.images, values.seed, config.data.category)
    order = np.random.default_rng(values.seed).permutation(len(source))
    pictures = [source[index][1]() for index in order[: 2 * values.images]]
    searched, held_out = pictures[: values.images], pictures[values.images :]
    before = measure(*network, config, searched)
    rng, trials = np.random.default_rng(values.seed), []
    for index in tqdm(range(values.trials), "trials"):
        parameters = draw(rng) if index else config.predict.crf.to_dict()
        trials.append({"parameters": parameters, **measure(*network, config, searched, parameters)})
    best = max(trials, key=lambda trial: trial["sbd"])
    print(f"{len(searched)} images searched, {len(held_out)} held out, {time.perf_counter() - start:.0f} s")
    print("without CRF -> with CRF")
    print(row("config", before, trials[0]))
    print(row("best trial", before, best))
    result = {"model": values.model, "data": values.data, "split": values.split, "images": len(searched)}
    result |= {"before": before, "best": best, "trials": trials}
    if held_out:
        result["held_out"] = {"images": len(held_out), "before": measure(*network, config, held_out)}
        result["held_out"]["after"] = measure(*network, config, held_out, best["parameters"])
        print(row("held out", result["held_out"]["before"], result["held_out"]["after"]))
    for name, value in best["parameters"].items():
        print(f"--config.predict.crf.{name}={value}")
    if values.json:
        Path(values.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, or .keras file", required=True)
    flags.DEFINE_string("data", None, "folder with the data, or synthetic:rosettes", required=True)
    flags.DEFINE_string("split", "val", "split to search on; do not report figures on this split")
    flags.DEFINE_integer("images", 12, "number of images to search on, and of further images held out", lower_bound=1)
    flags.DEFINE_integer("trials", 15, "number of parameter sets to try", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "seed of the parameters, the choice of images, and synthetic images", lower_bound=0)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
