"""Random numbers for augmentation: stateless, so that the same seed gives the same sample."""

import tensorflow as tf


def spread(seed, stream):
    """An independent seed for each stream of random numbers: int64 [2] -> int64 [2]."""
    return tf.random.experimental.stateless_fold_in(seed, stream)


def uniform(seed, stream, low=0.0, high=1.0):
    """One number of a stream, float32 [], from `low` up to `high`, which is excluded."""
    return tf.random.stateless_uniform([], spread(seed, stream), low, high)
