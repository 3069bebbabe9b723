"""Opens exported files in OpenVINO, for `runtime.load(path, engine="openvino")`. It computes in float32.

On processors with bfloat16, OpenVINO uses that by default, and then counts are wrong.
"""

import struct
import tempfile
import threading
import warnings
from pathlib import Path

from ris_tf.errors import DataError
from ris_tf.optional import import_optional

_SUBGRAPHS, _SIGNATURES, _KEY, _SUBGRAPH = 2, 7, 2, 4  # fields of the LiteRT schema
DEVICE = "CPU"
XML, WEIGHTS = ".xml", ".bin"  # endings of OpenVINO's own files


def open_parts(path, threads, record):
    """Opens an exported model.

    Args:
      path: Path of a .onnx or .xml file with its other files, such as _encode.onnx, beside it, or of a .tflite file.
      threads: number of threads; None for the default.
      record: name of the record in the file.

    Returns:
      text: of the record, or None for a .tflite file, because there it is no part of the graph.
      function: function of the name of a part, "encode", "step" or "maps", that returns a function which takes and
        returns {name: array}. It raises DataError if the part cannot be read.

    Raises:
      UsageError: OpenVINO is not installed.
      DataError: the file cannot be read.
    """
    openvino = import_optional("openvino", f"{path}:", "openvino", "'ris-tf[openvino]'")
    core, text, data = openvino.Core(), None, None
    if path.suffix == ".tflite":
        data = path.read_bytes()
    else:
        whole = _read(core, path)
        place = ["framework", record]
        text = whole.get_rt_info(place).astype(str) if whole.has_rt_info(place) else ""

    def function(name):
        if data is None:
            model = _read(core, path.with_name(f"{path.stem}_{name}{path.suffix}"))
        else:
            model = _read_signature(core, path, data, name.encode())
        if name == "maps":
            model.reshape([1, -1, -1, model.inputs[0].partial_shape[3]])  # a LiteRT file names some size
        return _function(core, path, model, threads)

    return text, function


def whole_graph(path, threads):
    """Opens the whole graph of a .xml file: the set of its operators' names, and a function of {name: array}."""
    core = import_optional("openvino", f"{path}:", "openvino", "'ris-tf[openvino]'").Core()
    model = _read(core, path)
    return {node.get_type_name() for node in model.get_ordered_ops()}, _function(core, path, model, threads)


def warn_unless_float32(path, precision):
    """Warns if the device computes in another type, although float32 was asked for."""
    if precision != "f32":
        warnings.warn(
            f"{path}: OpenVINO computes in {precision} on this {DEVICE}, not in float32; counts may be wrong",
            RuntimeWarning,
            stacklevel=2,
        )


def with_first(data, key):
    """Puts the subgraph of a signature first in the bytes of a .tflite file; OpenVINO reads no other.

    Args:
      data: bytes of the file.
      key: bytes, name of the signature.

    Returns:
      bytes. Only for graphs without control flow, whose subgraphs do not refer to each other.

    Raises:
      KeyError: there is no such signature.
      struct.error, IndexError: the file is broken.
    """
    model = _target(data, 0)
    numbers = {}
    for signature in _tables(data, model, _SIGNATURES):
        name = _target(data, _field(data, signature, _KEY))
        place = _field(data, signature, _SUBGRAPH)
        numbers[data[name + 4 : name + 4 + _unsigned(data, name)]] = _unsigned(data, place) if place else 0
    vector = _target(data, _field(data, model, _SUBGRAPHS))
    first, other = vector + 4, vector + 4 + 4 * numbers[key]
    changed = bytearray(data)
    struct.pack_into("<I", changed, first, _target(data, other) - first)  # offsets count from their own place
    if other != first:
        struct.pack_into("<I", changed, other, _target(data, first) - other)
    return bytes(changed)


def _unsigned(data, place):
    return struct.unpack_from("<I", data, place)[0]


def _target(data, place):
    """Follows the offset at a place of a flatbuffer."""
    return place + _unsigned(data, place)


def _field(data, table, number):
    """The place of a field of a table of a flatbuffer, or 0 if the field has its default."""
    fields = table - struct.unpack_from("<i", data, table)[0]
    size, within = struct.unpack_from("<H", data, fields)[0], 4 + 2 * number
    offset = struct.unpack_from("<H", data, fields + within)[0] if within < size else 0
    return table + offset if offset else 0


def _tables(data, table, number):
    """The tables in a field that is a vector of tables."""
    vector = _target(data, _field(data, table, number))
    return [_target(data, vector + 4 + 4 * index) for index in range(_unsigned(data, vector))]


def _read(core, path):
    if not path.is_file():
        raise DataError(f"{path}: no such file; keep all files that ris-export writes together")
    try:
        return core.read_model(str(path))
    except RuntimeError as error:
        raise DataError(f"{path}: OpenVINO cannot read it; export it again with ris-export") from error


def _read_signature(core, path, data, key):
    try:
        data = with_first(data, key)
    except (KeyError, struct.error, IndexError) as error:
        raise DataError(f"{path}: is not a model written by ris-export") from error
    with tempfile.TemporaryDirectory() as folder:
        part = Path(folder) / "model.tflite"  # OpenVINO reads LiteRT files only from a path
        part.write_bytes(data)
        try:
            return core.read_model(str(part))
        except RuntimeError as error:
            raise DataError(
                f"{path}: OpenVINO cannot read it; export it again with ris-export (older files name no tensors)"
            ) from error


def _function(core, path, model, threads):
    """Compiles a model: a function of {name: array} that returns {name: array}. Several threads may call it."""
    wanted = {"INFERENCE_PRECISION_HINT": "f32"}
    if threads:
        wanted["INFERENCE_NUM_THREADS"] = threads
    compiled = core.compile_model(model, DEVICE, wanted)
    warn_unless_float32(path, compiled.get_property("INFERENCE_PRECISION_HINT").to_string())
    request, turn = compiled.create_infer_request(), threading.Lock()
    names = [output.any_name for output in model.outputs]  # compiling adds others

    def run(tensors):
        with turn:
            results = request.infer(tensors)
            return {name: results[index] for index, name in enumerate(names)}

    return run
