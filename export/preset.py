"""Writes the LiteRT file of a preset, with which it predicts without TensorFlow: `python -m ris_tf.export.preset NAME`.

The weights have the same eight bits as in the weights file, and are computed in float32.
"""

import sys

from ris_tf import presets, storage
from ris_tf.export import artifact, endpoints, flatbuffer
from ris_tf.export.formats.to_litert import float_model
from ris_tf.export.quantize import int8
from ris_tf.files.writing import replacing
from ris_tf.runtime import RECORD

WEIGHTS = "weights.sha256"  # digest of the weights file from which a LiteRT file was written


def write(name):
    """Writes the LiteRT file of a preset beside its weights.

    Args:
      name: str, name of the preset.

    Raises:
      UsageError: there is no such preset.
    """
    graph = artifact.graph_of({"model": name, "size": None, "steps": None})
    model = float_model(graph, endpoints.parts(graph, 1, graph.input))
    with replacing(presets.litert_file(name)) as file:
        file.write_bytes(flatbuffer.compact(int8(model, None)))
        artifact.append(file, {RECORD: artifact.record(graph), WEIGHTS: storage.digest(name)})


if __name__ == "__main__":
    for preset in sys.argv[1:] or presets.names():
        write(preset)
