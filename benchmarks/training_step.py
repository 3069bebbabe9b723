"""Times one training step of the default model, beside the recurrence alone built from keras.layers.ConvLSTM2D.

    python benchmarks/training_step.py --json=step.json

Ours is the whole step: encoder, 20 steps of recurrence, inhibition, masks, matching on the host, gradients, optimizer.
The rival is one ConvLSTM2D of the same channels over the same 20 steps at the same resolution, forward and backward,
with nothing else; Keras convolves the unchanging input anew at every step.
"""

import json
import statistics
import time
from pathlib import Path

import keras
import numpy as np
import tensorflow as tf
from absl import app, flags

from ris_tf.configs import base
from ris_tf.model import build
from ris_tf.train import optimizer

_SIZE, _BATCH, _STEPS, _OBJECTS = 256, 4, 20, 12


def our_step():
    config = base.get_config()
    config.model.size, config.model.steps = (_SIZE, _SIZE), _STEPS
    model = build(config)
    model.compile(optimizer(config))
    rng = np.random.default_rng(0)
    masks = np.zeros([_BATCH, config.data.max_instances, _SIZE, _SIZE], np.uint8)
    for image in masks:
        for mask in image[:_OBJECTS]:
            y, x = rng.integers(0, _SIZE - 30, 2)
            mask[y : y + 25, x : x + 25] = 1
    data = {
        "image": tf.constant(rng.random([_BATCH, _SIZE, _SIZE, 3], np.float32)),
        "masks": tf.constant(masks),
        "count": tf.fill([_BATCH], _OBJECTS),
    }
    step = tf.function(model.train_step)
    return lambda: step(data)["loss"].numpy()


def keras_convlstm():
    channels = base.get_config().model.attend.state
    layer = keras.layers.ConvLSTM2D(channels, 3, padding="same", return_sequences=True)
    features = tf.random.normal([_BATCH, _SIZE // 8, _SIZE // 8, channels])

    @tf.function
    def step():
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(layer(tf.repeat(features[:, None], _STEPS, axis=1)))
        return tape.gradient(loss, layer.trainable_variables)[0]

    layer(tf.repeat(features[:, None], _STEPS, axis=1))
    return lambda: step().numpy()


def seconds(run, repeats):
    run()
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        run()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main(_):
    ours = seconds(our_step(), flags.FLAGS.repeats)
    theirs = seconds(keras_convlstm(), flags.FLAGS.repeats)
    result = {"step_seconds": ours, "keras_convlstm_seconds": theirs, "ratio": ours / theirs}
    print(f"one training step, {_SIZE}x{_SIZE}, batch {_BATCH}, {_STEPS} steps: {ours:.3f} s")
    print(f"keras.layers.ConvLSTM2D alone, forward and backward:    {theirs:.3f} s   ratio {ours / theirs:.2f}")
    if flags.FLAGS.json:
        Path(flags.FLAGS.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("json", None, "file to write the figures to")
    flags.DEFINE_integer("repeats", 10, "timed runs, of which the median counts", lower_bound=1)
    app.run(main)
