"""Extra loss terms of the attend form that need the encoder: masks at queried places, and pixel classification."""

import tensorflow as tf

from ris_tf.network.places import cell_grid
from ris_tf.objective import losses
from ris_tf.objective.random_numbers import uniform
from ris_tf.objective.truth import erode


def query_loss(form, context, truth, queries, seed):
    """1 - fuzzy IoU of masks that are made from random places inside the objects, without the recurrence.

    With this term, objects that are found in late steps train the mask head as often as those found in early steps.

    Args:
      form: AttendForm.
      context: see `AttendForm.encode`.
      truth: Truth.
      queries: largest number of objects per image for which a mask is made.
      seed: int [2], seed of the random numbers.

    Returns:
      float32 [B].
    """
    height, width = context["objectness"].shape[1:3]
    x, y = cell_grid(height, width, 32.0)
    present = tf.reduce_sum(truth.coarse, axis=2) > 0
    noise = uniform(tf.shape(present), seed, 1001) + tf.cast(present, tf.float32)
    chosen = tf.argsort(noise, axis=1, direction="DESCENDING")[:, :queries]  # a random subset; real objects first
    inside = tf.gather(truth.coarse, chosen, batch_dims=1)  # [B, K, Q]
    cores = tf.gather(truth.cores, chosen, batch_dims=1)
    # The place is mostly taken from the interior, where the inhibition will point, and sometimes anywhere inside.
    from_core = uniform(tf.shape(chosen), seed, 1002) < 0.7
    pool = tf.where(from_core[..., None], cores, inside)
    place = tf.argmax(pool * uniform(tf.shape(pool), seed, 1003, low=0.5), axis=2)  # [B, K]
    distance = tf.square(tf.gather(x, place)[..., None] - x) + tf.square(tf.gather(y, place)[..., None] - y)
    glance = tf.nn.softmax(tf.math.log(inside + 1e-3) - distance / (2 * form.inhibition.window**2))
    predicted = form.query(context, tf.stop_gradient(glance)) * truth.known  # [B, K, P]
    fine = tf.gather(truth.fine, chosen, batch_dims=1)
    iou = losses.fuzzy_iou(predicted, fine)
    weight = tf.cast(tf.gather(present, chosen, batch_dims=1), tf.float32)
    return tf.math.divide_no_nan(tf.reduce_sum(weight * (1 - iou), axis=1), tf.reduce_sum(weight, axis=1))


def auxiliary_loss(context, truth):
    """Binary cross-entropy of the encoder's per-pixel predictions.

    At stride 2 these are the foreground, and the foreground with every object eroded. At stride 4 they are the
    interiors of the objects.

    Args:
      context: see `AttendForm.encode`.
      truth: Truth.

    Returns:
      float32 [B].
    """
    height, width = truth.shape
    masks = tf.reshape(truth.fine, [-1, truth.fine.shape[1], height, width])
    targets = tf.stack([tf.reduce_max(masks, axis=1), tf.reduce_max(erode(masks), axis=1)], axis=-1)
    cores = tf.reshape(tf.reduce_max(truth.cores, axis=1), tf.shape(context["objectness"]))
    known = tf.reshape(truth.known, [-1, height, width, 1])
    seen = tf.reshape(1.0 - truth.ignored, tf.shape(cores))
    return losses.pixel_bce(context["auxiliary"], targets, known) + losses.pixel_bce(context["objectness"], cores, seen)
