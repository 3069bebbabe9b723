"""Teacher forcing: in training, the coverage sometimes takes up true objects instead of those that the network found.

A pass can also start midway, with a part of the objects covered. A few steps from there on teach what many steps from
the beginning teach, in less time, because late steps are trained as often as early ones.
"""

import tensorflow as tf

from ris_tf.objective.random_numbers import uniform


class TeacherForcing:
    """Sets the coverage in a training pass; see `network.unroll.unroll`.

    Args:
      truth: Truth.
      probability: float in [0, 1]. With this probability, the coverage after a step takes up a true mask instead of the
        predicted one: the mask of the uncovered object that receives most of the attention.
      midway: float in [0, 1], share of the samples in which a random part of the objects is covered before the first
        step, by their true masks. How many is uniform from none to all.
      seed: int [2], seed of the random numbers.
    """

    def __init__(self, truth, probability, midway, seed):
        self.truth, self.probability, self.midway, self.seed = truth, probability, midway, seed

    def start(self, coverage):
        """Returns the coverage before the first step.

        Args:
          coverage: float32 [B, h, w, 1] of zeros.

        Returns:
          float32 [B, h, w, 1] in [0, 1].
        """
        if not self.midway:
            return coverage
        batch, objects = tf.shape(coverage)[0], self.truth.coarse.shape[1]
        share = uniform([batch, 1], self.seed, 2001)  # of the objects that are covered
        begun = uniform([batch, 1], self.seed, 2002) < self.midway
        chosen = begun & (uniform([batch, objects], self.seed, 2003) < share)
        covered = tf.reduce_max(tf.where(chosen[..., None], self.truth.coarse, 0.0), axis=1)
        return tf.reshape(covered, tf.shape(coverage))

    def correct(self, index, before, outputs, after):
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
