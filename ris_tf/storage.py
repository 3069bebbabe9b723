"""Trained models in files: which file a name means, reading it, writing it."""

import hashlib
from pathlib import Path

import keras

from ris_tf import archive, files, presets, runtime
from ris_tf.errors import DataError, UsageError
from ris_tf.model import RIS


def load(source):
    """Loads a trained model. Nothing that the file holds is run, see `archive`.

    Args:
      source: name of a preset, a work folder of ris-train, or a .keras file.

    Returns:
      RIS.

    Raises:
      UsageError: no such preset, folder or file.
      DataError: the folder or file holds no model of this kind.
    """
    path = file_of(source)
    if path is None:
        return RIS.from_preset(str(source))
    archive.check(path, {"ris_tf.model": ["RIS"], **archive.OPTIMIZERS})
    try:
        model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a broken archive raises nearly anything
        raise DataError(f"{path}: cannot be read as a Keras model ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(model, RIS):
        raise DataError(f"{path}: holds a {type(model).__name__}, not a ris_tf.RIS")
    return model


def open_model(source):
    """Opens a model for prediction.

    Args:
      source: as of `load`, or an exported model, see `runtime.load`.

    Returns:
      RIS or runtime.Exported: both have `predict_instances`, `look`, `foreground` and `config`.

    Raises:
      UsageError, DataError: see `load` and `runtime.load`.
    """
    path = Path(source)
    return runtime.load(path) if runtime.is_exported(path) else load(source)


def file_of(source):
    """The .keras file that `load` reads.

    Args:
      source: as of `load`.

    Returns:
      Path; None for the name of a preset.

    Raises:
      UsageError: no such folder or file.
      DataError: the folder holds no model.
    """
    path = Path(source)
    found = [path / name for name in ("best.keras", "last.keras") if (path / name).is_file()]
    if not found and str(source) in presets.names():  # a folder of data, say, or a file, may be called nuclei
        return None
    if path.is_dir():
        if not found:
            raise DataError(f"{path}: holds no best.keras or last.keras; is it the work folder of ris-train?")
        return found[0]
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise UsageError(f"{path}: no such file or folder")
        return None
    if path.suffix != ".keras":
        known = ", ".join(presets.names())
        raise UsageError(f"{path}: is no model; give a preset ({known}), work folder or .keras file")
    return path


def digest(source):
    """SHA-256 of the files that hold a model, str: another one for other weights.

    Args:
      source: as of `open_model`.

    Raises:
      UsageError, DataError: see `file_of`.
    """
    path = Path(source)
    found = path if runtime.is_exported(path) else file_of(source) or presets.find(str(source))[1]
    parts = [found] if found.is_file() else sorted(part for part in found.rglob("*") if part.is_file())
    return hashlib.sha256(b"".join(hashlib.sha256(part.read_bytes()).digest() for part in parts)).hexdigest()


def save(model, path, previous=None):
    """Writes a model to a .keras file that is never seen half-written.

    Args:
      model: RIS.
      path: Path whose folder exists.
      previous: Path for the file that is at `path` now; None replaces it.

    Raises:
      OSError: it cannot be written, which leaves all as it was; names `path`.
    """
    with files.replacing(path, previous) as temporary:
        model.save(temporary)
