"""Copy-paste augmentation, the element "copy_paste" of `data.augment` (Ghiasi et al., CVPR 2021)."""

import tensorflow as tf


def copy_paste(image, labels, donor, seed, config):
    """Pastes each object of another sample with probability `data.copy_paste` (above 0, up to 1).

    Pasted objects are on top. Objects that they partly cover keep their remaining pixels. The number of pasted objects
    is limited so that the total does not exceed `data.max_instances`.

    Args:
      image: float32 [H, W, C].
      labels: int32 [H, W].
      donor: (image, labels) of the other sample, warped to the same size.
      seed: int64 [2].
      config: config of the run.

    Returns:
      image, labels; pasted objects have higher ids than the objects of `labels`.
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
