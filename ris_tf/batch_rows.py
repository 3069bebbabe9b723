"""One image of a batch job -> one row of its table, or the reason why there is none. No Beam in here."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from ris_tf.data.readers import read_image
from ris_tf.errors import DataError
from ris_tf.outputs import compressed_runs

_SMALLEST = 8  # pixels of a side


@dataclasses.dataclass(frozen=True)
class Source:
    """Where one image is.

    Attributes:
      image: what it is counted by: the path of a file, or SHARD#NUMBER with the number of the record from 0.
      packed: the record, bytes; None for a file.
    """

    image: str
    packed: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Failure:
    """An image without a row.

    Attributes:
      image: as of Source.
      reason: one line.
    """

    image: str
    reason: str


def row(source, predict, open_file):
    """What is found in one image.

    Args:
      source: Source.
      predict: function of an image giving Instances.
      open_file: function of a path that is a URL, giving a binary file.

    Returns:
      {"image": str, "name": str, "height", "width", "count": int, "scores": [float], "rle": [str]}, or Failure. In
      "rle" is the text of COCO's compressed RLE for each instance, of a mask of height x width. Whatever goes wrong
      with one image is its Failure: the others must not suffer for it.
    """
    try:
        name, image = _read(source, open_file)
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            raise DataError(f"image is {width}x{height} pixels; expected at least {_SMALLEST}x{_SMALLEST}")
        found = predict(image)
    except Exception as error:
        said = " ".join(str(error).split()).removeprefix(f"{source.image}: ")
        return Failure(source.image, said if isinstance(error, DataError) else f"{type(error).__name__}: {said}")
    entry = {"image": source.image, "name": name, "height": height, "width": width, "count": found.count}
    scores = [float(score) for score in np.asarray(found.scores, np.float32)]
    return {**entry, "scores": scores, "rle": compressed_runs(found.labels)}


def _read(source, open_file):
    if source.packed is not None:
        from ris_tf.data.tfrecord import unpack_image  # needs TensorFlow, which files of images do not

        return unpack_image(source.packed)
    path = source.image
    if not is_url(path):
        return Path(path).name, read_image(path)
    with tempfile.NamedTemporaryFile() as copy:
        with open_file(path) as stream:
            copy.write(stream.read())
        copy.flush()
        try:
            return path.rsplit("/", 1)[1], read_image(copy.name)
        except DataError as error:
            raise DataError(str(error).replace(copy.name, path)) from error


def is_url(path):
    """Whether a path is that of a store such as gs:// or s3://, not of this machine."""
    return "://" in path


def is_shard(path):
    """Whether a path is that of a TFRecord file, by its ending."""
    return path.endswith((".tfrecord", ".tfrecord.gz"))
