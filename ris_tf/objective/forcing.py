"""Teacher forcing: in early training, the coverage sometimes takes up true masks instead of predicted ones."""

import tensorflow as tf

from ris_tf.objective.random_numbers import uniform


class TeacherForcing:
    """Corrects the coverage after each step of a training pass; passed as `correct` to `network.unroll.unroll`.

    Args:
      truth: Truth.
      probability: float in [0, 1]. With this probability, the coverage after a step takes up a true mask instead of the
        predicted one: the mask of the uncovered object that receives most of the attention.
      seed: int [2], seed of the random numbers.
    """

    def __init__(self, truth, probability, seed):
        self.truth, self.probability, self.seed = truth, probability, seed

    def __call__(self, index, before, outputs, after):
        """Returns the coverage for the next step.

        Args:
          index: number of this step, int.
          before, after: float32 [B, h, w, 1], coverage before and after the step.
          outputs: dict, outputs of the step. The entry "uncovered" is added: float32 [B, N], 1 for objects that were
            not yet covered before the step, else 0.

        Returns:
          float32 [B, h, w, 1].
        """
        outputs["uncovered"] = self.truth.uncovered(before)
        forced = uniform([tf.shape(before)[0]], self.seed, index) < self.probability
        return self._forced(before, outputs, after, forced)

    def _forced(self, before, outputs, after, forced):
        share = tf.einsum("bnp,bp->bn", self.truth.coarse, outputs["glance"])
        pick = tf.argmax(share + outputs["uncovered"] * 10.0, axis=1)
        mask = tf.reshape(tf.gather(self.truth.coarse, pick, batch_dims=1), tf.shape(before))
        forced &= tf.reduce_max(outputs["uncovered"], axis=1) > 0
        return tf.stop_gradient(tf.where(forced[:, None, None, None], tf.maximum(before, mask), after))
