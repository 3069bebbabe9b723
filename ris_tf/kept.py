"""What was found in images that are done, kept on disk until all are: an interrupted ris-predict goes on from it."""

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

    def read(self, image):
        """What was found in the image at a Path: Instances.

        None if nothing is kept of it, or only what was found in another file, before it changed, or by another run:
        with other weights, another config or other flags.
        """
        try:
            with np.load(self._path(image), allow_pickle=False) as file:
                if str(file["sign"]) == self._sign(image):
                    return Instances(file["labels"], file["scores"])
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile, zlib.error):
            pass  # not there or broken
        return None

    def write(self, image, instances):
        """Keeps what was found in the image at a Path."""
        self._folder.mkdir(parents=True, exist_ok=True)
        buffer = io.BytesIO()
        np.savez_compressed(buffer, labels=instances.labels, scores=instances.scores, sign=self._sign(image))
        write_bytes(self._path(image), buffer.getvalue())

    def remove(self, images):
        """Removes what is kept of the images at Paths, and the folder, unless something else lies there."""
        for image in images:
            self._path(image).unlink(missing_ok=True)
        if any(self._folder.glob(f"*{_ENDING}")):
            return  # of another run, which may be at work
        sweep(self._folder)
        with contextlib.suppress(OSError):
            self._folder.rmdir()

    def _path(self, image):
        return self._folder / f"{image.name}{_ENDING}"

    def _sign(self, image):
        """Hexadecimal; the same for the same run and the same file, unchanged."""
        stat = image.stat()
        signed = [*self._run, str(image.resolve()), stat.st_size, stat.st_mtime_ns]
        return hashlib.sha256(json.dumps(signed).encode()).hexdigest()
