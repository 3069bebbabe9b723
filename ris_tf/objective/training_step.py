"""Computes the gradients and loss terms of one training step, with or without XLA."""

import contextlib

import tensorflow as tf

from ris_tf.objective import matching
from ris_tf.objective.comparison import compare
from ris_tf.objective.rollout import Pass

_FIELDS = ("image", "masks", "count", "ignored")  # used fields of a batch; XLA cannot read others, such as names


@contextlib.contextmanager
def one_learning_rate(optimizer):
    """Context manager in which an optimizer follows its schedule once.

    Weight decay asks for the learning rate once for each weight, and Keras computes the schedule each time. To trace
    that took a fifth of the time in which a training compiles.
    """
    inner = getattr(optimizer, "inner_optimizer", optimizer)  # of a LossScaleOptimizer
    schedule = inner._learning_rate  # noqa: SLF001 - the public attribute does not take a tensor
    inner._learning_rate = inner.learning_rate
    try:
        yield
    finally:
        inner._learning_rate = schedule


class TrainingStep:
    """Computations of `RIS.train_step` and `RIS.test_step`.

    With XLA and the matching on the host (`split`), a training step has three parts: XLA runs the network forward, the
    host computes the matching, and XLA runs the network forward and backward with this matching. Otherwise the step is
    a single function.

    Args:
      model: RIS. Its form, number of steps, config, optimizer and trainable variables are read at each call.
      matcher: "scipy", on the host, or "graph", in TensorFlow.
      recompute: whether the gradient recomputes the activations of each step instead of keeping them.
      split: whether XLA compiles the parts before and after the matching separately.
    """

    def __init__(self, model, matcher, recompute, split):
        self.model, self.recompute, self.split = model, recompute, split
        self.match = matching.match_in_graph if matcher == "graph" else matching.match
        self.similarity = tf.function(self._similarity, jit_compile=True) if split else self._similarity
        self.backward = tf.function(self._backward, jit_compile=True) if split else self._backward

    def gradients(self, batch):
        """Computes the gradients of the mean loss.

        Args:
          batch: dict of tensors, see `comparison.compare`; other fields are ignored.

        Returns:
          gradients: list of tensors, one for each trainable variable, with the optimizer's loss scaling applied.
          terms: dict of float32 [B], see `Comparison.terms`.
        """
        batch = {name: batch[name] for name in _FIELDS if name in batch}
        seed = tf.stack([self.model.config.seed, tf.cast(self.model.optimizer.iterations, tf.int32)])
        forcing = self._forcing()
        assignment = self.match(*self.similarity(batch, forcing, seed)) if self.split else None
        return self.backward(batch, forcing, seed, assignment)

    def terms(self, batch):
        """Computes the loss terms of a batch for evaluation, without teacher forcing; see `Comparison.terms`."""
        compared = self._compare(batch, Pass(self.model.steps, seed=(self.model.config.seed, 0)))
        return compared.terms(self._matched(compared))

    def _forcing(self):
        """Probability of teacher forcing at this step; it changes linearly over the first part of training."""
        train = self.model.config.train
        start, end = train.forcing
        done = tf.cast(self.model.optimizer.iterations, tf.float32) / max(train.forcing_until * train.steps, 1.0)
        return start + (end - start) * tf.minimum(done, 1.0)

    def _training_pass(self, batch, forcing, seed):
        how = Pass(self.model.steps, forcing, self.model.config.train.midway, seed, self.recompute, training=True)
        return self._compare(batch, how)

    def _compare(self, batch, how):
        model = self.model
        batch = {**batch, "image": tf.cast(batch["image"], model.compute_dtype)}
        return compare(model.form, batch, model.config.loss, how)

    def _matched(self, compared):
        return self.match(compared.similarity, compared.rows, compared.columns)

    def _similarity(self, batch, forcing, seed):
        compared = self._training_pass(batch, forcing, seed)
        return compared.similarity, compared.rows, compared.columns

    def _backward(self, batch, forcing, seed, assignment=None):
        model = self.model
        with tf.GradientTape() as tape:
            compared = self._training_pass(batch, forcing, seed)
            terms = compared.terms(self._matched(compared) if assignment is None else assignment)
            loss = tf.reduce_mean(terms["loss"]) / tf.distribute.get_strategy().num_replicas_in_sync
            scaled = model.optimizer.scale_loss(loss)
        return tape.gradient(scaled, model.trainable_variables), terms
