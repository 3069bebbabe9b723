"""The precision that trains faster on the device at hand, for processors differ in it by an order of magnitude."""

import time

import numpy as np
import tensorflow as tf

from ris_tf import workers

_LOWER = "mixed_bfloat16"
_WORTH = 0.9  # share of float32's time: for less than a tenth of it nobody gives up digits
_HOPELESS = 3  # times float32's time: seconds a round, then
_ROUNDS = 5


def choose(config, strategy=None):
    """The Keras dtype policy to train in.

    "auto" times two convolutions with their gradients, a few seconds in all. In bfloat16 they save time on a processor
    that multiplies it in hardware, and take up to forty times as long without (docs/research.md).

    Args:
      config: of the run; `train.precision`, `train.deterministic` and `train.jit_compile` are read.
      strategy: of the run; workers take the mean of what they measured, so that all choose the same.

    Returns:
      `train.precision`; for "auto" "mixed_bfloat16" where it takes less than 0.9 of the time, "float32" otherwise and
      under `train.deterministic`, for a choice by time cannot be repeated.
    """
    train = config.train
    if train.precision != "auto":
        return train.precision
    if train.deterministic:
        return "float32"
    ratio = _seconds_ratio(train.jit_compile)
    return _LOWER if np.mean(workers.gathered(strategy, ratio)) < _WORTH else "float32"


def _seconds_ratio(jit_compile):
    """Time of a block of convolutions and its gradient in bfloat16 as a share of that in float32; inf: not at hand."""
    try:
        steps = {dtype: _block(dtype, jit_compile) for dtype in (tf.float32, tf.bfloat16)}
        best = dict.fromkeys(steps, np.inf)
        for _ in range(_ROUNDS):  # in turns, so that other work on the machine slows both
            for dtype, step in steps.items():
                start = time.perf_counter()
                step()
                best[dtype] = min(best[dtype], time.perf_counter() - start)
            if best[tf.bfloat16] > _HOPELESS * best[tf.float32]:
                break
    except tf.errors.OpError:
        return np.inf
    return best[tf.bfloat16] / best[tf.float32]


def _block(dtype, jit_compile):
    """Function that computes gradients through two convolutions in a dtype, of weights in float32; it ran once."""
    images, kernel = tf.ones([2, 64, 64, 64]), tf.fill([3, 3, 64, 64], 0.01)

    @tf.function(jit_compile=jit_compile, autograph=False)
    def gradients(images, kernel):
        with tf.GradientTape() as tape:
            tape.watch((images, kernel))
            x, weights = tf.cast(images, dtype), tf.cast(kernel, dtype)
            for _ in range(2):
                x = tf.nn.relu(tf.nn.conv2d(x, weights, 1, "SAME"))
            loss = tf.reduce_sum(tf.cast(x, tf.float32))
        return [tf.reduce_sum(gradient) for gradient in tape.gradient(loss, (images, kernel))]

    def run():
        return [gradient.numpy() for gradient in gradients(images, kernel)]  # waits for the device

    run()
    return run
