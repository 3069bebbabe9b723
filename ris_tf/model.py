"""RIS: the model as Keras knows it, with its training step and its prediction."""

import contextlib
import json

import keras
import tensorflow as tf

from ris_tf import inference, matching, presets, settings
from ris_tf.curriculum import check_state
from ris_tf.errors import UsageError
from ris_tf.objective import Comparison, unroll
from ris_tf.recurrence import AttendForm, PaperForm

_FORMS = {"attend": AttendForm, "paper": PaperForm}


def build(config, dtype="float32"):
    """Builds the model of a config, with random weights.

    Args:
      config: ConfigDict from a config file's `get_config()`, or the same as a dict.
      dtype: Keras dtype policy.

    Returns:
      RIS.

    Raises:
      UsageError: a field of the config is out of range.
    """
    return RIS(config, dtype)


@contextlib.contextmanager
def _precision(policy):
    """Layers made within take this dtype policy unless they name their own."""
    before = keras.config.dtype_policy()
    keras.config.set_dtype_policy(policy)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)


def _check_progress(value):
    """Raises UsageError unless a value, which a file may hold, is as of `RIS.progress`."""

    def is_mean(pair):
        return isinstance(pair, list) and len(pair) == 2 and all(isinstance(number, float) for number in pair)

    right = isinstance(value, dict) and value.keys() == {"step", "means"} and isinstance(value["step"], int)
    if value and not (right and isinstance(value["means"], dict) and all(map(is_mean, value["means"].values()))):
        raise UsageError(f"progress is {str(value)[:60]!r}; expected step and means of a training")


