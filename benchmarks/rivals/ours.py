"""Contestant of train_step.py: the training step of this package, as ris-train runs it."""

import tensorflow as tf
from batch import global_norm, policy, read

from ris_tf import model as models
from ris_tf.training.start import optimizer


def make(spec):
    """(step, check) for a spec, see worker.py."""
    data, config, weights = read(spec)
    model = models.build(config, policy(spec["precision"]))
    model.form.set_weights(weights)
    return contest(model, data)


def contest(model, data):
    """(step, check) for a model and one batch; see worker.py."""
    model.compile(optimizer(model.config))
    train_step = tf.function(model.train_step)
    gradients = tf.function(model._step._backward)

    def check():
        values, terms = gradients(data, 1.0, tf.constant([model.config.seed, 0]))
        return {"loss": float(tf.reduce_mean(terms["loss"])), "gradient_norm": global_norm(values)}

    return lambda: float(train_step(data)["batch_loss"]), check
