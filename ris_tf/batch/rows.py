"""Predicts one image of a batch job: returns its table row, or the reason why it failed. Does not need Beam."""

import dataclasses
import tempfile
from pathlib import Path

import numpy as np

from ris_tf.data.images.orientation import as_stored, orientation_of, upright
from ris_tf.data.images.single import read_image
from ris_tf.errors import DataError
from ris_tf.instances.outputs import compressed_runs

_SMALLEST = 8  # shortest side of an image, pixels


@dataclasses.dataclass(frozen=True)
class Source:
    """The location of one image.

    Attributes:
      image: key of the image: the path of its file, or SHARD#NUMBER, where NUMBER counts the records from 0.
      packed: bytes of the TFRecord record; None for an image file.
    """

    image: str
    packed: bytes | None = None


@dataclasses.dataclass(frozen=True)
class Failure:
    """An image that has no row.

    Attributes:
      image: see Source.
      reason: the problem, in one line.
    """

    image: str
    reason: str


def row(source, predict, open_file):
    """Predicts one image.

    Args:
      source: Source.
      predict: function that takes an image and returns Instances.
      open_file: function that takes a URL and returns an open binary file.

    Returns:
      {"image": str, "name": str, "height", "width", "count": int, "scores": [float], "rle": [str]}, or a Failure. "rle"
      holds COCO's compressed RLE of each instance as text, for a mask of height x width that fits the stored pixels.
      Any error in an image becomes its Failure, so that the job continues with the other images.
    """
    try:
        name, image, turn = _read(source, open_file)
        height, width = image.shape[:2]
        if min(height, width) < _SMALLEST:
            raise DataError(f"image is {width}x{height} pixels; expected at least {_SMALLEST}x{_SMALLEST}")
        found = predict(upright(image, turn))
    except Exception as error:
        said = " ".join(str(error).split()).removeprefix(f"{source.image}: ")
        return Failure(source.image, said if isinstance(error, DataError) else f"{type(error).__name__}: {said}")
    entry = {"image": source.image, "name": name, "height": height, "width": width, "count": found.count}
    scores = [float(score) for score in np.asarray(found.scores, np.float32)]
    return {**entry, "scores": scores, "rle": compressed_runs(as_stored(found.labels, turn))}


def _read(source, open_file):
    """Returns the name of an image, the image as stored, and its EXIF orientation."""
    if source.packed is not None:
        from ris_tf.data.readers.records import unpack_image  # imports TensorFlow, which image files do not need

        return *unpack_image(source.packed), 1
    path = source.image
    if not is_url(path):
        return Path(path).name, read_image(path), orientation_of(path)
    with tempfile.NamedTemporaryFile() as copy:
        with open_file(path) as stream:
            copy.write(stream.read())
        copy.flush()
        try:
            return path.rsplit("/", 1)[1], read_image(copy.name), orientation_of(copy.name)
        except DataError as error:
            raise DataError(str(error).replace(copy.name, path)) from error


def is_url(path):
    """Whether a path is a URL, such as gs://... or s3://..., and not a local path."""
    return "://" in path


def is_shard(path):
    """Whether a path names a TFRecord file, judged by its ending."""
    return path.endswith((".tfrecord", ".tfrecord.gz"))
