#!/usr/bin/env bash
# Weight decay with a learning rate schedule, in Keras 3.15.1.
#
# Expected: one training step asks the schedule for its value once, whatever the number of weights.
# Seen on 2026-11-30 (Keras 3.15.1, JAX 0.7.2, NumPy 2.4.6): with weight decay, Keras asks once more for every weight. In
# a traced step with TensorFlow, the graph of the schedule is built that often; for a network with 84 weights and
# CosineDecay with a warm-up, this took a fifth of the time to the first step. Without weight decay it is asked once.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check keras==3.15.1 jax==0.7.2 numpy==2.4.6
cd "$folder"
KERAS_BACKEND=jax env/bin/python - <<'PYTHON'
import keras
import numpy as np

WEIGHTS = 10


class Counted(keras.optimizers.schedules.LearningRateSchedule):
    asked = 0

    def __call__(self, step):
        Counted.asked += 1
        return 0.1


optimizers = {
    "Adam": keras.optimizers.Adam(Counted()),
    "AdamW": keras.optimizers.AdamW(Counted(), weight_decay=0.01),
    "SGD with weight decay": keras.optimizers.SGD(Counted(), weight_decay=0.01),
}
seen = {}
for name, optimizer in optimizers.items():
    weights = [keras.Variable(np.ones(3, "float32")) for _ in range(WEIGHTS)]
    optimizer.build(weights)
    Counted.asked = 0
    optimizer.apply([np.ones(3, "float32")] * WEIGHTS, weights)
    seen[name] = Counted.asked
    print(f"{name}: {WEIGHTS} weights, one step, schedule asked {Counted.asked} times")
assert seen == {"Adam": 1, "AdamW": WEIGHTS + 1, "SGD with weight decay": WEIGHTS + 1}, "asked otherwise now"
PYTHON
