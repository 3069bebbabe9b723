"""Shrinks LiteRT files: shortens names, drops empty tables that no runtime reads, and stores equal data only once."""

import flatbuffers
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from ris_tf.export import subgraphs

_IDENTIFIER = b"TFL3"
_ALIGNMENT = 16


class _SharingBuilder(flatbuffers.Builder):
    """A flatbuffers builder that writes equal vectors and strings only once; most shapes and names are equal."""

    def __init__(self):
        super().__init__(1 << 20)
        self._known = {}

    def CreateNumpyVector(self, x):  # noqa: N802 - the library's name
        key = x.dtype.str, x.tobytes()
        if key not in self._known:
            if x.dtype == np.uint8:
                self.Prep(_ALIGNMENT, x.nbytes)  # runtimes map weights from the file
            self._known[key] = super().CreateNumpyVector(x)
        return self._known[key]

    def CreateString(self, s, *rest):  # noqa: N802 - the library's name
        if s not in self._known:
            self._known[s] = super().CreateString(s, *rest)
        return self._known[s]


def read(data):
    """Parses the bytes of a .tflite file; returns schema.ModelT with all buffers, also those behind the tables."""
    model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(data, 0))
    for buffer in model.buffers:
        if buffer.data is None and buffer.offset > 1:
            buffer.data = np.frombuffer(data, np.uint8, buffer.size, buffer.offset)
            buffer.offset = buffer.size = 0
    return model


def compact(data):
    """Returns the same model in fewer bytes, and arranged, see `subgraphs`: bytes of a .tflite file -> bytes."""
    model = read(data)
    subgraphs.arrange(model)
    stored, places = [model.buffers[0]], {b"": 0}
    for graph in model.subgraphs:
        graph.name = None
        for tensor in graph.tensors:
            tensor.shapeSignature = None
            if tensor.quantization is not None and tensor.quantization.scale is None:
                tensor.quantization = None
            content = model.buffers[tensor.buffer].data
            key = b"" if content is None else np.asarray(content).tobytes()
            if key not in places:
                places[key] = len(stored)
                stored.append(model.buffers[tensor.buffer])
            tensor.buffer = places[key]
    model.buffers, model.metadata = stored, None
    builder = _SharingBuilder()
    builder.Finish(model.Pack(builder), _IDENTIFIER)
    return bytes(builder.Output())
