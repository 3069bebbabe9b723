"""Write and read data sets as sharded TFRecord files, SPLIT-00000-of-00003.tfrecord, with an index, records.json.

Each record is a tf.train.Example with three byte strings: "name", "image" and "labels". The arrays are serialised with
`tf.io.serialize_tensor` and then compressed. To decode one, use
`tf.io.parse_tensor(tf.io.decode_compressed(image, "ZLIB"), dtype)`. The content of records.json is
{split: {shard: [names]}}.
"""

import json
import math
import struct
import zlib
from functools import partial
from pathlib import Path

import numpy as np
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.images.packed import exceeds
from ris_tf.data.readers.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError
from ris_tf.files import tensorflow_errors
from ris_tf.files.writing import write_text
from ris_tf.instances.labels import IGNORED, bounded

_INDEX = "records.json"
_MAX_BYTES = 12 * MAX_PIXELS + 1024  # of a serialised array: MAX_PIXELS of float32 RGB, plus a header
_MOST_RECORD = 2 * _MAX_BYTES  # bytes; a larger length is certainly wrong
_FRAME = struct.Struct("<QI")  # before each record: its length and a checksum of that; 4 bytes of checksum follow it


def write(folder, splits, shard_bytes):
    """Writes shards of about equal size, and finally records.json.

    Args:
      folder: Path of an empty folder.
      splits: {split: iterable of (name, image, labels)}; samples are read one at a time.
      shard_bytes: a shard is closed when its records reach this size in bytes.

    Raises:
      DataError: raised by the iterables.
      OSError: a shard cannot be written.
    """
    with tensorflow_errors.writing(folder):
        index = {split: _write_shards(folder, split, samples, shard_bytes) for split, samples in splits.items()}
    write_text(folder / _INDEX, json.dumps(index, indent=1))


def _write_shards(folder, split, samples, shard_bytes):
    """Writes one split; returns {shard: [names]}."""
    shards = []  # the names of the records in each shard
    writer, written = None, 0
    for name, image, labels in samples:
        if writer is None:
            writer, written = tf.io.TFRecordWriter(str(folder / f"{split}-{len(shards):05d}")), 0
            shards.append([])
        record = _pack(name, image, labels)
        writer.write(record)
        shards[-1].append(name)
        written += len(record)
        if written >= shard_bytes:
            writer.close()
            writer = None
    if writer is not None:
        writer.close()
    index = {}
    for number, names in enumerate(shards):
        shard = f"{split}-{number:05d}-of-{len(shards):05d}.tfrecord"
        (folder / f"{split}-{number:05d}").rename(folder / shard)
        index[shard] = names
    return index


def _pack(name, image, labels):
    values = {"image": _tensor(image), "labels": _tensor(labels), "name": name.encode()}
    features = {key: tf.train.Feature(bytes_list=tf.train.BytesList(value=[value])) for key, value in values.items()}
    return tf.train.Example(features=tf.train.Features(feature=features)).SerializeToString()


def _tensor(array):
    return zlib.compress(tf.io.serialize_tensor(array).numpy(), 3)


def _find(root):
    return root if (root / _INDEX).is_file() or next(root.glob("*.tfrecord"), None) else None


def _index(root):
    """Reads and checks records.json: {split: {shard: [names]}}."""
    file = root / _INDEX
    expected = "expected what ris-data convert --format=tfrecord writes"
    try:
        index = json.loads(file.read_bytes())
        for split, shards in index.items():
            for shard, names in shards.items():
                if not all(isinstance(name, str) for name in names) or {Path(n).name for n in (split, shard)} != {
                    split,
                    shard,
                }:
                    raise TypeError
        return index
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; {expected}") from error
    except (ValueError, AttributeError, TypeError, RecursionError) as error:
        raise DataError(f"{file}: does not list splits, shards and records; {expected}") from error


def _splits(root, category="", held_out=0.0):
    return list(_index(root))


def _listing(root, split, category, held_out):
    index = _index(root)
    return joined({name: _samples(root, index[name]) for name in chosen(root, split, list(index))})


