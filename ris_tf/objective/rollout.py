"""Runs the recurrence over a training batch, with teacher forcing."""

from typing import NamedTuple

from ris_tf.network.unroll import masks_of, unroll
from ris_tf.objective.forcing import TeacherForcing
from ris_tf.objective.truth import flatten


class Pass(NamedTuple):
    """Settings of one pass of the recurrence over a training batch.

    Attributes:
      steps: number of steps, T.
      forcing: float in [0, 1], probability of teacher forcing, see `TeacherForcing`.
      midway: float in [0, 1], share of the samples whose pass starts midway, see `TeacherForcing`.
      seed: int [2], seed of the random numbers.
      recompute: whether the gradient recomputes activations, see `unroll`.
      training: whether the encoder's batch normalisation uses the statistics of this batch.
    """

    steps: int
    forcing: float = 0.0
    midway: float = 0.0
    seed: tuple = (0, 0)
    recompute: bool = False
    training: bool = False


class Rollout:
    """One pass of the recurrence over a batch whose true masks are known.

    Args:
      form: PaperForm or AttendForm.
      images: float [B, H, W, C], normalised.
      truth: Truth of these images.
      how: Pass.

    Attributes:
      form, steps, seed: the given form, and the steps and the seed of `how`.
      context, outputs: see `unroll`.
      masks: float32 [B, T, P] in [0, 1], the predicted masks at the mask stride.
    """

    def __init__(self, form, images, truth, how):
        self.form, self.steps, self.seed = form, how.steps, how.seed
        forcing = TeacherForcing(truth, how.forcing, how.midway, how.seed) if form.extra_terms else None
        context, self.outputs = unroll(form, images, how.steps, forcing, how.recompute, how.training)
        self.context, masks = masks_of(form, context, self.outputs, how.recompute)
        self.masks = flatten(masks)
