"""What was found in images that are done, kept on disk until all are: an interrupted command goes on from it."""

import contextlib
import hashlib
import io
import json
import zipfile
import zlib

import numpy as np

from ris_tf.files import sweep, write_bytes
from ris_tf.labels import Instances
from ris_tf.ranges import prediction_fields

_ENDING = ".found.npz"


class Kept:
    """The instances of images that are done, in a folder.

    Args:
        folder: Path; made once there is something to keep.
        config: of the model.
        model: str by which the weights are known again, see `storage.digest`.
        crf: whether masks are refined by a fully connected CRF.
    """

    def __init__(self, folder, config, model, crf=False):
        self._folder = folder
        self._run = [model, crf, prediction_fields(config)]

    def read(self, name, state):
        """What was found in an image.

        Args:
            name: str, of the image, as a file may be called.
            state: list by which the image is known again, see `file_state` and `pixel_state`.

        Returns:
            Instances, and the list of arrays that was kept beside them. None if nothing is kept of the image, or only
            what was found before it changed, or by another run: with other weights, another config or other flags.
        """
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                if str(file["sign"]) == self._sign(state):
                    beside = [file[f"beside_{index}"] for index in range(len(file.files) - 3)]
                    return Instances(file["labels"], file["scores"]), beside
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # not there or broken
        return None

    def write(self, name, state, instances, beside=()):
        """Keeps what was found in an image, `name` and `state` as of `read`, and a list of arrays beside it."""
        self._folder.mkdir(parents=True, exist_ok=True)
        arrays = {f"beside_{index}": array for index, array in enumerate(beside)}
        buffer = io.BytesIO()
        np.savez_compressed(buffer, labels=instances.labels, scores=instances.scores, sign=self._sign(state), **arrays)
        write_bytes(self._path(name), buffer.getvalue())

    def remove(self, names):
        """Removes what is kept of the images, and the folder, unless something else lies there."""
        for name in names:
            self._path(name).unlink(missing_ok=True)
        if any(self._folder.glob(f"*{_ENDING}")):
            return  # of another run, which may be at work
        sweep(self._folder)
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _path(self, name):
        return self._folder / f"{name}{_ENDING}"

    def _sign(self, state):
        """Hexadecimal; the same for the same run and the same image, unchanged."""
        return hashlib.sha256(json.dumps([*self._run, *state]).encode()).hexdigest()


def file_state(path):
    """List by which a file, unchanged, is known again: where it lies, its size and when it was written."""
    stat = path.stat()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]


def pixel_state(image):
    """List by which an array is known again: its pixels, shape and type."""
    return [hashlib.sha256(np.ascontiguousarray(image)).hexdigest(), list(image.shape), str(image.dtype)]
