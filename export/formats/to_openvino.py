"""Converter to OpenVINO's own files: .xml and .bin, from the same ONNX graphs as `to_onnx`. Needs openvino.

The weights stay in float32. A file cannot demand that a device also computes in it, because OpenVINO 2026.4.1 drops an
EXECUTION_MODE_HINT that a file stores. Therefore `ris_tf.runtime` demands it.

Run by `artifact.convert`.
"""

import openvino

from ris_tf.export import artifact
from ris_tf.export.formats import to_onnx


def write(model, path):
    """Writes an onnx.ModelProto to an .xml file and the .bin file beside it."""
    openvino.save_model(openvino.Core().read_model(model.SerializeToString()), path, compress_to_fp16=False)


def main():
    order, out = artifact.order_and_folder()
    for ending, model in to_onnx.parts(artifact.graph_of(order)).items():
        write(model, out / f"model{ending}.xml")


if __name__ == "__main__":
    main()
