"""Images and label maps -> augmented batches of the one record, as a tf.data.Dataset."""

import numpy as np
import tensorflow as tf
from absl import logging

from ris_tf.data import hub, splits, synthetic
from ris_tf.data.augment import augment
from ris_tf.data.layouts import open_folder
from ris_tf.errors import NoSplit
from ris_tf.labels import IGNORED
from ris_tf.settings import elements

_PREFIX = "synthetic:"
_TOLD = set()  # names of the images that a warning was given for


def open_source(data, split, size=256, images=None, seed=0, category="", held_out=0.0):
    """Opens a data set as a list-like of samples.

    Args:
      data: folder in any layout (see layouts), "hf:NAME" or "tfds:NAME" (see hub), or "synthetic:KIND" with a KIND of
        synthetic.KINDS.
      split: "train", "val", "test" or another folder's name; synthetic splits differ by their seed.
      size: side of synthetic images, pixels.
      images: number of synthetic images.
      seed: of synthetic images.
      category: of the objects, in a data set with COCO, VOC or SBD annotations; "" for all.
      held_out: share of a data set without a split "val", the last by name, that "val" gets, see splits.part.

    Returns:
      list of (name, read) where read() -> (image [H, W, C], labels int32 [H, W]). In labels 0 is background, -1 a pixel
      to be ignored, and every other value one object.

    Raises:
      DataError, UsageError: see layouts, hub and synthetic.
    """
    data = str(data)
    if data.startswith(_PREFIX):
        kind = data[len(_PREFIX) :]
        stream = seed * 1000 + {"train": 0, "val": 1, "test": 2}.get(split, 3)
        synthetic.sample(kind, stream, 0, 32)  # an unknown kind is told before any work
        return [(f"{kind}_{i:05d}", synthetic.Drawing(kind, stream, i, size)) for i in range(images or 50)]

    def listed(split):
        return hub.open_named(data, split) if hub.is_name(data) else open_folder(data, split, category, held_out)

    if not held_out or split not in ("train", "val"):
        return listed(split)
    try:
        held = listed("val")
    except NoSplit:
        return splits.part(data, splits.Listing(listed("train"), []), split, held_out).samples
    return held if split == "val" else listed(split)


def _numbers(sizes, seed, config):
    """Endless shuffled numbers of samples, `data.extra_share` of them of the second part.

    Args:
      sizes: int arrays, how often each sample of a part comes in an epoch of it; one or two parts.

    Returns:
      tf.data.Dataset of int64, counted over both parts.
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
    """Function of the number of a sample, int64 [], giving its record as tensors."""
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
    """Image float32 [H, W, C], labels int32 [H, W] -> the one record.

    Returns:
      {"image", "masks": uint8 [N, H, W], "count": int32, "ignored": uint8 [H, W]}.
    """
    ids, _, areas = tf.unique_with_counts(tf.reshape(labels, [-1]))
    ids = tf.boolean_mask(ids, (ids > 0) & (areas >= config.data.min_area))
    limit = config.data.max_instances
    found = tf.size(ids)
    ids = tf.cond(found > limit, lambda: _cut(ids, name, limit), lambda: ids)
    ids = tf.pad(ids, [[0, limit - tf.size(ids)]], constant_values=IGNORED - 1)  # no pixel has it
    masks = tf.ensure_shape(tf.cast(labels[None] == ids[:, None, None], tf.uint8), [limit, *config.model.size])
    image = tf.ensure_shape(image, [*config.model.size, config.model.channels])
    ignored = tf.ensure_shape(tf.cast(labels < 0, tf.uint8), config.model.size)
    return {"image": image, "masks": masks, "count": tf.minimum(found, limit), "ignored": ignored}


def _cut(ids, name, limit):
    def warn(name, found):
        name, found = name.numpy().decode(), int(found)
        if name not in _TOLD:  # once an image, not once an epoch
            _TOLD.add(name)
            logging.warning(
                "%s: %d objects in one training sample, %d are left out; raise data.max_instances (now %d)",
                name,
                found,
                found - limit,
                limit,
            )
        return np.int32(0)

    told = tf.py_function(warn, [name, tf.size(ids)], tf.int32)
    return ids[: limit + told]


def training_batches(records, config, extra=(), skip=0, names=False, part=(0, 1), replicas=1):
    """Endless shuffled, augmented batches, the same for the same config.seed.

    Args:
      records: Records.
      config: of the run.
      extra: further Records, of which `data.extra_share` of the samples are drawn.
      skip: batches left out at the start, for a run that goes on.
      names: whether the batches also hold "name", string [B].
      part: (index, count); of every batch only the index-th of `count` parts is made, with samples as in the whole.
      replicas: each batch, over all parts, comes in so many equal pieces.

    Returns:
      tf.data.Dataset of {"image": float32 [B, H, W, C], "masks": uint8 [B, N, H, W], "count": int32 [B],
      "ignored": uint8 [B, H, W]}.
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
