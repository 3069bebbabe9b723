"""Stateless random numbers for augmentation, so that the same seed always gives the same sample."""

import tensorflow as tf


def spread(seed, stream):
    """Derives an independent seed for a stream of random numbers: seed int64 [2], stream int -> int64 [2]."""
    return tf.random.experimental.stateless_fold_in(seed, stream)


def uniform(seed, stream, low=0.0, high=1.0):
    """One uniform random number of a stream, float32 [], from `low` (inclusive) to `high` (exclusive)."""
    return tf.random.stateless_uniform([], spread(seed, stream), low, high)
