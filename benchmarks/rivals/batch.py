"""Code shared by the Keras contestants of train_step.py: reads the batch, the weights and the config of a case."""

import json

import numpy as np
import tensorflow as tf
from ml_collections import ConfigDict


def read(spec):
    """Reads a spec of benchmarks/train_step.py: (data for `RIS.train_step`, config, weights in Keras's order)."""
    with np.load(spec["file"]) as file:
        arrays = dict(file)
    weights = [arrays[name] for name in sorted(arrays) if name[0] == "w" and name[1:].isdigit()]
    data = {name: tf.constant(arrays[name]) for name in ("image", "masks", "count")}
    return data, ConfigDict(json.loads(spec["config"])), weights


def policy(precision):
    """Name of the Keras dtype policy for a precision, "float32" or "bfloat16"."""
    return {"float32": "float32", "bfloat16": "mixed_bfloat16"}[precision]


def global_norm(gradients):
    """Norm of all gradients together, float."""
    return float(tf.linalg.global_norm([tf.cast(gradient, tf.float32) for gradient in gradients]))
