"""The two forms of the recurrent network, the published one and the default one, with a common interface.

Both are built from the layers in `conv_lstm`, `inhibition`, `scores` and `dynamic_mask`. A form has these methods:

- `maps(images, training) -> maps`, feature maps; a part of them belongs to a part of the images if `cuts` is True
- `context(maps) -> context`
- `encode(images, training) -> context`, both in one
- `zero_state(context) -> state`
- `step(context, state) -> (outputs, state)`
- `masks(context, outputs) -> probabilities`, for the `outputs` of all steps stacked along axis 1
- `masks_last(context, outputs)`, the same with the steps as the last axis

The outputs of every step contain "score" (a logit) and "logits" (of the inhibition). A form has these attributes:
`mask_stride` is the number of image pixels per mask pixel. The height and width of the images must be multiples of
`size_multiple`. `extra_terms` names the loss terms that the form adds. `drawn_from` names the outputs of a step from
which masks are made.

`parts()` lists all layers with weights, by the name of the part that can be frozen. It is a method, because Keras would
save what an attribute holds once more.
"""

import keras
import tensorflow as tf

from ris_tf.network.conv_lstm import ConvLSTMStep
from ris_tf.network.dynamic_mask import DynamicMask
from ris_tf.network.encoders import PaperLeafEncoder, TopDownEncoder
from ris_tf.network.fcn8s import FCN8s, enlarge
from ris_tf.network.inhibition import PointingInhibition, SpatialInhibition
from ris_tf.network.mobilenet import MobileNetV2Encoder
from ris_tf.network.places import append_places, cell_grid, zero_of, zeros_of
from ris_tf.network.scores import AttendedScore, StateScore


@keras.saving.register_keras_serializable(package="ris_tf")
class PaperForm(keras.layers.Layer):
    """The published networks for leaves and for people, in which the inhibition is the mask.

    Args:
      filters: channels of the encoder and of each ConvLSTM layer.
      layers: number of ConvLSTM layers; each reads the one below at the same step.
      reduction: factor by which the input image, and therefore the masks, are reduced; only for the encoder "leaf".
      init_range: weights are initialised uniformly in +-init_range.
      encoder: "leaf" or "fcn8s". Masks of "fcn8s", at stride 8, are enlarged to the size of the image.
      score_pool: side to which the state is max-pooled before the score; 0 to read the whole state.
      fcn8s: {"widths", "dense"} for the encoder "fcn8s"; None for those of VGG16.
    """

    extra_terms = ()
    drawn_from = ("mask",)
    cuts = False

    def __init__(
        self, filters=30, layers=2, reduction=5, init_range=0.08, encoder="leaf", score_pool=0, fcn8s=None, **kwargs
    ):
        super().__init__(**kwargs)
        self.enlarges = encoder == "fcn8s"
        if self.enlarges:
            self.mask_stride = self.size_multiple = 1
            self.encoder = FCN8s(**(fcn8s or {}), features=filters, init_range=init_range)
        else:
            self.mask_stride = self.size_multiple = reduction
            self.encoder = PaperLeafEncoder(filters, reduction, init_range)
        self.recurrence = [ConvLSTMStep(filters, init_range=init_range) for _ in range(layers)]
        self.inhibition = SpatialInhibition(init_range)
        self.score = StateScore(score_pool, init_range)

    def parts(self):
        return {"encoder": [self.encoder], "recurrence": [*self.recurrence, self.score], "mask": [self.inhibition]}

    def encode(self, images, training=False):
        return self.context(self.maps(images, training))

    def context(self, maps):
        return maps

    def maps(self, images, training=False):
        # The images are kept for their size, which cannot be derived from the features.
        return {"projected": self.recurrence[0].project(self.encoder(images)), "images": images}

    def zero_state(self, context):
        zeros = self.recurrence[0].zero_state(context["projected"])
        return {"layers": [zeros for _ in self.recurrence]}

    def step(self, context, state):
        first, *others = self.recurrence
        layers = [first(context["projected"], *state["layers"][0])]
        for lstm, before in zip(others, state["layers"][1:], strict=True):
            layers.append(lstm.follow(layers[-1][0], *before))
        h = layers[-1][0]
        log_attention, mask = self.inhibition(h)
        return {"score": self.score(h), "logits": log_attention, "mask": mask}, {"layers": layers}

    def masks(self, context, outputs):
        """Masks of the stacked steps: float32 [B, T, H / mask_stride, W / mask_stride] in [0, 1]."""
        if self.enlarges:
            return enlarge(outputs["mask"], context["images"].shape[1:3])
        return outputs["mask"]

    def masks_last(self, context, outputs):
        """Same as `masks`, with the steps as the last axis: [B, H / mask_stride, W / mask_stride, T]."""
        return tf.transpose(self.masks(context, outputs), [0, 2, 3, 1])


