"""Input pipeline: a tf.data.Dataset of augmented training batches made from images and label maps."""

import numpy as np
import tensorflow as tf
from absl import logging

from ris_tf.data.sampling.augment import augment
from ris_tf.instances.labels import IGNORED
from ris_tf.settings.schema import elements

_WARNED = set()  # names of the images for which a warning was printed


def _numbers(sizes, seed, config):
    """Endless shuffled indices of samples. A share `data.extra_share` of them comes from the second part.

    Args:
      sizes: one or two int arrays, one per part: how often each sample occurs in an epoch of its part.
      seed: int, seed of the shuffling.
      config: config of the run.

    Returns:
      tf.data.Dataset of int64. The samples of the second part are numbered after those of the first.
    """
    streams, start = [], 0
    for shares in sizes:
        numbers = start + np.repeat(np.arange(len(shares)), shares)
        stream = tf.data.Dataset.from_tensor_slices(numbers)
        streams.append(stream.shuffle(len(numbers), seed=seed, reshuffle_each_iteration=True).repeat())
        start += len(shares)
    if len(streams) == 1:
        return streams[0]
    weights = [1 - config.data.extra_share, config.data.extra_share]
    return tf.data.Dataset.sample_from_datasets(streams, weights, seed=seed)


def _fetch(parts, channels):
    """Returns a function (index of a sample, int64 []) -> its record, a dict of tensors; see `records.Records`."""
    kinds = {"image": tf.float32, "labels": tf.int32, "zoom": tf.float32, "box": tf.float32, "name": tf.string}
    shapes = {"image": [None, None, channels], "labels": [None, None], "zoom": [2], "box": [4], "name": []}

    def read(number):
        for part in parts:
            if number < len(part):
                record = part[int(number)]
                return [record[name] for name in kinds]
            number -= len(part)

    def fetch(number):
        values = tf.numpy_function(read, [number], list(kinds.values()), stateful=False)
        return {name: tf.ensure_shape(value, shapes[name]) for name, value in zip(kinds, values, strict=True)}

    return fetch


def to_record(image, labels, name, config):
    """Converts an augmented sample to the training record, with one mask per object.

    Objects smaller than `data.min_area` pixels and objects beyond `data.max_instances` are left out.

    Args:
      image: float32 [H, W, C], of the size `model.size`.
      labels: int32 [H, W].
      name: string [], name of the image for warnings.
      config: config of the run.

    Returns:
      {"image": float32 [H, W, C], "masks": uint8 [N, H, W] with N = data.max_instances, "count": int32 [], number of
      objects, "ignored": uint8 [H, W]}. Masks from "count" on are empty.
    """
    ids, _, areas = tf.unique_with_counts(tf.reshape(labels, [-1]))
    ids = tf.boolean_mask(ids, (ids > 0) & (areas >= config.data.min_area))
    limit = config.data.max_instances
    found = tf.size(ids)
    ids = tf.cond(found > limit, lambda: _cut(ids, name, limit), lambda: ids)
    ids = tf.pad(ids, [[0, limit - tf.size(ids)]], constant_values=IGNORED - 1)  # an id that no pixel has
    masks = tf.ensure_shape(tf.cast(labels[None] == ids[:, None, None], tf.uint8), [limit, *config.model.size])
    image = tf.ensure_shape(image, [*config.model.size, config.model.channels])
    ignored = tf.ensure_shape(tf.cast(labels < 0, tf.uint8), config.model.size)
    return {"image": image, "masks": masks, "count": tf.minimum(found, limit), "ignored": ignored}


def _cut(ids, name, limit):
    """Keeps the first `limit` ids and warns about the others."""

    def warn(name, found):
        name, found = name.numpy().decode(), int(found)
        if name not in _WARNED:  # once per image, not once per epoch
            _WARNED.add(name)
            logging.warning(
                "%s: %d objects in one training sample, but data.max_instances is %d; raise it, or some are left out",
                name,
                found,
                limit,
            )
        return np.int32(0)

    zero = tf.py_function(warn, [name, tf.size(ids)], tf.int32)
    return ids[: limit + zero]  # uses the result, so that the warning is part of the computation


def training_batches(records, config, extra=(), skip=0, names=False, part=(0, 1), replicas=1):
    """Endless shuffled and augmented batches. The same `config.seed` gives the same batches.

    Args:
      records: Records.
      config: config of the run.
      extra: additional Records; a share `data.extra_share` of the samples is drawn from them.
      skip: number of batches to skip at the start, when a run is resumed.
      names: whether the batches also contain "name", string [B].
      part: (index, count). Each batch is divided into `count` equal parts, and only the part at `index` is made. Its
        samples are the same as in the whole batch.
      replicas: number of equal pieces in which a batch is delivered, counted over all parts.

    Returns:
      tf.data.Dataset of {"image": float32 [B, H, W, C], "masks": uint8 [B, N, H, W], "count": int32 [B],
      "ignored": uint8 [B, H, W]}, where B is `train.batch` divided by `replicas`.
    """
    parts = [part for part in (records, extra) if part]
    fetch, pasting = _fetch(parts, config.model.channels), "copy_paste" in elements(config)
    shares = [part.shares for part in parts]
    dataset = _numbers(shares, config.seed, config)
    if pasting:
        dataset = tf.data.Dataset.zip(dataset, _numbers(shares, config.seed + 1, config))

    def prepare(index, numbers):
        seed, sample = tf.stack([tf.constant(config.seed, tf.int64), index]), fetch(numbers[0] if pasting else numbers)
        if pasting:
            sample["donor"] = fetch(numbers[1])
        record = to_record(*augment(sample, seed, config), sample["name"], config)
        return {**record, "name": sample["name"]} if names else record

    batch, (index, count) = config.train.batch, part
    dataset = dataset.enumerate().skip(skip * batch)
    if count > 1:
        dataset = dataset.filter(lambda number, sample: number % batch // (batch // count) == index)
    dataset = dataset.map(prepare, num_parallel_calls=2, deterministic=True)
    return dataset.batch(batch // replicas, drop_remainder=True).prefetch(4)
