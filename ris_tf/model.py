"""RIS: the whole model, its training step and its prediction."""

import keras
import tensorflow as tf
from ml_collections import ConfigDict

from ris_tf.predict import predict_instances
from ris_tf.objective import objective, unroll
from ris_tf.recurrence import AttendForm, PaperForm


def build(config):
    """Builds the model of a config.

    Args:
      config: the object that a config file's `get_config()` returns.

    Returns:
      RIS, built, with random weights.
    """
    return RIS(config.to_dict() if hasattr(config, "to_dict") else config)


@keras.saving.register_keras_serializable(package="ris_tf")
class RIS(keras.Model):
    def __init__(self, config, **kwargs):
        super().__init__(**kwargs)
        self.config = ConfigDict(config)
        model = self.config.model
        if model.form == "attend":
            self.form = AttendForm(**model.attend)
        else:
            self.form = PaperForm(**model.paper)
        self.steps = model.steps
        self.trackers = [keras.metrics.Mean(name=n) for n in self._terms()]
        self.build((1, *model.size, model.channels))

    def _terms(self):
        names = ["loss", "hungarian", "matched_iou"]
        if self.config.model.form == "attend":
            names += ["attention", "query", "auxiliary"]
        return names

    def build(self, input_shape):
        if not self.built:
            self.call(tf.zeros(input_shape), steps=1)
            self.built = True

    @property
    def metrics(self):
        return self.trackers

    def call(self, images, training=None, steps=None):
        context, outputs = unroll(self.form, tf.cast(images, self.compute_dtype), steps or self.steps)
        return {"masks": self.form.masks(context, outputs), "scores": tf.sigmoid(outputs["score"])}

    def forcing(self):
        train = self.config.train
        start, end = train.forcing
        done = tf.cast(self.optimizer.iterations, tf.float32) / (train.forcing_until * train.steps)
        return start + (end - start) * tf.minimum(done, 1.0)

    def train_step(self, data):
        with tf.GradientTape() as tape:
            terms = self._objective(data, self.forcing())
            loss = tf.reduce_mean(terms["loss"])
        self.optimizer.apply(tape.gradient(loss, self.trainable_variables), self.trainable_variables)
        return self._update(terms)

    def test_step(self, data):
        return self._update(self._objective(data, 0.0))

    def _objective(self, data, forcing):
        return objective(
            self.form, tf.cast(data["image"], self.compute_dtype), data["masks"], data["count"], self.steps, self.config.loss, forcing
        )

    def _update(self, terms):
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        return {t.name: t.result() for t in self.trackers}

    def predict_instances(self, image):
        """Finds the instances of one image of any size and dtype; see `ris_tf.predict.predict_instances`."""
        return predict_instances(self._look, self.config, image)

    @tf.function(reduce_retracing=True)
    def _look(self, images):
        outputs = self(images)
        return outputs["masks"], outputs["scores"]

    def get_config(self):
        return {"config": self.config.to_dict()}
