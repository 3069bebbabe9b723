"""Runs a trained network on images; `ris_tf.RIS` inherits these methods."""

import tensorflow as tf

from ris_tf.network.unroll import until_stop


class Running:
    """Methods of a model that has a `form`, a `config` and a `compute_dtype`, and `_looking`, the compiled `_look`."""

    def look(self, images, threshold=None):
        """Computes masks and scores of all steps up to the one in which the last image stops.

        Args:
          images: float32 [B, H, W, C], normalised.
          threshold: float; a score that is not above it ends the count of an image. None for
            `config.predict.score_threshold`.

        Returns:
          masks float32 [B, T, h, w] and scores float32 [B, T], in [0, 1]. Both are 0 for the steps that did not run.
        """
        threshold = self.config.predict.score_threshold if threshold is None else threshold
        return self._looking(images, tf.constant(threshold, tf.float32))

    def _look(self, images, threshold):
        return self._found_in(self.form.encode(tf.cast(images, self.compute_dtype)), threshold)

    @tf.function(reduce_retracing=True, autograph=False)
    def maps(self, images):
        """Computes the feature maps of images of any size with the encoder only. Attend form only.

        Args:
          images: float [B, H, W, C], normalised; H and W are multiples of `form.size_multiple`.

        Returns:
          {name: float32 [B, H / stride, W / stride, F]}.
        """
        maps = self.form.maps(tf.cast(images, self.compute_dtype))
        return {name: tf.cast(values, tf.float32) for name, values in maps.items() if name != "auxiliary"}

    def look_in(self, maps, threshold):
        """Same as `look`, for windows of the size of the input that are cut from `maps`."""
        return self._look_in(maps, tf.constant(threshold, tf.float32))

    @tf.function(reduce_retracing=True, autograph=False)
    def _look_in(self, maps, threshold):
        maps["projected"] = tf.cast(maps["projected"], self.compute_dtype)
        return self._found_in(self.form.context(maps), threshold)

    def _found_in(self, context, threshold):
        steps = self.config.model.steps
        outputs, count = until_stop(self.form, context, steps, threshold)
        masks = self.form.masks(context, {name: outputs[name][:, :count] for name in self.form.drawn_from})
        return tf.pad(masks, [[0, 0], [0, steps - count], [0, 0], [0, 0]]), outputs["score"]

    @tf.function(reduce_retracing=True, autograph=False)
    def foreground(self, images):
        """Computes the foreground probability with the encoder only, without the recurrence. Attend form only.

        Args:
          images: float [B, H, W, C], normalised.

        Returns:
          float32 [B, H / 2, W / 2] in [0, 1].
        """
        return tf.sigmoid(self.form.maps(tf.cast(images, self.compute_dtype))["auxiliary"][..., 0])

    @tf.function(reduce_retracing=True, autograph=False)
    def draw(self, images, places, coverage):
        """Draws the mask of the object at a place, with the encoder and the mask head only. Attend form only.

        Args:
          images: float [B, H, W, C], normalised.
          places: float32 [B, 2], x and y in pixels of the input.
          coverage: float32 [B, H / 4, W / 4, 1] in [0, 1], what other objects cover.

        Returns:
          float32 [B, H / 2, W / 2] in [0, 1].
        """
        context = self.form.encode(tf.cast(images, self.compute_dtype))
        glance = self.form.glance_at(context, places, coverage)
        height, width = self.config.model.size
        return tf.reshape(self.form.query(context, glance[:, None]), [-1, height // 2, width // 2])
