"""Benchmark of the training step against the same network on `keras.layers.ConvLSTM2D` and in PyTorch.

    python benchmarks/train_step.py --torch_python=PYTHON --json=step.json

A step is a complete training step: encoder, recurrence, inhibition, masks, matching on the host, gradients, clipping
and optimizer. The cases are "leaf", the published leaf network (530x500 pixels, 106x100 cells, 20 steps, batch 4), and
"default", the network of configs/base.py (256x256, 20 steps, batch 4). Each contestant is a process of its own; they
take turns in random order. The median of each counts, at its better precision. PyTorch runs under the interpreter
PYTHON, which needs torch, numpy and scipy; without --torch_python, PyTorch is left out.

With --check, loss and gradient norm of all contestants are compared under the same weights, and nothing is timed. They
are equal, except for the gradient norm of rivals that have one bias where this package's ConvLSTM has two.
"""

import contextlib
import json
import random
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags
from tqdm import tqdm

from ris_tf import model as models
from ris_tf.configs import base, leaves_paper
from ris_tf.objective import matching
from ris_tf.objective.random_numbers import uniform
from ris_tf.training.start import optimizer

_STEPS, _BATCH, _OBJECTS = 20, 4, 12
_PRECISIONS = ("float32", "bfloat16")
_CONTESTANTS = ("ours", "keras", "torch", "torch_compiled")
_TARGETS = {"keras": 2.0, "torch": 1.3, "torch_compiled": 1.0}
_RIVALS = Path(__file__).parent / "rivals"


def configuration(case):
    """Config of a case, "leaf" or "default", with the steps and the batch size of the benchmark."""
    config = {"leaf": leaves_paper, "default": base}[case].get_config()
    config.model.steps, config.train.batch, config.train.unroll = _STEPS, _BATCH, 0
    return config


def batch(config):
    """A batch of noise images with random squares as objects: {name: NumPy array}."""
    height, width = config.model.size
    rng = np.random.default_rng(0)
    masks = np.zeros([_BATCH, config.data.max_instances, height, width], np.uint8)
    for image in masks:
        for mask in image[:_OBJECTS]:
            y, x = rng.integers(0, height - 40), rng.integers(0, width - 40)
            mask[y : y + 35, x : x + 35] = 1
    image = rng.random([_BATCH, height, width, config.model.channels], np.float32)
    return {"image": image, "masks": masks, "count": np.full([_BATCH], _OBJECTS, np.int32)}


def weights(config):
    """Random weights that all contestants can use, none of them zero where it need not be: {"w000": array, ...}."""
    keras.utils.set_random_seed(0)
    form, rng = models.build(config).form, np.random.default_rng(1)
    for weight in form.trainable_variables:
        weight.assign(weight + 0.02 * rng.normal(size=weight.shape))
    if config.model.form == "attend":  # ConvLSTM2D has 3x3 kernels only: zero outside of them
        kernel = form.lstm.coverage_conv.kernel
        kernel.assign(np.pad(kernel.numpy()[1:-1, 1:-1], [(1, 1), (1, 1), (0, 0), (0, 0)]))
    return {f"w{index:03}": value for index, value in enumerate(form.get_weights())}


def draws(config):
    """Random numbers of `query_loss` in the first step, for contestants without this package's generator."""
    if config.model.form == "paper":
        return {}
    objects, queries = config.data.max_instances, min(config.loss.queries, config.data.max_instances)
    cells = config.model.size[0] * config.model.size[1] // 16
    seed = (config.seed, 0)
    return {
        "noise": uniform([_BATCH, objects], seed, 1001).numpy(),
        "core_draw": uniform([_BATCH, queries], seed, 1002).numpy(),
        "pool_draw": uniform([_BATCH, queries, cells], seed, 1003, low=0.5).numpy(),
    }


