"""What the contestants on Keras share: the batch, the weights and the config of a case."""

import json

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict


def read(spec):
    """(data of `RIS.train_step`, config, weights in Keras's order) of a spec of benchmarks/train_step.py."""
    with np.load(spec["file"]) as file:
        arrays = dict(file)
    weights = [arrays[name] for name in sorted(arrays) if name[0] == "w" and name[1:].isdigit()]
    data = {name: tf.constant(arrays[name]) for name in ("image", "masks", "count")}
    return data, ConfigDict(json.loads(spec["config"])), weights


def policy(precision):
    """Keras's name of a precision."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]


def global_norm(gradients):
    return float(tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients]))
