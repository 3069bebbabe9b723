"""Loss functions: the Hungarian loss of the poster and the additional terms of the attend form. All in float32."""

import tensorflow as tf


def score_bce(logits, targets, weights):
    """Binary cross-entropy of the scores, weighted and summed over the steps: float32 [B, T] each -> [B]."""
    return tf.reduce_sum(weights * tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=1)


def steps_of(count, steps, extra):
    """Number of steps of each image that take part in the loss: min(T, n + extra), int32 [B]."""
    return tf.minimum(steps, count + extra)


def fuzzy_iou(a, b):
    """Fuzzy IoU, the sum of minima over the sum of maxima: float32 [..., P] each -> [...]; 0 where both are empty.

    For a truth of 0 and 1 it equals the relaxed IoU. The two differ where an object covers part of a cell at its
    outline: the relaxed IoU is largest for a prediction of 0 or 1, the fuzzy IoU for the covered share.
    """
    return tf.math.divide_no_nan(tf.reduce_sum(tf.minimum(a, b), axis=-1), tf.reduce_sum(tf.maximum(a, b), axis=-1))


def hungarian_loss(iou, assignment, score_logits, targets, weights, score_weight=1.0):
    """The loss of the poster, eq. "l(Yhat, s, Y)", for a given matching, divided by the number of steps.

        (- sum_tn IoU[t, n] * assignment[t, n] + score_weight * sum_t w_t BCE(target_t, s_t)) / sum_t w_t

    Args:
      iou: float32 [B, T, N], relaxed IoU (or fuzzy IoU, in the attend form).
      assignment: float32 [B, T, N] of 0 and 1, the matching.
      score_logits: float32 [B, T].
      targets: float32 [B, T], target values of the score.
      weights: float32 [B, T], 1 for steps that take part, else 0.
      score_weight: lambda of the poster.

    Returns:
      float32 [B].
    """
    matched = tf.reduce_sum(iou * assignment, axis=(1, 2))
    taken = tf.maximum(tf.reduce_sum(weights, axis=1), 1.0)
    return (score_weight * score_bce(score_logits, targets, weights) - matched) / taken


def attention_loss(logits, allowed, weights):
    """-log of the attention mass on allowed positions, averaged over the steps that have any.

    Args:
      logits: float32 [B, T, P], logits of the inhibition before its softmax.
      allowed: float32 [B, T, P], 1 in the interiors of objects that are not yet explained at that step, else 0.
      weights: float32 [B, T], weights of the steps.

    Returns:
      float32 [B].
    """
    weights = weights * tf.cast(tf.reduce_max(allowed, axis=2) > 0, tf.float32)
    inside = tf.reduce_logsumexp(tf.where(allowed > 0, logits, logits - 1e4), axis=2)
    loss = tf.reduce_logsumexp(logits, axis=2) - inside  # [B, T]
    return tf.math.divide_no_nan(tf.reduce_sum(weights * loss, axis=1), tf.reduce_sum(weights, axis=1))


def pixel_bce(logits, targets, weights=1.0):
    """Weighted binary cross-entropy, averaged over pixels and channels.

    Args:
      logits, targets: float32 [B, H, W, C].
      weights: float32 [B, H, W, 1].

    Returns:
      float32 [B].
    """
    return tf.reduce_mean(weights * tf.nn.sigmoid_cross_entropy_with_logits(targets, logits), axis=(1, 2, 3))
