"""A few pictures, and a model's answers to them, that travel with an export: `ris-check` asks for the answers again.

A picture is stored at a fraction of its size with 16 values per channel, and enlarged by repeating pixels, so that
every machine sees the same pixels and the file has a few kB.
"""

import zipfile
from typing import NamedTuple

import numpy as np

from ris_tf.errors import DataError

NAME = "check.npz"  # beside the exported files
_MOST, _TRIED = 3, 8  # pictures that are kept, and from how many
_FACTORS = 4, 2, 1
_VALUES = 0xF0
_LARGEST = 2**28  # bytes of a stored array that are read


class Answer(NamedTuple):
    """A picture and what the Keras model finds in it.

    Attributes:
      picture: uint8 [H, W, C].
      labels: int32 [H, W], 0 background, 1..n.
      scores: float32 [n] in [0, 1].
    """

    picture: np.ndarray
    labels: np.ndarray
    scores: np.ndarray


def write(path, predict, pictures):
    """Asks a model and writes the pictures in which it finds the most different numbers of instances.

    Args:
      path: Path of the new file.
      predict: function from uint8 [H, W, C] to `Instances`.
      pictures: uint8 [N, H, W, C].
    """
    for factor in _FACTORS:
        small = [picture[factor // 2 :: factor, factor // 2 :: factor] & _VALUES for picture in pictures[:_TRIED]]
        found = [predict(_enlarged(one, factor, pictures.shape[1:3])) for one in small]
        if any(one.count for one in found):
            break
    order = np.argsort([-one.count for one in found], kind="stable")
    wanted = order[np.linspace(0, len(order) - 1, min(_MOST, len(order))).round().astype(int)]
    arrays = {"form": np.int32([factor, *pictures.shape[1:3]])}
    for number, index in enumerate(wanted):
        labels = found[index].labels.astype(np.uint16)  # as differences along the rows, which compress better
        arrays |= {f"picture_{number}": small[index], f"labels_{number}": np.diff(labels, axis=1, prepend=np.uint16(0))}
        arrays[f"scores_{number}"] = np.float32(found[index].scores)
    np.savez_compressed(path, **arrays)


def read(path):
    """Reads a file of pictures and answers.

    Args:
      path: Path.

    Returns:
      list of Answer, at least one.

    Raises:
      DataError: there is no such file, or it was not written by ris-export.
    """
    if not path.is_file():
        raise DataError(f"{path}: no such file; keep it beside the files that ris-export writes")
    try:
        with zipfile.ZipFile(path) as archive:
            if sum(part.file_size for part in archive.infolist()) > _LARGEST:
                raise ValueError
        with np.load(path, allow_pickle=False) as arrays:
            factor, *size = (int(value) for value in arrays["form"])
            if len(size) != 2 or factor not in _FACTORS or not all(0 < length < 2**14 for length in size):
                raise ValueError
            return [
                Answer(
                    _enlarged(arrays[f"picture_{index}"], factor, size),
                    np.cumsum(arrays[f"labels_{index}"], axis=1, dtype=np.uint16).astype(np.int32),
                    arrays[f"scores_{index}"],
                )
                for index in range((len(arrays.files) - 1) // 3)
            ]
    except Exception as error:  # a broken archive can raise nearly any exception
        raise DataError(f"{path}: cannot be read as pictures and answers; export again with ris-export") from error


def _enlarged(small, factor, size):
    """Enlarges a picture to (height, width) by repeating its pixels."""
    rows, columns = (
        np.minimum(np.arange(length) // factor, count - 1) for length, count in zip(size, small.shape, strict=False)
    )
    return np.ascontiguousarray(small[rows][:, columns])
