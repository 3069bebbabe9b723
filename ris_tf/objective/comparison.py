"""Loss of one training pass: the similarities that the matching needs, and all loss terms under a matching."""

import tensorflow as tf

from ris_tf.objective import losses, matching
from ris_tf.objective.encoder_terms import auxiliary_loss, query_loss
from ris_tf.objective.rollout import Rollout
from ris_tf.objective.truth import Truth

_COVERED = 10.0  # taken off the similarity with objects covered from the start, so that they are matched last


class Comparison:
    """Compares a rollout with its truth: provides the inputs of the matching, and the loss once it is matched.

    Args:
      rollout: Rollout.
      truth: Truth of the same images.
      weights: `config.loss`.

    Attributes:
      similarity: float32 [B, T, N]; the matching maximises its sum over the matched pairs.
      rows, columns: int32 [B], the number of steps and the number of objects that take part in the matching.
    """

    def __init__(self, rollout, truth, weights):
        self.rollout, self.truth, self.weights = rollout, truth, weights
        self.predicted = rollout.masks * truth.known  # [B, T, P]
        self.similarity = self.iou = matching.relaxed_iou(self.predicted, truth.fine)
        step = tf.range(rollout.steps)[None]  # [1, T]
        if weights.score_target == "count":
            self.targets = tf.cast(step < truth.count[:, None], tf.float32)
            taken = step < losses.steps_of(truth.count, rollout.steps, weights.extra_steps)[:, None]
            self.taken = tf.cast(taken, tf.float32)
            self.rows = tf.minimum(rollout.steps, truth.count)
        else:
            self.targets = tf.reduce_max(rollout.outputs["uncovered"], axis=2)  # [B, T]
            begin = tf.ones_like(self.targets[:, : weights.extra_steps])
            self.taken = tf.concat([begin, self.targets], axis=1)[:, : rollout.steps]
            self.rows = tf.cast(tf.reduce_sum(self.targets, axis=1), tf.int32)
        self.columns = truth.count
        if rollout.form.extra_terms:
            mass = tf.matmul(rollout.outputs["glance"], truth.coarse, transpose_b=True)  # [B, T, N]
            self.similarity += weights.matching_attention * mass
            self.open = rollout.outputs["uncovered"][:, 0]  # [B, N]
            self.similarity -= _COVERED * (1.0 - self.open[:, None])

    def terms(self, assignment):
        """Computes every loss term under an assignment of steps to objects.

        Args:
          assignment: float32 [B, T, N] of 0 and 1.

        Returns:
          dict of float32 [B]: "loss" (the weighted sum), its terms, and "matched_iou", the mean IoU of matched pairs.
        """
        rollout, weights, truth = self.rollout, self.weights, self.truth
        form, outputs, context = rollout.form, rollout.outputs, rollout.context
        score = outputs["score"]
        if form.extra_terms:  # a mask of an object that was covered from the start earns nothing
            assignment *= self.open[:, None]
        iou, paired = self.iou, assignment
        if form.extra_terms:
            iou = losses.fuzzy_iou(self.predicted, tf.matmul(assignment, truth.fine))[..., None]
            paired = tf.reduce_sum(assignment, axis=2, keepdims=True)
        hungarian = losses.hungarian_loss(iou, paired, score, self.targets, self.taken, weights.score)
        terms = {"loss": hungarian, "hungarian": hungarian}
        terms["matched_iou"] = tf.math.divide_no_nan(
            tf.reduce_sum(self.iou * assignment, axis=(1, 2)), tf.reduce_sum(assignment, axis=(1, 2))
        )
        if form.extra_terms:
            allowed = tf.cast(tf.matmul(outputs["uncovered"], truth.cores) > 0, tf.float32)  # [B, T, Q]
            allowed *= 1.0 - truth.ignored
            terms["attention"] = losses.attention_loss(outputs["logits"] - 1e4 * truth.ignored, allowed, self.taken)
            terms["query"] = query_loss(form, context, truth, weights.queries, rollout.seed)
            terms["auxiliary"] = auxiliary_loss(context, truth)
            for name in form.extra_terms:
                terms["loss"] += weights[name] * terms[name]
        return terms


def compare(form, batch, weights, how):
    """Runs a network over a batch and compares it with the truth.

    Args:
      form: PaperForm or AttendForm.
      batch: dict of "image", float [B, H, W, C]; "masks", uint8 [B, N, H, W] of 0 and 1; "count", int [B], the number
        of masks that are used, the first ones; and optionally "ignored", uint8 [B, H, W], 1 at pixels that only the
        score sees.
      weights: `config.loss`.
      how: Pass, how the recurrence is run.

    Returns:
      Comparison.
    """
    truth = Truth(batch["masks"], batch["count"], form.mask_stride, bool(form.extra_terms), batch.get("ignored"))
    return Comparison(Rollout(form, batch["image"], truth, how), truth, weights)


def objective(form, batch, weights, how, matcher=matching.match):
    """Runs a network over a batch, matches steps to objects, and computes every loss term.

    Args:
      form, batch, weights, how: see `compare`.
      matcher: function of (similarity, rows, columns), see `matching.match`.

    Returns:
      dict, see `Comparison.terms`.
    """
    compared = compare(form, batch, weights, how)
    return compared.terms(matcher(compared.similarity, compared.rows, compared.columns))
