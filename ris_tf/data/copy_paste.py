"""The element "copy_paste" of `data.augment`: objects of another image on top (Ghiasi et al., CVPR 2021)."""

import tensorflow as tf


def copy_paste(image, labels, donor, seed, config):
    """Pastes each object of another sample with the probability `data.copy_paste`, above 0, 1 at most.

    A pasted object hides what it covers: labels stay a map, in which the objects below have what is left of them. No
    more are pasted than `data.max_instances` leaves room for.

    Args:
      image: float32 [H, W, C].
      labels: int32 [H, W].
      donor: (image, labels) of the other sample, as warped to the same size.
      seed: int64 [2].
      config: of the run.

    Returns:
      image, labels; pasted objects have ids above those of `labels`.
    """
    donor_image, donor_labels = donor
    ids, index = tf.unique(tf.reshape(donor_labels, [-1]))
    below = tf.unique(tf.reshape(tf.maximum(labels, 0), [-1]))[0]
    room = config.data.max_instances - tf.math.count_nonzero(below, dtype=tf.int32)
    draw = tf.random.stateless_uniform(tf.shape(ids), seed)
    draw = tf.where(ids > 0, draw, 1.0)  # neither background nor ignored pixels
    rank = tf.argsort(tf.argsort(draw))
    chosen = (draw < config.data.copy_paste) & (rank < room) & (ids > 0)
    pasted = tf.reshape(tf.gather(chosen, index), tf.shape(labels))
    image = tf.where(pasted[..., None], donor_image, image)
    return image, tf.where(pasted, donor_labels + tf.reduce_max(below), labels)