def _samples(root, shards):
    samples, problems = [], []
    for shard, names in shards.items():
        try:
            places = _places(root / shard)
        except DataError as error:
            problems += error.problems
            continue
        if len(places) != len(names):
            found = f"has {len(places)} records but {_INDEX} says {len(names)}"
            problems.append(f"{root / shard}: {found}; copy both again")
        pairs = zip(names, places, strict=False)
        samples += [(name, partial(_read, root / shard, name, *place)) for name, place in pairs]
    return Listing(sorted(samples, key=lambda sample: sample[0]), problems)


def _places(file):
    """(offset, length) in bytes of every record of a shard, found from the length stored before each record."""
    try:
        size, places, offset = file.stat().st_size, [], 0
        with file.open("rb") as stream:
            while offset < size:
                stream.seek(offset)
                frame = stream.read(_FRAME.size)
                length = _FRAME.unpack(frame)[0] if len(frame) == _FRAME.size else size
                end = offset + _FRAME.size + length + 4
                if end > size:
                    raise DataError(f"{file}: file is truncated ({size} bytes, a record ends at {end}); copy it again")
                places.append((offset + _FRAME.size, length))
                offset = end
        return places
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected a shard of records") from error


def _read(file, name, offset, length):
    try:
        with file.open("rb") as stream:
            stream.seek(offset)
            features = tf.train.Example.FromString(stream.read(length)).features.feature
        if features["name"].bytes_list.value[0].decode() != name:
            raise ValueError
        image, labels = _image(features), _array(features["labels"].bytes_list.value[0])
        right = labels.dtype == np.int32 and labels.shape == image.shape[:2] and labels.size
        if not right or labels.min() < IGNORED:
            raise ValueError
        return image, bounded(labels)
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected a shard of records") from error
    except Exception as error:  # protobuf, zlib and TensorFlow raise various exceptions for a damaged record
        raise DataError(
            f"{file}: the record {name!r} cannot be read ({type(error).__name__}); copy or convert it again"
        ) from error


def records(stream):
    """Yields the records of a shard one after another.

    Args:
      stream: binary file, read from its current position.

    Yields:
      bytes of one record.

    Raises:
      DataError: the file ends within a record, or the length of a record is invalid. The message does not name the
        file.
    """
    while frame := stream.read(_FRAME.size):
        length = _FRAME.unpack(frame)[0] if len(frame) == _FRAME.size else 0
        record = stream.read(length) if 0 < length <= _MOST_RECORD else b""
        if len(record) != length or not length or len(stream.read(4)) != 4:
            raise DataError("is not a complete record; it and all records after it cannot be read; copy the file again")
        yield record


def unpack_image(record):
    """Decodes the name and the image of a record, without its labels.

    Args:
      record: bytes, see `records`.

    Returns:
      name, str, and image, uint8, uint16 or float32 [H, W, 1 or 3].

    Raises:
      DataError: the record is damaged or has other content. The message does not name the file.
    """
    try:
        features = tf.train.Example.FromString(record).features.feature
        return features["name"].bytes_list.value[0].decode(), _image(features)
    except Exception as error:  # various exceptions, see `_read`
        raise DataError(
            f"cannot be read ({type(error).__name__}); expected a record written by ris-data convert"
        ) from error


def _image(features):
    image = _array(features["image"].bytes_list.value[0])
    right = image.ndim == 3 and image.shape[2] in (1, 3) and image.dtype in (np.uint8, np.uint16, np.float32)
    if not right or not np.isfinite(image).all():
        raise ValueError
    return image


def _array(packed):
    if exceeds([packed], _MAX_BYTES):
        raise ValueError
    tensor = tensor_pb2.TensorProto.FromString(zlib.decompress(packed))
    sizes = [size.size for size in tensor.tensor_shape.dim]
    whole = math.prod(sizes) * tf.as_dtype(tensor.dtype).size == len(tensor.tensor_content)
    if min(sizes, default=0) < 0 or not whole or math.prod(sizes[:2]) > MAX_PIXELS:
        raise ValueError  # also refuses a tensor that stores a single value with a shape of any size
    return tf.make_ndarray(tensor)


LAYOUT = Layout("TFRecord", f"SPLIT-*.tfrecord with {_INDEX}", _find, _splits, _listing)
