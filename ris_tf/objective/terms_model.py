"""Base class for Keras models with a custom training step that computes and reports several loss terms."""

import keras
import tensorflow as tf


class TermsModel(keras.Model):
    """Base class of a model that is built on construction and whose `train_step` computes several loss terms.

    Keras shows only values from its own metrics, so each term is tracked by a `keras.metrics.Mean`.
    """

    def track_terms(self, *names):
        """Creates a running mean for each of the named terms."""
        self.trackers = [keras.metrics.Mean(name=name) for name in names]

    def reported(self, terms, **further):
        """Updates the running means.

        Args:
          terms: {name: float32 [B]}.
          **further: scalars to report unchanged.

        Returns:
          dict of {name: mean so far} and of `further`, to be returned by `train_step` and `test_step`.
        """
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        values = {tracker.name: tracker.result() for tracker in self.trackers} | further
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            return {name: tf.reshape(value, [1]) for name, value in values.items()}  # Keras averages along this axis
        return values

    @property
    def metrics(self):
        return self.trackers

    def trace_again(self):
        """Makes a running `fit` retrace the training step, after a change of values that it treats as constants."""
        if self.train_function is not None:
            self.make_train_function(force=True)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Does nothing: the model is built, and Keras' method fails with several workers (Keras issue 20585)."""

    def compile_from_config(self, config):
        """Compiles the model again after loading; Keras requires this method of models that override `compile`."""
        self.compile(**keras.saving.deserialize_keras_object(config))
