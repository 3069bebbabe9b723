"""Training and prediction on a GPU, in one command of at most ten minutes; it also runs on a machine without one.

    python benchmarks/gpu.py --json=gpu.json
    python benchmarks/gpu.py --batches=2 --size=64 --minutes=2       # a trial on a CPU

For each batch size and each combination of precision (float32, bfloat16, float16) and XLA (off, on), the command trains
and predicts with the network of configs/base.py on noise. It prints images a second, the peak memory of the device, and
the share of the device's matmul peak in that precision, which it measures first. The floating-point operations of a
step are those that TensorFlow counts for the forward pass, times three for a training step, the usual estimate.

The first loss of each combination is compared with the loss on the CPU in float32. A combination that does not fit into
memory is printed as such. When the time is over, the rest is left out and named.
"""

import gc
import itertools
import json
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from ris_tf import model as models
from ris_tf.configs import base
from ris_tf.training.start import optimizer

_DTYPES = {"float32": tf.float32, "mixed_bfloat16": tf.bfloat16, "mixed_float16": tf.float16}
_OBJECTS, _WARM, _TIMED = 12, 2, 8
_FLAGS = flags.FLAGS
flags.DEFINE_list("batches", ["4", "16", "64"], "batch sizes")
flags.DEFINE_integer("size", 256, "side of the images, pixels; a multiple of 32", lower_bound=32)
flags.DEFINE_float("minutes", 9.0, "time after which no further combination is begun", lower_bound=0.1)
flags.DEFINE_string("json", None, "file for the figures")


def configuration(size, batch):
    """The config of all combinations, with the matching in TensorFlow, so that XLA compiles the whole step."""
    config = base.get_config()
    config.model.size, config.train.batch, config.train.matcher = (size, size), batch, "graph"
    return config


def noise(config):
    """A batch of noise images with random squares as objects: dict of NumPy arrays."""
    rng, batch, size = np.random.default_rng(0), config.train.batch, config.model.size[0]
    masks = np.zeros([batch, config.data.max_instances, size, size], np.uint8)
    side = size // 8
    for image in masks:
        for mask in image[:_OBJECTS]:
            y, x = rng.integers(0, size - side, 2)
            mask[y : y + side, x : x + side] = 1
    image = rng.random([batch, size, size, config.model.channels], np.float32)
    return {"image": image, "masks": masks, "count": np.full([batch], _OBJECTS, np.int32)}


def matmul_peak(dtype, side):
    """Floating-point operations a second of a product of two square matrices, the best of ten."""
    a = tf.cast(tf.random.normal([side, side]), dtype)
    multiply = tf.function(tf.matmul)
    best = np.inf
    for _ in range(10):
        began = time.perf_counter()
        float(tf.cast(multiply(a, a)[0, 0], tf.float32))  # waits for the device
        best = min(best, time.perf_counter() - began)
    return 2 * side**3 / best


def forward_operations(config):
    """Floating-point operations of the forward pass of one image, as TensorFlow counts them."""
    model = models.build(config)
    images = tf.zeros([1, *config.model.size, config.model.channels])
    from tensorflow.python.profiler import model_analyzer, option_builder  # there is no public API

    graph = tf.function(lambda x: model(x)).get_concrete_function(images).graph
    options = option_builder.ProfileOptionBuilder(option_builder.ProfileOptionBuilder.float_operation())
    return model_analyzer.profile(graph, options=options.with_empty_output().build()).total_float_ops


def seconds_of(function):
    """Median time of a call, after two that compile."""
    times = []
    for index in range(_WARM + _TIMED):
        began = time.perf_counter()
        function()
        if index >= _WARM:
            times.append(time.perf_counter() - began)
    return float(np.median(times))


