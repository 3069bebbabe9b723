"""Runs exported models: `load("model.tflite").predict_instances(image)`. Needs only NumPy and the runtime of the file.

The host runs the loop: the encoder once, then one step after another until a score ends it. The time therefore depends
on the number of objects. Several threads may share a model.
"""

import contextlib
import functools
import itertools
import json
import threading
import types
import zipfile
from pathlib import Path

import numpy as np

from ris_tf import on_openvino
from ris_tf.errors import DataError, UsageError
from ris_tf.inference import prediction
from ris_tf.inference.choices import chosen
from ris_tf.inference.looks import Look
from ris_tf.optional import import_optional
from ris_tf.quiet import quiet
from ris_tf.settings import ranges

RECORD = "ris_tf.json"  # name of the record in every exported file: the config of the model
_MOST_RECORD = 2**20  # largest size of a record, characters
# Fields that older files do not have.
_LATER = {"predict": {"orientations": 1, "count_spread": 0.0}, "export": {"multiple": 0}}
UNROLLED = "_unrolled"  # ending of the name of the ONNX file without a loop, which is for other runtimes
ENGINES = ("openvino",)  # runtimes for files that have another one by default
_PARTS = "encode", "step", "maps"  # functions of an exported file; in ONNX each has a file, such as NAME_encode.onnx
CONTEXT, STATE, NEXT = "context", "state", "next"  # beginnings of the names of what `encode` and `step` return


def load(path, threads=None, engine=None):
    """Opens an exported model.

    Args:
      path: a .tflite file (needs ai-edge-litert), a .onnx file (needs onnxruntime) or .xml file (needs openvino) with
        its other files, such as _encode.onnx, in the same folder, or the folder of a SavedModel (needs tensorflow).
      threads: number of threads of the computation; None for the runtime's default. It has no effect on a SavedModel,
        because TensorFlow has one number of threads per process, `tf.config.threading`, which must be set before
        TensorFlow starts.
      engine: "openvino" to run a file in OpenVINO, in float32; None for the runtime named above.

    Returns:
      Exported.

    Raises:
      UsageError: there is no such file, it is a part of an export, or its runtime is not installed.
      DataError: the file was not written by ris-export.
    """
    path = Path(path)
    if not path.exists():
        raise UsageError(f"{path}: no such file or folder")
    if engine not in (None, *ENGINES):
        raise UsageError(f"engine={engine!r}: expected None or one of {', '.join(map(repr, ENGINES))}")
    folder = saved_model_folder(path)
    if folder and engine is None:
        return Exported(*_open_saved_model(folder))
    if path.suffix not in _KINDS:
        raise UsageError(f"{path}: is not an exported model; give a .tflite, .onnx or .xml file or a SavedModel folder")
    endings = [] if path.suffix == ".tflite" else [UNROLLED, *(f"_{name}" for name in _PARTS)]
    if part := next(filter(path.stem.endswith, endings), None):
        whole = path.name.replace(f"{part}.", ".")
        raise UsageError(f"{path}: is for other programs, or one part of a model; give {whole}, which lies beside it")
    return Exported(*(_open_openvino if engine else _KINDS[path.suffix])(path, threads))


def is_exported(path):
    """Whether a path is an exported model: a .tflite, .onnx or .xml file by its name, or a folder of a SavedModel."""
    return path.suffix in _KINDS or saved_model_folder(path) is not None


def saved_model_folder(path):
    """The folder that contains saved_model.pb: `path` itself or its version with the highest number; None if none."""
    versions = [part for part in path.iterdir() if part.name.isdecimal()] if path.is_dir() else []
    found = [part for part in (path, *sorted(versions, key=lambda part: -int(part.name))) if is_saved_model(part)]
    return found[0] if found else None


def is_saved_model(path):
    return (path / "saved_model.pb").is_file()


