#!/usr/bin/env bash
# tf.nn.avg_pool2d and max_pool2d on images with one channel, such as masks, on a CPU, TensorFlow 2.21.0.
#
# Expected: pooling takes no longer than the same sums and minima written with slices and reshapes, which pass over
# memory several times.
# Seen on 2026-11-30 (TensorFlow 2.21.0, NumPy 2.4.6; an AMD processor, busy, two runs): reducing 46 masks by two takes 5
# times as long with avg_pool2d as with two means over axes, and a 3x3 maximum 4 to 5 times as long with max_pool2d as
# with shifted copies. The values are equal. One channel takes 16 to 18 times as long as 32 channels with as many
# values. So masks should be pooled by other means, or lie in the channels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tensorflow==2.21.0 numpy==2.4.6
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=2 env/bin/python - <<'PYTHON'
import time

import numpy as np
import tensorflow as tf

masks = tf.cast(tf.random.uniform([46, 384, 384]) > 0.5, tf.float32)
small = tf.random.uniform([46, 192, 192])


def pooled(x):
    return tf.nn.avg_pool2d(x[..., None], 2, 2, "VALID")[..., 0]


def means(x):
    rows = tf.reduce_mean(tf.reshape(x, [46, 192, 2, 384]), axis=2)
    return tf.reduce_mean(tf.reshape(rows, [46, 192, 192, 2]), axis=3)


def largest(x):
    return tf.nn.max_pool2d(x[..., None], 3, 1, "SAME")[..., 0]


def shifted(x):
    for axis in (1, 2):
        p = tf.pad(x, [[0, 0], [int(axis == 1)] * 2, [int(axis == 2)] * 2])
        a, b, c = ((p[:, i : i + 192] if axis == 1 else p[:, :, i : i + 192]) for i in range(3))
        x = tf.maximum(tf.maximum(a, b), c)
    return x


def seconds(function, x):
    run, times = tf.function(function, autograph=False), []
    run(x)
    for _ in range(9):
        start = time.process_time()
        run(x)
        times.append(time.process_time() - start)
    return float(np.median(times))


ratios = []
for kernel, other, x in ((pooled, means, masks), (largest, shifted, small)):
    np.testing.assert_array_equal(kernel(x), other(x))
    ratios.append(seconds(kernel, x) / seconds(other, x))
    print(f"{kernel.__name__} takes {ratios[-1]:.1f} times as long as {other.__name__}, with equal values")
wide = seconds(lambda x: tf.nn.avg_pool2d(x, 2, 2, "VALID"), tf.reshape(masks[:32], [1, 384, 384, 32]))
ratios.append(seconds(pooled, masks) * 32 / 46 / wide)
print(f"one channel takes {ratios[-1]:.1f} times as long as 32 channels with as many values")
assert min(ratios) > 2, "pooling of one channel is fast now"
PYTHON