@keras.saving.register_keras_serializable(package="ris_tf")
class AttendForm(keras.layers.Layer):
    """The default form: the inhibition says where, a dynamic convolution makes the mask, and coverage is fed back.

    The recurrence runs at stride 8 and the inhibition at stride 4. Masks are made at stride 2.

    Args:
      encoder: "own" for a TopDownEncoder, or "mobilenet_v2".
      widths, features, pixel_features, fine_blocks, residual_blocks: parameters of the encoder, see TopDownEncoder.
      state: channels of the ConvLSTM.
      mask_hidden: hidden units of the per-object network, see DynamicMask.
      window: standard deviation of the window of the inhibition, in cells of stride 4; see PointingInhibition.
      frozen_statistics: parameter of the encoder "mobilenet_v2", see MobileNetV2Encoder.
    """

    mask_stride = 2
    extra_terms = ("attention", "query", "auxiliary")
    drawn_from = ("first", "second")
    cuts = True

    def __init__(
        self,
        encoder,
        widths,
        features,
        pixel_features,
        fine_blocks,
        residual_blocks,
        state,
        mask_hidden,
        window,
        frozen_statistics=True,
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.size_multiple = 2 ** len(widths)
        path = widths, features, pixel_features, fine_blocks, residual_blocks
        if encoder == "own":
            self.encoder = TopDownEncoder(*path)
        else:
            self.encoder = MobileNetV2Encoder(*path, frozen_statistics)
        self.lstm = ConvLSTMStep(state, coverage_kernel=5)
        self.objectness = keras.layers.Conv2D(1, 1, dtype="float32", bias_initializer=keras.initializers.Constant(-1.0))
        self.inhibition = PointingInhibition(window)
        self.dynamic_mask = DynamicMask(mask_hidden, pixel_features)
        self.score = AttendedScore()
        self.auxiliary = keras.layers.Conv2D(2, 1, dtype="float32")
        self.pool = keras.layers.AveragePooling2D(2)

    def parts(self):
        return {
            "encoder": [self.encoder, self.auxiliary],
            "recurrence": [self.lstm, self.objectness, self.inhibition, self.score],
            "mask": [self.dynamic_mask],
        }

    def encode(self, images, training=False):
        return self.context(self.maps(images, training))

    def maps(self, images, training=False):
        """Runs the encoder: a dict of feature maps, from which windows can be cut, see `context`.

        Args:
          images: float [B, H, W, C]; H and W are multiples of `size_multiple`, and may be unknown.
          training: see `encode`.

        Returns:
          dict of [B, H/8, W/8, C], [B, H/4, W/4, C] and [B, H/2, W/2, C]. "auxiliary", [B, H/2, W/2, 2], are the logits
          of foreground and interior.
        """
        encoded = self.encoder(images, training=training)
        return {
            "projected": self.lstm.project(encoded["stride_8"]),
            "objectness": self.objectness(encoded["stride_4"]),
            "features": tf.cast(encoded["stride_4"], tf.float32),
            "pixels": tf.cast(encoded["pixels"], tf.float32),
            "coarse_pixels": tf.cast(self.pool(encoded["pixels"]), tf.float32),
            "auxiliary": self.auxiliary(encoded["stride_2"]),
        }

    def context(self, maps):
        """Adds the places of the cells to the maps of an image, or to windows of maps: what `step` and `masks` need."""
        _, height, width, channels = maps["features"].shape
        x, y = cell_grid(height, width, 32, zero_of(maps["objectness"]))
        flat = tf.reshape(maps["features"], [-1, height * width, channels])
        return {
            **maps,
            "x": x,  # [H/4 * W/4], in cells of stride 4
            "y": y,
            "features": append_places(flat, x, y),
            "pixels": self.dynamic_mask.pixels(maps["pixels"], 2),
            "coarse_pixels": self.dynamic_mask.pixels(maps["coarse_pixels"], 4),
        }

    def zero_state(self, context):
        h, c = self.lstm.zero_state(context["projected"])
        return {"h": h, "c": c, "coverage": zeros_of(context["objectness"])}

    def step(self, context, state):
        coverage = state["coverage"]
        _, height, width, _ = coverage.shape
        coarse = tf.cast(self.pool(coverage), self.compute_dtype)
        h, c = self.lstm(context["projected"], state["h"], state["c"], coarse)
        logits, glance, spot = self.inhibition(context["objectness"], h, coverage, context["x"], context["y"])
        attended, first, second = self.attend(context, tf.expand_dims(glance, 1))
        mask = tf.sigmoid(self.dynamic_mask(context["coarse_pixels"], first, second))
        mask = tf.reshape(mask, [-1, height * width])
        explained = tf.stop_gradient(tf.reshape(tf.maximum(mask, spot), [-1, height, width, 1]))
        covered = tf.reduce_sum(glance * tf.reshape(coverage, [-1, height * width]), axis=1, keepdims=True)
        outputs = {
            "score": self.score(tf.squeeze(attended, 1), h, logits, covered),
            "logits": logits,
            "glance": glance,
            "first": tf.squeeze(first, 1),
            "second": tf.squeeze(second, 1),
        }
        return outputs, {"h": h, "c": c, "coverage": tf.maximum(coverage, explained)}

    def attend(self, context, glance):
        """Attended features and the weights of the masks for K glances.

        Args:
          context: see `encode`.
          glance: float32 [B, K, P], attention over positions.

        Returns:
          attended: float32 [B, K, C].
          first, second: see `DynamicMask.weights_of`.
        """
        channels = context["features"].shape[-1] - 2
        attended, place = tf.split(tf.matmul(glance, context["features"]), [channels, 2], axis=-1)
        return attended, *self.dynamic_mask.weights_of(attended, place * (4 / 32))

    def glance_at(self, context, place, coverage):
        """Attention to the object at a place, without the recurrence.

        As in training (see `encoder_terms.query_loss`), it is a window around the place, inside the object. Here the
        foreground that nothing covers yet stands for the object.

        Args:
          context: see `encode`.
          place: float32 [B, 2], x and y in pixels of the input.
          coverage: float32 [B, H/4, W/4, 1] in [0, 1].

        Returns:
          float32 [B, P], sums to 1.
        """
        x, y = tf.split(place[:, None] / 4, 2, axis=-1)  # [B, 1, 1] each, in cells of stride 4
        distance = tf.square(context["x"] - x[..., 0]) + tf.square(context["y"] - y[..., 0])
        inside = self.pool(tf.sigmoid(context["auxiliary"][..., :1])) * (1 - coverage)
        inside = tf.reshape(inside, [-1, distance.shape[1]])
        return tf.nn.softmax(tf.math.log(inside + 1e-3) - distance / (2 * self.inhibition.window**2))

    def masks(self, context, outputs):
        """Masks of the stacked steps: float32 [B, T, H/2, W/2] in [0, 1]."""
        logits = self.dynamic_mask(context["pixels"], outputs["first"], outputs["second"])
        _, height, width, _ = context["objectness"].shape  # at stride 4
        steps = logits.shape[1] or tf.shape(logits)[1]  # unknown beforehand where the recurrence stops by itself
        return tf.reshape(tf.sigmoid(logits), [-1, steps, 2 * height, 2 * width])

    def masks_last(self, context, outputs):
        """Same as `masks`, with the steps as the last axis: [B, H/2, W/2, T]."""
        logits = self.dynamic_mask.together(context["pixels"], outputs["first"], outputs["second"])
        _, height, width, _ = context["objectness"].shape
        return tf.reshape(tf.sigmoid(logits), [-1, 2 * height, 2 * width, logits.shape[2]])

    def query(self, context, glance):
        """Masks of K objects that are attended to without the recurrence.

        Args:
          context: see `encode`.
          glance: float32 [B, K, P], attention over positions.

        Returns:
          float32 [B, K, H/2 * W/2] in [0, 1].
        """
        _, first, second = self.attend(context, glance)
        return tf.sigmoid(self.dynamic_mask(context["pixels"], first, second))
