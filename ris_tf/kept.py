"""What is known of images that are done, kept on disk until all are: an interrupted command goes on from it."""

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
    """Arrays of images that are done, in a folder.

    Args:
        folder: Path; made once there is something to keep.
        config: of the model.
        model: str by which the weights are known again, see `storage.digest`.
        crf: whether masks are refined by a fully connected CRF.
    """

    def __init__(self, folder, config, model, crf=False):
        self._folder, self._names = folder, set()
        self._run = [model, crf, prediction_fields(config)]

    def read(self, name, state):
        """What was kept of an image.

        Args:
            name: str, of the image, as a file may be called.
            state: list by which the image is known again, see `file_state` and `pixel_state`.

        Returns:
            list of arrays. None if nothing is kept of the image, or only what was found before it changed, or by
            another run: with other weights, another config or other flags.
        """
        self._names.add(name)
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                if str(file["sign"]) == self._sign(state):
                    return [file[f"array_{index}"] for index in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # not there or broken
        return None

    def write(self, name, state, arrays):
        """Keeps arrays of an image, `name` and `state` as of `read`."""
        self._names.add(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        named = {f"array_{index}": array for index, array in enumerate(arrays)}
        np.savez_compressed(buffer, sign=self._sign(state), **named)
        write_bytes(self._path(name), buffer.getvalue())

    def read_instances(self, name, state):
        """As `read`, of `write_instances`: Instances and the list of arrays beside them, or None."""
        kept = self.read(name, state)
        return kept and (Instances(*kept[:2]), kept[2:])

    def write_instances(self, name, state, instances, beside=()):
        """Keeps what was found in an image, and a list of arrays beside it."""
        self.write(name, state, [instances.labels, instances.scores, *beside])

    def remove(self):
        """Removes what was read and written here, and the folder, unless something else lies there."""
        for name in self._names:
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