class Exported:
    """A model from an exported file, with the same prediction methods as `ris_tf.RIS`.

    Args:
      config: config of the model; its fields are attributes.
      encode, step, maps: functions of {name: array} that return {name: array}, see `ris_tf.export.graph.Graph`. Files
        of other views than "tiles", and older files, have no `maps`.
    """

    def __init__(self, config, encode, step, maps=None):
        self.config, self._encode, self._step, self._maps = config, encode, step, maps

    def predict_instances(self, image, crf=False, **choices):
        """Same as `ris_tf.RIS.predict_instances`."""
        config = chosen(self.config, **choices)
        look = self.looking(config.predict.score_threshold)
        return prediction.predict_instances(look, config, image, crf, self.foreground)

    def foreground(self, images):
        """Same as `ris_tf.RIS.foreground`."""
        return np.concatenate([self._encode({"image": image[None]})["foreground"] for image in images])

    def look(self, images, threshold=None):
        """Same as `ris_tf.RIS.look`, but masks are 0 from the stop on, and scores are 0 after it."""
        threshold = self.config.predict.score_threshold if threshold is None else threshold
        return _stacked(self._found_in(self._encode({"image": image[None]}), threshold) for image in images)

    def looking(self, threshold=None):
        """Same as `ris_tf.RIS.looking`."""
        threshold = self.config.predict.score_threshold if threshold is None else threshold

        def find_in(maps):
            windows = (dict(zip(maps, window, strict=True)) for window in zip(*maps.values(), strict=True))
            return _stacked(self._found_in(self._window(window), threshold) for window in windows)

        find, shape = functools.partial(self.look, threshold=threshold), self.config.model.size
        return Look(find, lambda view: self._maps({"image": view}), find_in, shape, self.config.export.multiple)

    @functools.cached_property
    def _empty(self):
        """What `encode` returns for an empty tile; the places and the state are the same for every tile."""
        model = self.config.model
        return self._encode({"image": np.zeros([1, *model.size, model.channels], np.float32)})

    def _window(self, maps):
        """What `encode` would return for a window of maps, {name: [h, w, C]}; it appends the places of the cells."""
        tensors = dict(self._empty)
        for name, values in maps.items():
            flat = values.reshape(*tensors[name].shape[1:-1], -1)
            tensors[name] = np.concatenate([flat, tensors[name][0, ..., flat.shape[-1] :]], axis=-1)[None]
        return tensors

    def _found_in(self, tensors, threshold):
        """Steps until the stop: outputs of `encode` -> masks float32 [T, h', w'] and scores float32 [T]; see `look`."""
        tensors = {name: value for name, value in tensors.items() if name != "foreground"}
        masks, scores = None, np.zeros(self.config.model.steps, np.float32)
        for step in range(self.config.model.steps):
            after = self._step(tensors)
            if masks is None:
                masks = np.zeros((self.config.model.steps, *after["mask"].shape[1:]), np.float32)
            scores[step] = after["score"][0]
            if scores[step] <= threshold:
                break
            masks[step] = after["mask"][0]
            tensors |= {name.replace(NEXT, STATE): after[name] for name in after if name.startswith(NEXT)}
        return masks, scores


def _stacked(found):
    """Stacks the masks and the scores of several looks."""
    masks, scores = zip(*found, strict=True)
    return np.stack(masks), np.stack(scores)


def record_of(path):
    """Reads the record of a .tflite file and checks every field that is used.

    Args:
      path: Path.

    Returns:
      dict, the config of the model, with the steps and sizes chosen at export.

    Raises:
      DataError: the file was not written by ris-export.
    """
    try:
        with zipfile.ZipFile(path) as appended:
            if appended.getinfo(RECORD).file_size > _MOST_RECORD:
                raise DataError(
                    f"{path}: holds a record of more than {_MOST_RECORD:,} bytes; export it again with ris-export"
                )
            text = appended.read(RECORD)
    except DataError:
        raise
    except Exception as error:  # zipfile and zlib raise various exceptions for a broken file
        raise DataError(f"{path}: is not a model written by ris-export") from error
    return _checked(text, path)


