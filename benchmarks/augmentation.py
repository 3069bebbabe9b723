"""Benchmark of data augmentation: throughput of the input pipeline against that of the training step.

    python benchmarks/augmentation.py --json=augmentation.json

Both are measured on one core, to which this process is bound, in CPU time, so that other work on the machine hardly
matters. The pipeline is `training_batches` on synthetic images held in memory: shuffling, the operations of
`data.augment`, masks and batches. It is timed with the operations that the config lists, with each further operation
added, and with all of them. The step is `train_step` on one batch in the config's precision; the median of `--steps`
steps counts.
"""

import importlib
import json
import os
import statistics
import time
from pathlib import Path

import tensorflow as tf
from absl import app, flags

from ris_tf import model as models
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.settings.schema import CHANGES, MOVES, elements
from ris_tf.training import precision
from ris_tf.training.start import optimizer

_KINDS = {"rosettes": "rosettes", "nuclei": "tissue"}
_AIM = 3.0  # samples of the pipeline per image of the training step, at least
_WARM = 8  # batches before the timing starts, for tracing and prefetching


def lists(config):
    """The lists of operations to time: {name of the case: names of the operations}."""
    listed = elements(config)
    moves = tuple(name for name in listed if name in MOVES)
    changes = listed[len(moves) :]
    cases = {"as listed": listed}
    for name in MOVES + CHANGES:
        if name not in listed:
            cases[f"and {name}"] = (*moves, name, *changes)
    return {**cases, "all": (*MOVES, *CHANGES)}


def samples_a_second(records, config, seconds):
    """Samples per second of CPU time that the pipeline delivers, measured after a warm-up."""
    batches = iter(pipeline.training_batches(records, config))
    for _ in range(_WARM):
        next(batches)
    start, count = time.process_time(), 0
    while time.process_time() - start < seconds:
        next(batches)
        count += config.train.batch
    return count / (time.process_time() - start)


def images_a_second(records, config, steps):
    """Images per second of CPU time that the training step consumes."""
    model = models.build(config, config.train.precision)
    model.compile(optimizer(config))
    batch = next(iter(pipeline.training_batches(records, config)))
    step, times = tf.function(model.train_step), []
    for _ in range(steps + 2):
        start = time.process_time()
        step(batch)["loss"].numpy()
        times.append(time.process_time() - start)
    return config.train.batch / statistics.median(times[2:])


def measure(name, values):
    """Measures one config; prints the figures and returns them as a dict."""
    config = importlib.import_module(f"ris_tf.configs.{name}").get_config()
    config.train.precision = precision.choose(config)
    side = config.data.synthetic_size
    records = Records(sources.open_source(f"synthetic:{_KINDS[name]}", "train", side, values.images, 1), config)
    taken = images_a_second(records, config, values.steps)
    height, width = config.model.size
    print(f"{name}: {height}x{width}, {config.train.precision}, the step takes {taken:.1f} images/s", flush=True)
    result = {"step_images_per_s": taken, "pipeline": {}}
    for case, listed in lists(config).items():
        config.data.augment = listed
        given = samples_a_second(records, config, values.seconds)
        result["pipeline"][case] = {"augment": listed, "samples_per_s": given, "ratio": given / taken}
        verdict = "" if given >= _AIM * taken else f"  below {_AIM:.0f}"
        print(f"  {case:<20} {given:7.1f} samples/s  {given / taken:5.1f} times the step{verdict}", flush=True)
    return result


def main(_):
    values = flags.FLAGS
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    tf.config.threading.set_intra_op_parallelism_threads(1)
    result = {name: measure(name, values) for name in values.configs}
    if values.json:
        Path(values.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("configs", list(_KINDS), list(_KINDS), "configs to measure")
    flags.DEFINE_integer("images", 40, "number of synthetic images", lower_bound=1)
    flags.DEFINE_integer("steps", 5, "timed training steps; the median counts", lower_bound=1)
    flags.DEFINE_float("seconds", 5.0, "CPU seconds of timing for each list of operations", lower_bound=0.0)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
