"""RIS, the Keras model for recurrent instance segmentation."""

import contextlib
import functools

import keras
import tensorflow as tf

from ris_tf import preset_weights, presets
from ris_tf.errors import UsageError
from ris_tf.inference import pointing, prediction
from ris_tf.inference.choices import chosen
from ris_tf.inference.looks import Look
from ris_tf.network import frozen as freezing
from ris_tf.network.recurrence import AttendForm, PaperForm
from ris_tf.network.running import Running
from ris_tf.network.unroll import unroll
from ris_tf.objective.terms_model import TermsModel
from ris_tf.objective.training_step import TrainingStep, one_learning_rate
from ris_tf.quiet import quiet
from ris_tf.settings import schema
from ris_tf.settings.training_state import SavedState, check_curriculum, check_progress

_FORMS = {"attend": AttendForm, "paper": PaperForm}


def build(config, dtype="float32"):
    """Builds a model with random weights from a config.

    Args:
      config: ConfigDict from `get_config()` of a config file, or the same as a dict.
      dtype: Keras dtype policy.

    Returns:
      RIS.

    Raises:
      UsageError: a field of the config is out of range.
    """
    return RIS(config, dtype)


@contextlib.contextmanager
def _defaults(policy):
    """Context manager that sets the dtype policy of layers created in it, and what ~/.keras/keras.json may change."""
    before = keras.config.dtype_policy(), keras.config.floatx(), keras.config.image_data_format()
    keras.config.set_floatx("float32")
    keras.config.set_dtype_policy(policy)
    keras.config.set_image_data_format("channels_last")
    try:
        yield
    finally:
        policy, floats, order = before
        keras.config.set_floatx(floats)
        keras.config.set_dtype_policy(policy)
        keras.config.set_image_data_format(order)