@keras.saving.register_keras_serializable(package="ris_tf")
class RIS(keras.Model):
    """Recurrent instance segmentation: looks at an image once, then picks out one object after another.

    Made from a config alone, which is saved with it. Reads normalised images (`ris_tf.data.normalize`), float32
    [B, *config.model.size, config.model.channels]; `predict_instances` takes any image.

    `fit` and `evaluate` take batches of {"image": float32 [B, H, W, C], "masks": uint8 [B, N, H, W], "count": int32
    [B]}, of which the first `count` masks are used; "ignored", uint8 [B, H, W], may mark pixels that teach nothing.

    Args:
      config: ConfigDict or dict, see configs/base.py.
      dtype: Keras dtype policy, such as "mixed_bfloat16"; softmax, masks, IoU and losses stay float32 under each.

    Attributes:
      steps: steps of the recurrence in training and `evaluate`; a curriculum raises them.
      curriculum: dict, state of a curriculum, saved with the model; empty without one.
      progress: dict, {"step": training steps done, "means": {term: [total, count] since the last measurement}}, saved
        with the model; empty outside ris-train.
    """

    def __init__(self, config, dtype="float32", curriculum=None, progress=None, **kwargs):
        super().__init__(dtype=dtype, **kwargs)
        check_state(curriculum)
        _check_progress(progress)
        self._curriculum = json.dumps(curriculum or {})  # Keras would track a dict as layers
        self._progress = json.dumps(progress or {})
        self.config = settings.complete(config)
        settings.check(self.config)
        shape = self.config.model
        self.steps = self.config.train.unroll or shape.steps
        with _precision(dtype):
            encoder = {
                "attend": {"frozen_statistics": shape.mobilenet_v2.weights != "random"},
                "paper": {"fcn8s": {"widths": shape.fcn8s.widths, "dense": shape.fcn8s.dense}},
            }
            self.form = _FORMS[shape.form](**shape[shape.form], **encoder[shape.form])
        if any(length % self.form.size_multiple for length in shape.size):
            raise UsageError(f"model.size is {shape.size}; both must be multiples of {self.form.size_multiple}")
        terms = ["loss", "hungarian", "matched_iou", *self.form.extra_terms]
        self.trackers = [keras.metrics.Mean(name=name) for name in terms]
        self.build((None, *shape.size, shape.channels))

    @classmethod
    def from_preset(cls, name):
        """Loads a model that ships with the package.

        Args:
          name: one of `ris_tf.presets.names()`.

        Raises:
          UsageError: no such preset.
        """
        config, weights = presets.find(name)
        model = cls(config)
        presets.load(model, weights)
        return model

    def build(self, input_shape):
        if not self.built:
            unroll(self.form, tf.zeros((1, *input_shape[1:]), self.compute_dtype), 1)
            self.form.built = self.built = True  # a form is used by its methods, never called

    @property
    def curriculum(self):
        return json.loads(self._curriculum)

    @curriculum.setter
    def curriculum(self, state):
        self._curriculum = json.dumps(state)

    @property
    def progress(self):
        return json.loads(self._progress)

    @progress.setter
    def progress(self, state):
        self._progress = json.dumps(state)

    def trace_again(self):
        """Makes a running `fit` take up a change of `steps`."""
        if self.train_function is not None:
            self.make_train_function(force=True)

    @property
    def metrics(self):
        return self.trackers

    def call(self, images, training=None):
        """images: float [B, H, W, C] -> {"masks": float32 [B, T, h, w], "scores": float32 [B, T]}, all in [0, 1]."""
        context, outputs = unroll(self.form, tf.cast(images, self.compute_dtype), self.config.model.steps)
        return {"masks": self.form.masks(context, outputs), "scores": tf.sigmoid(outputs["score"])}

    def predict_instances(self, image, crf=False):
        """Finds the instances of one image.

        Args:
          image: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of any size; uint8, uint16, bool or float.
          crf: whether each mask is refined by a fully connected CRF (config.predict.crf); needs pydensecrf2.

        Returns:
          Instances: labels int32 [H, W], masks bool [count, H, W], scores float32 [count], count.

        Raises:
          ValueError: the array is no image, or holds NaN or infinity.
          UsageError: `crf` without pydensecrf2.
        """
        return inference.predict_instances(self.look, self.config, image, crf, self.foreground)

    @tf.function(reduce_retracing=True)
    def look(self, images):
        """As `call`, compiled: images float32 [B, H, W, C] -> masks float32 [B, T, h, w], scores float32 [B, T]."""
        outputs = self(images)
        return outputs["masks"], outputs["scores"]

    @tf.function(reduce_retracing=True)
    def foreground(self, images):
        """Of the encoder alone: images as in `call` -> float32 [B, H / 2, W / 2] in [0, 1]. Attend form only."""
        return tf.sigmoid(self.form.encode(tf.cast(images, self.compute_dtype))["auxiliary"][..., 0])

    def compile(self, optimizer="adam", jit_compile=False, matcher="scipy", recompute=False, **kwargs):
        """As `keras.Model.compile`; the loss is the model's own.

        Args:
          optimizer: of Keras.
          jit_compile: True compiles with XLA. The matching on the host stays outside: XLA runs the network forward,
            then, the matching known, forward and backward. With the graph matcher the whole step is one XLA program.
          matcher: "scipy", on the host, or "graph", in TensorFlow.
          recompute: whether the activations of each step are computed again in the gradient in place of being kept.
          **kwargs: of `keras.Model.compile`.
        """
        self.matcher, self.recompute = matcher, recompute
        self.split = jit_compile and matcher == "scipy"
        if self.split:
            self._forward = tf.function(self._similarity, jit_compile=True)
            self._backward = tf.function(self._gradients, jit_compile=True)
        super().compile(optimizer=optimizer, jit_compile=jit_compile and not self.split, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def _maybe_symbolic_build(self, iterator=None, data_batch=None):
        """Nothing: all is built by now, and Keras' way fails under several workers (keras issue 20585)."""

    def compile_from_config(self, config):
        """Keras leaves this to models that have a `compile` of their own."""
        self.compile(**keras.saving.deserialize_keras_object(config))

    def train_step(self, data):
        known = ("image", "masks", "count", "ignored")
        data = {name: data[name] for name in known if name in data}  # names, which XLA cannot read, stay out
        randomness = self._forcing(), tf.stack([self.config.seed, tf.cast(self.optimizer.iterations, tf.int32)])
        if self.split:
            assignment = matching.match(*self._forward(data, *randomness))
            gradients, terms = self._backward(data, *randomness, assignment)
        else:
            gradients, terms = self._gradients(data, *randomness)
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            # Keras clips before it sums over the replicas: each gets an equal share of the sum, to be clipped as such.
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        self.optimizer.apply(gradients, self.trainable_variables)
        return self._track(terms, batch_loss=tf.reduce_mean(terms["loss"]))  # the others are means so far

    def test_step(self, data):
        compared = self._compare(data, 0.0, (self.config.seed, 0), training=False)
        return self._track(compared.terms(self._match(compared)))

    def _forcing(self):
        """Probability of teacher-forced coverage at this step: falls linearly over the first part of training."""
        train = self.config.train
        start, end = train.forcing
        done = tf.cast(self.optimizer.iterations, tf.float32) / max(train.forcing_until * train.steps, 1.0)
        return start + (end - start) * tf.minimum(done, 1.0)

    def _compare(self, data, forcing, seed, training=True):
        images = tf.cast(data["image"], self.compute_dtype)
        weights = self.config.loss
        truth, ignored = (data["masks"], data["count"]), data.get("ignored")
        how = forcing, seed, self.recompute, training, ignored
        return Comparison(self.form, images, *truth, self.steps, weights, *how)

    def _similarity(self, data, forcing, seed):
        compared = self._compare(data, forcing, seed)
        return compared.similarity, compared.rows, compared.columns

    def _gradients(self, data, forcing, seed, assignment=None):
        with tf.GradientTape() as tape:
            compared = self._compare(data, forcing, seed)
            if assignment is None:
                assignment = self._match(compared)
            terms = compared.terms(assignment)
            loss = tf.reduce_mean(terms["loss"]) / tf.distribute.get_strategy().num_replicas_in_sync
            scaled = self.optimizer.scale_loss(loss)
        return tape.gradient(scaled, self.trainable_variables), terms

    def _match(self, compared):
        match = matching.match_in_graph if self.matcher == "graph" else matching.match
        return match(compared.similarity, compared.rows, compared.columns)

    def _track(self, terms, **further):
        # Keras shows what its own trackers hold, so the terms go through them.
        for tracker in self.trackers:
            tracker.update_state(terms[tracker.name])
        values = {tracker.name: tracker.result() for tracker in self.trackers} | further
        if isinstance(tf.distribute.get_strategy(), tf.distribute.MultiWorkerMirroredStrategy):
            return {name: tf.reshape(value, [1]) for name, value in values.items()}  # Keras averages along this axis
        return values

    def get_config(self):
        state = {"curriculum": self.curriculum, "progress": self.progress}
        return {"config": self.config.to_dict(), "dtype": self.dtype_policy.name, **state}
