"""Benchmark of recomputing activations: peak memory and time of a training step with and without it.

    python benchmarks/memory.py --steps=20 --steps=60 --json=memory.json

Memory is the peak of TensorFlow's allocator during a step, minus what it held before. The memory of the process would
say little, because building and optimising the graph of 60 steps takes hundreds of MiB, independently of the
activations. Every measurement is made in a process of its own. The two variants are measured one directly after the
other, so that the ratio of their times is meaningful.
"""

import json
import statistics
import subprocess
import sys
import time
from pathlib import Path

import tensorflow as tf
from absl import app, flags
from train_step import batch, configuration

from ris_tf import model as models
from ris_tf.training.start import optimizer


def measure(case, steps, recompute, precision, repeats):
    """Measures a training step in this process: {"bytes": peak minus what was held before, "seconds": median}."""
    config = configuration(case)
    config.model.steps = steps
    model = models.build(config, precision)
    model.compile(optimizer(config), recompute=recompute)
    data = {name: tf.constant(array) for name, array in batch(config).items()}
    step = tf.function(model.train_step)
    step(data)["loss"].numpy()
    memory = tf.config.experimental
    memory.reset_memory_stats("CPU:0")
    before = memory.get_memory_info("CPU:0")["current"]
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        step(data)["loss"].numpy()
        times.append(time.perf_counter() - start)
    most = memory.get_memory_info("CPU:0")["peak"]
    return {"bytes": most - before, "seconds": statistics.median(times)}


def in_a_process(case, steps, recompute, values):
    """Same as `measure`, in a new process."""
    arguments = [f"--cases={case}", f"--steps={steps}", f"--recompute={recompute}", f"--repeats={values.repeats}"]
    arguments += [f"--precision={values.precision}", "--here"]
    run = subprocess.run([sys.executable, __file__, *arguments], stdout=subprocess.PIPE, text=True, check=True)
    return json.loads(run.stdout)


def main(_):
    values = flags.FLAGS
    steps = [int(number) for number in values.steps]
    if values.here:
        print(json.dumps(measure(values.cases[0], steps[0], values.recompute, values.precision, values.repeats)))
        return
    rows = []
    for case in values.cases:
        for number in steps:
            kept, again = (in_a_process(case, number, recompute, values) for recompute in (False, True))
            row = {"case": case, "steps": number, "kept": kept, "recomputed": again}
            row["memory_ratio"] = again["bytes"] / kept["bytes"]
            row["time_ratio"] = again["seconds"] / kept["seconds"]
            rows.append(row)
            print(
                f"{case:<8} {number:>3} steps   {kept['bytes'] / 2**20:6.0f} -> {again['bytes'] / 2**20:6.0f} MiB "
                f"({row['memory_ratio']:.2f})   {kept['seconds']:.2f} -> {again['seconds']:.2f} s "
                f"({row['time_ratio']:.2f})",
                flush=True,
            )
    if values.json:
        Path(values.json).write_text(json.dumps(rows, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("cases", ["leaf", "default"], ["leaf", "default"], "networks, see train_step.py")
    flags.DEFINE_multi_string("steps", ["20", "60"], "number of steps of the recurrence; can be given several times")
    flags.DEFINE_integer("repeats", 3, "timed training steps; the median counts", lower_bound=1)
    flags.DEFINE_string("precision", "float32", "precision: float32 or mixed_bfloat16")
    flags.DEFINE_bool("here", False, "measure only the first case and number of steps, in this process")
    flags.DEFINE_bool("recompute", False, "with --here: recompute activations")
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
