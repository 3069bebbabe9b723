"""Stores the results of finished images on disk, so that an interrupted command can resume."""

import contextlib
import hashlib
import io
import json
import time
import zipfile
import zlib

import numpy as np

from ris_tf.files.writing import sweep, write_bytes
from ris_tf.instances.labels import Instances
from ris_tf.settings.ranges import prediction_fields

_ENDING = ".found.npz"

_VERSION = 2  # of the stored arrays


class Kept:
    """A folder with the results of finished images, one .npz file of arrays per image.

    Results of another run, that is, with other weights, another config or other flags, are not used.

    Args:
        folder: Path; created when the first result is written.
        config: config of the model.
        model: str that identifies the weights, see `storage.digest`.
        crf: whether masks are refined by a fully connected CRF.
    """

    def __init__(self, folder, config, model, crf=False):
        self._folder, self._names = folder, set()
        self._run = [_VERSION, model, crf, prediction_fields(config)]

    def read(self, name, state):
        """Reads the stored arrays of an image.

        Args:
            name: str, name of the image; must be valid as a file name.
            state: list that identifies the image and its content, see `file_state` and `pixel_state`.

        Returns:
            list of arrays. None if nothing is stored for the image, if the image has changed since then, if the file is
            damaged, or if the results are from another run: with other weights, another config or other flags.
        """
        self._names.add(name)
        try:
            with np.load(self._path(name), allow_pickle=False) as file:
                if str(file["sign"]) == self._sign(state):
                    return [file[f"array_{index}"] for index in range(len(file.files) - 1)]
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # missing or damaged: the image is processed again
        return None

    def write(self, name, state, arrays):
        """Stores a list of arrays for an image; for `name` and `state` see `read`."""
        self._names.add(name)
        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        named = {f"array_{index}": array for index, array in enumerate(arrays)}
        np.savez_compressed(buffer, sign=self._sign(state), **named)
        write_bytes(self._path(name), buffer.getvalue())

    def read_instances(self, name, state):
        """Reads what `write_instances` stored: (Instances, list of further arrays), or None in the cases of `read`."""
        kept = self.read(name, state)
        return kept and (Instances(*kept[:2], limit_reached=bool(kept[2])), kept[3:])

    def write_instances(self, name, state, instances, beside=()):
        """Stores the Instances of an image, and a list of further arrays; for `name` and `state` see `read`."""
        self.write(name, state, [instances.labels, instances.scores, np.array(instances.limit_reached), *beside])

    def started(self):
        """When the run began, see `now`. It is stored, so that a run that resumes says the same."""
        before = self.read("started", [])
        if before is None:
            before = [np.array(now())]
            self.write("started", [], before)
        return str(before[0])

    def remove(self):
        """Deletes the results of all images that were read or written here, and the folder if it is empty then."""
        for name in self._names:
            self._path(name).unlink(missing_ok=True)
        if any(self._folder.glob(f"*{_ENDING}")):
            return  # results of another run, which may still be running
        sweep(self._folder)
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _path(self, name):
        return self._folder / f"{name}{_ENDING}"

    def _sign(self, state):
        """Hexadecimal digest, str: equal only for the same run and the same, unchanged image."""
        return hashlib.sha256(json.dumps([*self._run, *state]).encode()).hexdigest()


def now():
    """The local date and time, such as "2026-12-01 14:05"."""
    return time.strftime("%Y-%m-%d %H:%M")


def file_state(path):
    """Identifies an unchanged file: list of its absolute path, its size and its modification time."""
    stat = path.stat()
    return [str(path.resolve()), stat.st_size, stat.st_mtime_ns]


def pixel_state(image):
    """Identifies an array: list of a digest of its pixels, its shape and its dtype."""
    return [hashlib.sha256(np.ascontiguousarray(image)).hexdigest(), list(image.shape), str(image.dtype)]
