"""Write and read data sets as sharded TFRecord files, SPLIT-00000-of-00003.tfrecord, with an index, records.json.

Each record is a tf.train.Example with three byte strings: "name", "image" and "labels". The arrays are serialised with
`tf.io.serialize_tensor` and then compressed. To decode one, use
`tf.io.parse_tensor(tf.io.decode_compressed(image, "ZLIB"), dtype)`. The content of records.json is
{split: {shard: [names]}}.
"""

import json
import struct
from functools import partial
from pathlib import Path

import numpy as np

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.readers.splits import Layout, Listing, chosen, joined
from ris_tf.errors import DataError
from ris_tf.files.writing import write_text
from ris_tf.instances.labels import IGNORED, bounded
from ris_tf.wording import counted

_INDEX = "records.json"
_MOST_RECORD = 24 * MAX_PIXELS + 2048  # bytes, twice the largest array; a larger length is certainly wrong
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
    from ris_tf.files import tensorflow_errors  # TensorFlow takes seconds to import

    with tensorflow_errors.writing(folder):
        index = {split: _write_shards(folder, split, samples, shard_bytes) for split, samples in splits.items()}
    write_text(folder / _INDEX, json.dumps(index, indent=1))


def _write_shards(folder, split, samples, shard_bytes):
    """Writes one split; returns {shard: [names]}."""
    import tensorflow as tf

    from ris_tf.data.readers.records import pack

    shards = []  # the names of the records in each shard
    writer, written = None, 0
    for name, image, labels in samples:
        if writer is None:
            writer, written = tf.io.TFRecordWriter(str(folder / f"{split}-{len(shards):05d}")), 0
            shards.append([])
        record = pack(name, image, labels)
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
            found = f"has {counted(len(places), 'record')} but {_INDEX} says {len(names)}"
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
    from ris_tf.data.readers.records import unpack

    try:
        with file.open("rb") as stream:
            stream.seek(offset)
            found, image, labels = unpack(stream.read(length))
        if found != name:
            raise ValueError
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


LAYOUT = Layout("TFRecord", f"SPLIT-*.tfrecord with {_INDEX}", _find, _splits, _listing)