class Contestant:
    """A contestant in a worker process, see rivals/worker.py."""

    def __init__(self, name, case, precision, config, arrays, torch_python):
        form = {"leaf": "paper", "default": "attend"}[case]
        module = "ours" if name == "ours" else f"{name.split('_')[0]}_{form}"
        spec = {"precision": precision, "steps": _STEPS, "compile": name.endswith("compiled"), "file": str(arrays)}
        spec |= {"stride": config.model.paper.reduction, "config": json.dumps(config.to_dict())}
        path = arrays.with_name(f"{name}_{precision}.json")
        path.write_text(json.dumps(spec))
        python = torch_python if name.startswith("torch") else sys.executable
        self.name = name
        self.process = subprocess.Popen(
            [python, str(_RIVALS / "worker.py"), module, str(path)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def ask(self, order):
        """Sends an order, "step" or "check", and returns the answer, a dict."""
        with contextlib.suppress(BrokenPipeError):
            print(order, file=self.process.stdin, flush=True)
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self.name}: the worker process ended with exit status {self.process.wait()}")
        return json.loads(answer)

    def stop(self):
        self.process.terminate()
        self.process.wait()


def matmul_peak(precision, side=4096, repeats=5):
    """Floating point operations per second of a large square matrix product, the best of several runs."""
    a = tf.cast(tf.random.normal([side, side]), precision)
    product = tf.function(lambda: tf.reduce_sum(tf.cast(tf.matmul(a, a), tf.float32)))
    product().numpy()
    return max(2 * side**3 / seconds(product) for _ in range(repeats))


def seconds(run):
    start = time.perf_counter()
    run().numpy()
    return time.perf_counter() - start


def flops(config, arrays):
    """Floating point operations of the convolutions and matrix products in the training step, from its graph."""
    model = models.build(config)
    model.compile(optimizer(config))
    data = {name: tf.constant(arrays[name]) for name in ("image", "masks", "count")}
    return sum(map(_operations, tf.function(model.train_step).get_concrete_function(data).graph.get_operations()))


def _operations(op):
    """Floating point operations of a node of a graph, int; 0 unless it is a convolution or a matrix product."""
    if op.type.startswith("Conv2D"):  # each number of the output takes the products of one kernel
        kernel = op.outputs[0] if op.type == "Conv2DBackpropFilter" else op.inputs[1]
        moved = op.outputs[0] if op.type == "Conv2D" else op.inputs[2]
        return 2 * kernel.shape.num_elements() * moved.shape.num_elements() // kernel.shape[-1]
    if op.type in ("MatMul", "BatchMatMulV2"):
        transposed = op.get_attr("transpose_a" if op.type == "MatMul" else "adj_x")
        return 2 * op.inputs[0].shape[-2 if transposed else -1] * op.outputs[0].shape.num_elements()
    return 0


def matching_seconds(config):
    """Median seconds of the matching on the host for a batch of random similarities."""
    similarity = tf.random.uniform([_BATCH, _STEPS, config.data.max_instances])
    rows = columns = tf.fill([_BATCH], _OBJECTS)
    match = tf.function(lambda: matching.match(similarity, rows, columns))
    seconds(match)
    return statistics.median(seconds(match) for _ in range(50))


def compete(case, precision, names, values, arrays):
    """Runs all contestants: {name: [answer, ...]}, with one answer for --check, otherwise one per round."""
    config = configuration(case)
    contestants = [Contestant(name, case, precision, config, arrays, values.torch_python) for name in names]
    try:
        if values.check:
            return {one.name: [one.ask("check")] for one in contestants}
        for one in tqdm(contestants, f"{case} {precision}: first steps", leave=False):
            for _ in range(3):
                one.ask("step")
        answers = {one.name: [] for one in contestants}
        for _ in tqdm(range(values.rounds), f"{case} {precision}", leave=False):
            for one in random.sample(contestants, len(contestants)):
                answers[one.name].append(one.ask("step"))
        return answers
    finally:
        for one in contestants:
            one.stop()


def summary(case, times, config, arrays, peaks):
    """Prints and returns the medians, the ratios to the rivals (each at its best precision), and the shares of peak."""
    medians = {name: {p: statistics.median(t[name]) for p, t in times.items()} for name in times[_PRECISIONS[0]]}
    print(f"{case}: {config.model.size[0]}x{config.model.size[1]}, {_STEPS} steps, batch {_BATCH}")
    for name, row in medians.items():
        print(f"  {name:<16}" + "".join(f"{p} {row[p]:.3f} s   " for p in _PRECISIONS))
    best = {name: min(row, key=row.get) for name, row in medians.items()}
    result = {"seconds": medians, "ratios": {}}
    for name, target in _TARGETS.items():
        if name in medians:
            ratio = medians[name][best[name]] / medians["ours"][best["ours"]]
            result["ratios"][name] = ratio
            print(f"  {ratio:.2f} times as fast as {name}, best precision of each (target: {target:.1f})")
    precision, ours = best["ours"], medians["ours"][best["ours"]]
    result["flops"] = flops(config, arrays)
    result["matmul_peak"] = peaks
    result["share_of_peak"] = result["flops"] / ours / peaks[precision]
    result["matching_share"] = matching_seconds(config) / ours
    print(f"  {result['flops'] / 1e9:.0f} GFLOP, {result['share_of_peak']:.0%} of the {precision} matmul peak", end="")
    print(f" ({peaks[precision] / 1e9:.0f} GFLOP/s); matching {result['matching_share']:.2%} of the step")
    return result


def main(_):
    values, result = flags.FLAGS, {}
    names = [name for name in values.contestants if values.torch_python or not name.startswith("torch")]
    if len(names) < len(values.contestants):
        print("PyTorch is left out; give --torch_python, a Python interpreter with PyTorch, to include it")
    peaks = {} if values.check else {precision: matmul_peak(precision) for precision in _PRECISIONS}
    with tempfile.TemporaryDirectory() as folder:
        for case in values.cases:
            config, path, times = configuration(case), Path(folder) / f"{case}.npz", {}
            arrays = {**batch(config), **draws(config), **weights(config)}
            np.savez(path, **arrays)
            for precision in _PRECISIONS:
                answers = compete(case, precision, names, values, path)
                if values.check:
                    for name, (answer,) in answers.items():
                        print(f"{case:<8} {precision:<9} {name:<15}", json.dumps(answer))
                else:
                    times[precision] = {name: [a["seconds"] for a in rows] for name, rows in answers.items()}
            if not values.check:
                result[case] = summary(case, times, config, arrays, peaks)
    if values.json:
        Path(values.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_multi_enum("cases", ["leaf", "default"], ["leaf", "default"], "networks to measure")
    flags.DEFINE_multi_enum("contestants", list(_CONTESTANTS), _CONTESTANTS, "contestants; must include ours")
    flags.DEFINE_integer("rounds", 9, "timed steps of each contestant and precision", lower_bound=1)
    flags.DEFINE_string("torch_python", None, "Python interpreter with torch, numpy and scipy")
    flags.DEFINE_bool("check", False, "compare loss and gradient norm instead of timing")
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