@keras.saving.register_keras_serializable(package="ris_tf")
class RIS(Running, TermsModel):
    """Recurrent instance segmentation: encodes an image once, then picks out one object after another.

    A model is created from a config only, and the config is saved with it. `call` takes normalised images (see
    `ris_tf.data.normalize`), float32 [B, *config.model.size, config.model.channels]. `predict_instances` takes any
    image.

    `fit` and `evaluate` take batches of {"image": float32 [B, H, W, C], "masks": uint8 [B, N, H, W], "count": int32
    [B]}. Only the first `count` masks are used. An optional "ignored", uint8 [B, H, W], is 1 at pixels that do not
    contribute to training.

    Args:
      config: ConfigDict or dict, see configs/base.py.
      dtype: Keras dtype policy, such as "mixed_bfloat16". Softmax, masks, IoU and losses are float32 with any policy.
      curriculum, progress: initial values of the attributes; None for empty.
      frozen: list of str, the layers that are not trained, see `network.frozen.paths`; None for those of a new model.

    Attributes:
      steps: number of recurrent steps in training and `evaluate`; a curriculum raises it.
      curriculum: dict, state of the curriculum, saved with the model; empty without a curriculum.
      progress: dict, {"step": training steps done, "means": {term: [total, count] since the last measurement}}, saved
        with the model; empty outside ris-train.
    """

    curriculum = SavedState(check_curriculum)
    progress = SavedState(check_progress)

    def __init__(self, config, dtype="float32", curriculum=None, progress=None, frozen=None, **kwargs):
        with quiet():
            tf.config.list_physical_devices()  # looks for GPUs, and would complain that there are none
        super().__init__(dtype=dtype, **kwargs)
        self.curriculum, self.progress = curriculum or {}, progress or {}
        self.config = schema.complete(config)
        schema.check(self.config)
        shape = self.config.model
        self.steps = self.config.train.unroll or shape.steps
        with _defaults(dtype):
            encoder = {
                "attend": {"frozen_statistics": shape.mobilenet_v2.weights != "random"},
                "paper": {"fcn8s": {"widths": shape.fcn8s.widths, "dense": shape.fcn8s.dense}},
            }
            self.form = _FORMS[shape.form](**shape[shape.form], **encoder[shape.form])
            self.track_terms("loss", "hungarian", "matched_iou", *self.form.extra_terms)
        if any(length % self.form.size_multiple for length in shape.size):
            raise UsageError(f"model.size is {shape.size}; expected multiples of {self.form.size_multiple}")
        images = tf.TensorSpec([None, *shape.size, shape.channels], tf.float32)
        self._looking = tf.function(self._look, [images, tf.TensorSpec([], tf.float32)], autograph=False)
        self.build((None, *shape.size, shape.channels))
        if frozen is not None:
            freezing.restore(self.form, frozen)

    @classmethod
    def from_preset(cls, name):
        """Loads a trained model that is included in the package.

        Args:
          name: one of `ris_tf.presets.names()`.

        Returns:
          RIS.

        Raises:
          UsageError: there is no such preset.
        """
        config, weights = presets.find(name)
        model = cls(config)
        preset_weights.load(model, weights)
        return model

    def build(self, input_shape):
        if not self.built:
            unroll(self.form, tf.zeros((1, *input_shape[1:]), self.compute_dtype), 1)
            self.form.built = self.built = True  # a form is never called, only its methods are

    def freeze(self, *names):
        """Chooses the parts of the network that training leaves as they are. Call it before `compile`; `save` keeps it.

        Single layers can be frozen as in any Keras model, by `layer.trainable = False`, which `save` keeps, too.

        Args:
          *names: any of "encoder" (the features of the image, and the foreground), "recurrence" (the state, the
            attention and the score) and "mask" (what draws a mask); none of them to train everything. The statistics
            of batch normalisation in a frozen part do not change either.

        Raises:
          UsageError: there is no such part.
        """
        freezing.freeze(self.form, names)

    def call(self, images, training=None):
        """Computes masks and scores of all steps.

        Args:
          images: float [B, H, W, C], normalised.
          training: not used; Keras passes it.

        Returns:
          {"masks": float32 [B, T, h, w], "scores": float32 [B, T]}, all in [0, 1].
        """
        context, outputs = unroll(self.form, tf.cast(images, self.compute_dtype), self.config.model.steps)
        return {"masks": self.form.masks(context, outputs), "scores": tf.sigmoid(outputs["score"])}

    def predict_instances(self, image, crf=False, **choices):
        """Finds the instances of one image.

        Args:
          image: [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of any size; uint8, uint16, bool or float.
          crf: whether each mask is refined by a fully connected CRF (config.predict.crf); needs pydensecrf2.
          **choices: any of score_threshold, mask_threshold, min_area and diameter, see `inference.choices.fields_of`.

        Returns:
          Instances, with labels int32 [H, W], masks bool [count, H, W], scores float32 [count], count and
          limit_reached.

        Raises:
          ValueError: the array is not an image, or contains NaN or infinity.
          UsageError: `crf` was requested, but pydensecrf2 is not installed; or a choice is out of range.
        """
        config = chosen(self.config, **choices)
        look = self.looking(config.predict.score_threshold)
        return prediction.predict_instances(look, config, image, crf, self.foreground)

    def object_at(self, image, row, column, labels=None, zoom=None):
        """Outlines the object at a place of an image, such as one that `predict_instances` missed.

        Args:
          image: as in `predict_instances`, [H, W, ...].
          row, column: the place, in pixels; float from 0 to below H and W.
          labels: integer [H, W], the objects that are known, above 0. The new object is drawn around them, because they
            stay on top. None for none.
          zoom: network pixels per image pixel, for the view "tiles"; None to find it, see `inference.zoom.find_zoom`.

        Returns:
          bool [H, W], the pixels of the object; all False if there is none outside the known objects.

        Raises:
          UsageError: the model has the form "paper", in which a mask cannot be drawn from a place.
          ValueError: the array is not an image, the place lies outside it, or the labels have another size.
        """
        if self.config.model.form != "attend":
            raise UsageError("model.form is 'paper'; expected 'attend', because only it draws an object from a place")
        return pointing.object_at(self, image, row, column, labels, zoom)

    def looking(self, threshold=None):
        """The network as `prediction.predict_instances` uses it: `look`, and the same in windows of a larger view.

        Args:
          threshold: see `look`.

        Returns:
          `inference.looks.Look`.
        """
        threshold = self.config.predict.score_threshold if threshold is None else threshold
        find, find_in = (functools.partial(one, threshold=threshold) for one in (self.look, self.look_in))
        return Look(find, self.maps, find_in, self.config.model.size, self.form.size_multiple * self.form.cuts)

    def compile(self, optimizer="adam", jit_compile=False, matcher="scipy", recompute=False, **kwargs):
        """Configures the model for training, like `keras.Model.compile`; the loss is built into the model.

        Args:
          optimizer: Keras optimizer or its name.
          jit_compile: whether to compile the training step with XLA. The matching on the host stays outside: XLA first
            runs the network forward, then, once the matching is known, forward and backward. With the graph matcher the
            whole step is one XLA program.
          matcher: "scipy", on the host, or "graph", in TensorFlow.
          recompute: whether the gradient recomputes the activations of each step instead of keeping them.
          **kwargs: further arguments of `keras.Model.compile`.
        """
        split = jit_compile and matcher == "scipy"
        self._step = TrainingStep(self, matcher, recompute, split)
        super().compile(optimizer=optimizer, jit_compile=jit_compile and not split, **kwargs)
        self.optimizer.build(self.trainable_variables)

    def train_step(self, data):
        gradients, terms = self._step.gradients(data)
        context = tf.distribute.get_replica_context()
        if context.num_replicas_in_sync > 1:
            # Keras clips gradients before it sums them over the replicas. Therefore each replica gets an equal share of
            # the sum, with clipping limits that are shares, too (see `training.start.optimizer`).
            gradients = context.all_reduce(tf.distribute.ReduceOp.MEAN, gradients)
        with one_learning_rate(self.optimizer):
            self.optimizer.apply(gradients, self.trainable_variables)
        return self.reported(terms, batch_loss=tf.reduce_mean(terms["loss"]))  # the other values are running means

    def test_step(self, data):
        return self.reported(self._step.terms(data))

    def get_config(self):
        state = {"curriculum": self.curriculum, "progress": self.progress}
        kept = {"dtype": self.dtype_policy.name, "frozen": freezing.paths(self.form)}
        return {"config": self.config.to_dict(), **kept, **state}
