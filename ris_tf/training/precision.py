"""Chooses the floating-point precision that trains faster on this device; processors differ by a factor of ten."""

import time

import numpy as np
import tensorflow as tf

from ris_tf.training import workers

_LOWER = "mixed_bfloat16"
_WORTH = 0.9  # share of float32's time; saving less than a tenth is not worth the loss of digits
_HOPELESS = 3  # times float32's time; measuring stops there, because a round would take seconds
_ROUNDS = 5


def choose(config, strategy=None):
    """Chooses the Keras dtype policy of the training.

    "auto" times two convolutions with their gradients, which takes a few seconds in all. In bfloat16 they are faster on
    a processor that multiplies bfloat16 in hardware. On other processors they take up to forty times as long (see
    docs/research/training-speed.md).

    Args:
      config: config of the run; `train.precision`, `train.deterministic` and `train.jit_compile` are read.
      strategy: tf.distribute strategy of the run. Workers take the mean of their measurements, so that all choose the
        same precision.

    Returns:
      `train.precision` unless it is "auto". For "auto", "mixed_bfloat16" if it takes less than 0.9 of the time,
      otherwise "float32". With `train.deterministic`, "auto" is always "float32", because a choice by time is not
      repeatable.
    """
    train = config.train
    if train.precision != "auto":
        return train.precision
    if train.deterministic:
        return "float32"
    ratio = _seconds_ratio(train.jit_compile)
    return _LOWER if np.mean(workers.gathered(strategy, ratio)) < _WORTH else "float32"


def _seconds_ratio(jit_compile):
    """Time of some convolutions and their gradients in bfloat16, relative to float32; inf if bfloat16 is missing."""
    try:
        steps = {dtype: _block(dtype, jit_compile) for dtype in (tf.float32, tf.bfloat16)}
        best = dict.fromkeys(steps, np.inf)
        for _ in range(_ROUNDS):  # in turns, so that other load on the machine slows both
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
    """Returns a function that computes gradients through two convolutions in a dtype, with weights in float32.

    The function was already called once, so that it is compiled.
    """
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