def measured(config, dtype, xla, device):
    """Figures of one combination: dict; {"error": words} if it does not fit into memory."""
    keras.utils.set_random_seed(0)
    batch = {name: tf.constant(value) for name, value in noise(config).items()}
    images = batch["image"]
    try:
        model = models.build(config, dtype)
        model.compile(optimizer(config), jit_compile=xla, matcher="graph")
        if device == "GPU:0":
            tf.config.experimental.reset_memory_stats(device)
        step = tf.function(model.train_step, jit_compile=xla)
        first = float(step(batch)["batch_loss"])
        train = seconds_of(lambda: float(step(batch)["batch_loss"]))
        look = tf.function(lambda x: model(x)["scores"], jit_compile=xla)
        predict = seconds_of(lambda: look(images).numpy())
    except tf.errors.ResourceExhaustedError:
        return {"error": "does not fit into memory"}
    peak = tf.config.experimental.get_memory_info(device)["peak"] / 2**20 if device == "GPU:0" else None
    count = config.train.batch
    return {"loss": first, "train": count / train, "predict": count / predict, "peak_mib": peak}


def main(arguments):
    del arguments
    began, rows, left_out = time.perf_counter(), [], []
    device = "GPU:0" if tf.config.list_physical_devices("GPU") else "CPU:0"
    details = tf.config.experimental.get_device_details(tf.config.list_physical_devices(device[:3])[0])
    print(f"{details.get('device_name', device)}, TensorFlow {tf.__version__}, {_FLAGS.size}x{_FLAGS.size} pixels")
    side = 8192 if device == "GPU:0" else 1024
    peaks = {dtype: matmul_peak(kind, side) for dtype, kind in _DTYPES.items()}
    print("matmul peak, TFLOP/s: " + ", ".join(f"{dtype} {peak / 1e12:.2f}" for dtype, peak in peaks.items()))
    config = configuration(_FLAGS.size, 1)
    operations = forward_operations(config)
    print(f"{operations / 1e9:.1f} GFLOP for the forward pass of an image")
    print(
        f"{'batch':>5} {'precision':>15} {'XLA':>4} {'train/s':>9} {'peak':>6} {'predict/s':>9} {'peak':>6} "
        f"{'MiB':>7}  loss (and difference from the CPU's)"
    )
    for batch, xla, dtype in itertools.product(map(int, _FLAGS.batches), (False, True), _DTYPES):
        if time.perf_counter() - began > 60 * _FLAGS.minutes:
            left_out.append(f"batch {batch}, {dtype}, XLA {'on' if xla else 'off'}")
            continue
        config = configuration(_FLAGS.size, batch)
        if not rows or rows[-1]["batch"] != batch:
            with tf.device("CPU:0"):
                exact = reference(config)
        row = {"batch": batch, "precision": dtype, "xla": xla, **measured(config, dtype, xla, device)}
        if "error" not in row:
            row["loss_difference"] = row["loss"] - exact
            row["train_share"] = 3 * operations * row["train"] / peaks[dtype]
            row["predict_share"] = operations * row["predict"] / peaks[dtype]
        rows.append(row)
        print(line(row), flush=True)
        keras.backend.clear_session()
        gc.collect()
    if left_out:
        print("left out, because the time was over: " + "; ".join(left_out))
    if _FLAGS.json:
        result = {"device": details, "tensorflow": tf.__version__, "size": _FLAGS.size, "matmul": peaks, "rows": rows}
        Path(_FLAGS.json).write_text(json.dumps({**result, "left_out": left_out}, indent=2) + "\n", "utf-8")


def reference(config):
    """The first loss in float32 on the CPU."""
    keras.utils.set_random_seed(0)
    model = models.build(config)
    model.compile(optimizer(config), matcher="graph")
    return float(tf.function(model.train_step)(noise(config))["batch_loss"])


def line(row):
    """A row of the table."""
    begin = f"{row['batch']:5d} {row['precision']:>15} {'on' if row['xla'] else 'off':>4} "
    if "error" in row:
        return begin + row["error"]
    memory = f"{row['peak_mib']:7.0f}" if row["peak_mib"] is not None else f"{'-':>7}"
    shares = f"{row['train']:9.1f} {row['train_share']:6.1%} {row['predict']:9.1f} {row['predict_share']:6.1%}"
    return f"{begin}{shares} {memory}  {row['loss']:.4f} ({row['loss_difference']:+.4f})"


if __name__ == "__main__":
    app.run(main)
