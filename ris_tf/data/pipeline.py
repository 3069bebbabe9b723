"""Images and label maps -> augmented batches of the one record, as a tf.data.Dataset."""

import math

import numpy as np
import tensorflow as tf
from absl import logging
from tqdm import tqdm

from ris_tf.data import hub, synthetic
from ris_tf.data.augment import augment
from ris_tf.data.layouts import open_folder
from ris_tf.data.normalize import normalize
from ris_tf.data.resize import fit_labels, fit_within
from ris_tf.focus import SHARE, object_box
from ris_tf.settings import elements

_PREFIX = "synthetic:"
_TOLD = set()  # names of the images that a warning was given for


def open_source(data, split, size=256, images=None, seed=0, category="person", held_out=0.0):
    """Opens a data set as a list-like of samples.

    Args:
      data: folder in any layout (see layouts), "hf:NAME" or "tfds:NAME" (see hub), or "synthetic:KIND" with a KIND of
        synthetic.KINDS.
      split: "train", "val", "test" or another folder's name; synthetic splits differ by their seed.
      size: side of synthetic images, pixels.
      images: number of synthetic images.
      seed: of synthetic images.
      category: of the objects, in a data set with COCO, VOC or SBD annotations; "" for all.
      held_out: share of a folder without splits that "val" gets, see splits.part.

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

        def draw(index):
            image, labels = synthetic.sample(kind, stream, index, size)
            return image, labels.astype(np.int32)

        return [(f"{kind}_{i:05d}", lambda i=i: draw(i)) for i in range(images or 50)]
    if hub.is_name(data):
        return hub.open_named(data, split)
    return open_folder(data, split, category, held_out)


def zoom_range(labels, config):
    """Range of the random scale of one image: network pixels per image pixel.

    In "focus" the first shows the whole image, the second all objects closely. In "tiles" the median object's diameter
    comes within `data.diameter`, and a crop holds the step budget at most.
    """
    if config.data.view == "whole":
        return tuple(config.data.scale) if "scale" in elements(config) else (1.0, 1.0)
    if config.data.view == "focus":
        whole = min(length / side for length, side in zip(config.model.size, labels.shape, strict=True))
        top, left, bottom, right = object_box(labels)
        height, width = config.model.size
        closest = SHARE * min(height / max(bottom - top, 1), width / max(right - left, 1))
        return whole, float(np.clip(closest, whole, config.predict.zoom_limits[1]))
    areas = np.bincount(np.maximum(labels, 0).ravel())[1:]
    areas = areas[areas > 0]
    if not areas.size:
        return 0.7, 1.4
    diameter = math.sqrt(4 / math.pi * float(np.median(areas)))
    side = math.sqrt(config.model.size[0] * config.model.size[1])
    fits = side * math.sqrt(areas.size / (0.7 * config.model.steps * labels.size))
    low = max(config.data.diameter[0] / diameter, fits)
    return low, max(low, config.data.diameter[1] / diameter)


def share(labels, zoom, config):
    """How often an image is drawn in an epoch.

    In "tiles" the root of the number of crops that cover it, 1 to 8; otherwise its number of objects to the power of
    `data.count_power`.
    """
    if config.data.view != "tiles":
        objects = np.unique(np.maximum(labels, 0)).size - (labels <= 0).any()
        return max(1, round(float(objects) ** config.data.count_power))
    scale = math.sqrt(zoom[0] * zoom[1])
    crops = labels.size * scale**2 / (config.model.size[0] * config.model.size[1])
    return int(np.clip(round(math.sqrt(crops)), 1, 8))


def load(source, config):
    """Reads a source into memory, normalised and at the scale that training needs.

    Args:
      source: from `open_source`.
      config: of the run.

    Returns:
      list of {"image": float32 [H, W, C], "labels": int32 [H, W], "zoom": float32 [2], "box": float32 [4], "name": str,
      "share": int}; "box" as of `focus.object_box`.

    Raises:
      DataError: a file is wrong.
    """
    records = []
    for name, read in tqdm(source, "reading", leave=False):
        image, labels = read()
        image = normalize(image, config.model.channels)
        if config.data.view == "whole":
            image, labels = fit_within(image, config.model.size), fit_labels(labels, config.model.size)
        zoom = zoom_range(labels, config)
        if zoom[1] < (0.9 if config.data.view == "focus" else 0.6):  # too large for bilinear sampling: reduce by area
            sharpest = zoom[1] * (1.0 if config.data.view == "focus" else 1.2)
            size = [max(1, round(length * sharpest)) for length in labels.shape]
            image, labels = fit_within(image, size), fit_labels(labels, size)
            zoom = zoom_range(labels, config)
        record = {"image": image, "labels": labels, "zoom": np.float32(zoom), "name": name}
        record["box"] = np.float32(object_box(labels))
        records.append({**record, "share": share(labels, zoom, config)})
    return records


def _stream(records):
    signature = {
        "image": tf.TensorSpec([None, None, records[0]["image"].shape[2]], tf.float32),
        "labels": tf.TensorSpec([None, None], tf.int32),
        "zoom": tf.TensorSpec([2], tf.float32),
        "box": tf.TensorSpec([4], tf.float32),
        "name": tf.TensorSpec([], tf.string),
    }
    fields = [{name: record[name] for name in signature} for record in records]
    fields = [field for field, record in zip(fields, records, strict=True) for _ in range(record["share"])]
    return tf.data.Dataset.from_generator(lambda: iter(fields), output_signature=signature)


def _samples(records, extra, config, seed):
    """Endless shuffled samples, `data.extra_share` of them from `extra`."""
    streams = [
        _stream(part)
        .shuffle(sum(record["share"] for record in part), seed=seed, reshuffle_each_iteration=True)
        .repeat()
        for part in (records, extra)
        if part
    ]
    if len(streams) == 1:
        return streams[0]
    weights = [1 - config.data.extra_share, config.data.extra_share]
    return tf.data.Dataset.sample_from_datasets(streams, weights, seed=seed)


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
    ids = tf.pad(ids, [[0, limit - tf.size(ids)]], constant_values=-1)
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


def training_batches(records, config, extra=(), skip=0, names=False):
    """Endless shuffled, augmented batches, the same for the same config.seed.

    Args:
      records: from `load`.
      config: of the run.
      extra: further records, of which `data.extra_share` of the samples are drawn.
      skip: batches left out at the start, for a run that goes on.
      names: whether the batches also hold "name", string [B].

    Returns:
      tf.data.Dataset of {"image": float32 [B, H, W, C], "masks": uint8 [B, N, H, W], "count": int32 [B],
      "ignored": uint8 [B, H, W]}.
    """
    dataset = _samples(records, extra, config, config.seed)
    if "copy_paste" in elements(config):
        donors = _samples(records, extra, config, config.seed + 1)
        dataset = tf.data.Dataset.zip(dataset, donors).map(lambda sample, donor: {**sample, "donor": donor})

    def prepare(index, sample):
        seed = tf.stack([tf.constant(config.seed, tf.int64), index])
        record = to_record(*augment(sample, seed, config), sample["name"], config)
        return {**record, "name": sample["name"]} if names else record

    dataset = dataset.enumerate().skip(skip * config.train.batch)
    dataset = dataset.map(prepare, num_parallel_calls=2, deterministic=True)
    return dataset.batch(config.train.batch, drop_remainder=True).prefetch(4)