def _checked(text, path):
    """Parses a record and checks every field that is used."""
    try:
        if len(text) > _MOST_RECORD:
            raise ValueError
        fields = json.loads(text)
        for section, later in _LATER.items():
            if isinstance(fields, dict) and isinstance(fields.get(section), dict):
                fields[section] = later | fields[section]
        problem = ranges.problem(fields, ranges.EXPORTED) or ranges.conflict(fields)
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{path}: holds no config of ris_tf; export it again with ris-export") from error
    if problem:
        raise DataError(f"{path}: {problem}; export it again with ris-export")
    return fields


def _attributes(fields):
    """Converts nested dicts to objects with attributes instead of keys."""
    if not isinstance(fields, dict):
        return fields
    return types.SimpleNamespace(**{name: _attributes(value) for name, value in fields.items()})


def _open_tflite(path, threads):
    library = import_optional("ai_edge_litert.interpreter", f"{path}:", "ai-edge-litert", "ai-edge-litert")
    config = _attributes(record_of(path))
    try:
        with quiet():
            interpreter = library.Interpreter(str(path), num_threads=threads)
            runners = [interpreter.get_signature_runner(name) for name in _parts(config)]
    except Exception as error:  # LiteRT raises its own exceptions for a broken file
        raise DataError(f"{path}: is not a model written by ris-export") from error
    turn = threading.Lock()  # both functions use the interpreter's memory until outputs are copied

    calls = itertools.count()

    def function(run):
        def run_alone(tensors):
            try:
                with turn, contextlib.nullcontext() if next(calls) else quiet():  # LiteRT announces its delegate once
                    return run(**tensors)
            except (RuntimeError, ValueError) as error:  # memory is allocated only now, when a broken file is noticed
                raise DataError(f"{path}: is not a model written by ris-export") from error

        return run_alone

    return config, *map(function, runners)


def _open_onnx(path, threads):
    library = import_optional("onnxruntime", f"{path}:", "onnxruntime", "onnxruntime")
    options = library.SessionOptions()
    options.intra_op_num_threads = threads or 0

    def session(part):
        file = path.with_name(f"{path.stem}{part}.onnx")
        if not file.is_file():
            raise DataError(f"{file}: no such file; keep all files that ris-export writes with {path.name}")
        try:
            return library.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime has many exceptions for a broken file
            raise DataError(f"{file}: cannot be read as ONNX; export it again with ris-export") from error

    config = _attributes(_checked(session("").get_modelmeta().custom_metadata_map.get(RECORD), path))
    return config, *(functools.partial(_run, session(f"_{name}")) for name in _parts(config))


def _run(session, tensors):
    names = [output.name for output in session.get_outputs()]
    return dict(zip(names, session.run(names, tensors), strict=True))


def _open_openvino(path, threads):
    text, function = on_openvino.open_parts(path, threads, RECORD)
    config = _attributes(record_of(path) if text is None else _checked(text, path))
    return config, *map(function, _parts(config))


def _open_saved_model(folder):
    tensorflow = import_optional("tensorflow", f"{folder}:", "tensorflow", "tensorflow")
    record = folder / "assets.extra" / RECORD
    small = record.is_file() and record.stat().st_size <= _MOST_RECORD
    config = _attributes(_checked(record.read_bytes() if small else None, folder))
    try:
        loaded = tensorflow.saved_model.load(str(folder))
        _ = [loaded.signatures[name] for name in _parts(config)]
    except Exception as error:  # TensorFlow can raise nearly any exception for a broken folder
        raise DataError(f"{folder}: is not a SavedModel written by ris-export") from error

    def function(name):
        def run(tensors):
            given = {key: tensorflow.constant(value) for key, value in tensors.items()}
            return {key: value.numpy() for key, value in loaded.signatures[name](**given).items()}

        return run

    return config, *map(function, _parts(config))


def _parts(config):
    """Names of the functions that a file of a model has."""
    return _PARTS if config.export.multiple else _PARTS[:2]


_KINDS = {".tflite": _open_tflite, ".onnx": _open_onnx, on_openvino.XML: _open_openvino}
