"""Loads and saves trained models, and resolves the name of a model to its file."""

import hashlib
import importlib.util
from pathlib import Path

from ris_tf import presets, runtime
from ris_tf.errors import DataError, UsageError
from ris_tf.files import writing

ENGINES = ("auto", "litert", "keras")


def load(source):
    """Loads a trained model. No code from the file is run, see `archive`.

    Args:
      source: name of a preset, work folder of ris-train, or .keras file.

    Returns:
      RIS.

    Raises:
      UsageError: there is no such preset, folder or file.
      DataError: the folder or file does not contain a RIS model.
    """
    path = file_of(source)
    import keras  # it takes seconds, and exported files do not need it

    from ris_tf.files import archive
    from ris_tf.model import RIS

    if path is None:
        return RIS.from_preset(str(source))
    archive.check(path, {"ris_tf.model": ["RIS"], **archive.OPTIMIZERS})
    try:
        model = keras.saving.load_model(path, safe_mode=True)
    except Exception as error:  # a broken archive can raise nearly any exception
        raise DataError(f"{path}: cannot be read as a Keras model ({' '.join(str(error).split())[:120]})") from error
    if not isinstance(model, RIS):
        raise DataError(f"{path}: holds a {type(model).__name__}; expected a ris_tf.RIS")
    return model


def open_model(source, engine="auto"):
    """Opens a model for prediction.

    Args:
      source: see `load`; or an exported model, see `runtime.load`.
      engine: one of ENGINES, what computes. "auto" takes LiteRT for presets if it is installed, because it starts at
        once and TensorFlow does not, and Keras for what ris-train writes.

    Returns:
      RIS or runtime.Exported. Both have `predict_instances`, `look`, `foreground` and `config`.

    Raises:
      UsageError, DataError: see `load`, `runtime.load` and `engine_of`.
    """
    engine = engine_of(source, engine)
    path = Path(source)
    if runtime.is_exported(path):
        return runtime.load(path)
    return runtime.load(presets.litert_file(str(source))) if engine == "litert" else load(source)


def engine_of(source, engine="auto"):
    """Says what computes the predictions of a model.

    Args:
      source, engine: see `open_model`.

    Returns:
      "keras"; "litert"; or "own" for an exported model, which has a runtime of its own.

    Raises:
      UsageError: the engine cannot run this model; or see `file_of`.
    """
    path = Path(source)
    if runtime.is_exported(path):
        if engine != "auto":
            raise UsageError(f"--engine={engine}: {path} is an exported model, which has its own runtime; leave it out")
        return "own"
    preset = file_of(source) is None
    if engine == "auto":
        return "litert" if preset and importlib.util.find_spec("ai_edge_litert") else "keras"
    if engine == "litert" and not preset:
        raise UsageError(f"--engine=litert: {path} is a Keras model; export it with ris-export --format=tflite first")
    return engine


def file_of(source):
    """Returns the .keras file that `load` reads.

    Args:
      source: see `load`.

    Returns:
      Path; None for the name of a preset. In a work folder, best.keras is preferred to last.keras.

    Raises:
      UsageError: there is no such folder or file, or the file is not a .keras file.
      DataError: the folder contains no model.
    """
    path = Path(source)
    found = [path / name for name in ("best.keras", "last.keras") if (path / name).is_file()]
    if not found and str(source) in presets.names():  # a data folder or a file may also be called "nuclei"
        return None
    if path.is_dir():
        if not found:
            raise DataError(f"{path}: holds no best.keras or last.keras; give the work folder of a ris-train run")
        return found[0]
    if not path.is_file():
        if path.suffix or len(path.parts) > 1:
            raise UsageError(f"{path}: no such file or folder")
        return None
    if path.suffix != ".keras":
        known = ", ".join(presets.names())
        raise UsageError(f"{path}: is not a model; give a preset ({known}), a work folder or a .keras file")
    return path


def digest(source):
    """Computes a SHA-256 digest of the files of a model; it differs if the weights differ.

    Args:
      source: see `open_model`.

    Returns:
      str, hexadecimal.

    Raises:
      UsageError, DataError: see `file_of`.
    """
    path = Path(source)
    found = path if runtime.is_exported(path) else file_of(source) or presets.find(str(source))[1]
    parts = [found] if found.is_file() else sorted(part for part in found.rglob("*") if part.is_file())
    return hashlib.sha256(b"".join(hashlib.sha256(part.read_bytes()).digest() for part in parts)).hexdigest()


def save(model, path, previous=None):
    """Writes a model to a .keras file atomically.

    Args:
      model: RIS.
      path: Path of the file; its folder must exist.
      previous: Path to which the present file at `path` is moved; None to overwrite it.

    Raises:
      OSError: the file cannot be written; the error names `path`. Existing files are then unchanged.
    """
    with writing.replacing(path, previous) as temporary:
        model.save(temporary)
