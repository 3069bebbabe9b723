"""Reproducible random numbers: the same on every device, with or without XLA, and for any number of replicas."""

import tensorflow as tf


def uniform(shape, seed, stream, low=0.0):
    """Uniform random numbers that depend only on the seed and the stream, also under XLA.

    A replica that holds the r-th part of a batch gets the r-th part of the numbers that the whole batch would get.

    TensorFlow's stateless generators give different numbers under XLA. This function therefore applies the finaliser of
    MurmurHash3 (Appleby, public domain) twice to a counter.

    Args:
      shape: shape of the result.
      seed: int [2].
      stream: int; different streams give different numbers for the same seed.
      low: lower bound.

    Returns:
      float32 in [low, 1).
    """
    seed = tf.cast(tf.cast(seed, tf.int32), tf.uint32)
    count, context = tf.reduce_prod(shape), tf.distribute.get_replica_context()
    replica = context.replica_id_in_sync_group if context else 0
    counter = tf.cast(tf.range(count) + replica * count, tf.uint32)
    start = _scramble(seed[0] * tf.constant(0x9E3779B1, tf.uint32) + tf.constant(stream, tf.uint32))
    bits = _scramble(_scramble(tf.bitwise.bitwise_xor(counter, start)) + seed[1] * tf.constant(0x85EBCA77, tf.uint32))
    share = tf.cast(tf.bitwise.right_shift(bits, tf.constant(8, tf.uint32)), tf.float32) / 2.0**24
    return tf.reshape(low + (1.0 - low) * share, shape)


def _scramble(bits):
    for shift, factor in ((16, 0x85EBCA6B), (13, 0xC2B2AE35), (16, 1)):
        bits = tf.bitwise.bitwise_xor(bits, tf.bitwise.right_shift(bits, tf.constant(shift, tf.uint32)))
        bits *= tf.constant(factor, tf.uint32)
    return bits
