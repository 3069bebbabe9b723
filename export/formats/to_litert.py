"""Converter to LiteRT (.tflite), with builtin operators only; run by `artifact.convert`."""

import tempfile

import numpy as np
import tensorflow as tf

from ris_tf.export import artifact, endpoints, flatbuffer
from ris_tf.runtime import RECORD

SUFFIX = {"none": "", "float16": "_float16", "dynamic": "_dynamic", "int8": "_int8"}


def float_model(graph, signatures, quantize="none"):
    """Converts signatures of the graph to the bytes of a flatbuffer, with float32, float16 or dynamic-range weights."""
    with tempfile.TemporaryDirectory() as folder:
        endpoints.write(graph, folder, signatures)
        converter = tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures))
        converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS]  # any other operator is an error
        if quantize in ("float16", "dynamic"):
            converter.optimizations = [tf.lite.Optimize.DEFAULT]
        if quantize == "float16":
            converter.target_spec.supported_types = [tf.float16]
        return converter.convert()


def _calibration(graph, pictures):
    """Returns the calibration inputs of "predict" and "encode"."""
    return pictures, np.concatenate([graph.looks(picture[None]) for picture in pictures])


def main():
    order, out = artifact.order_and_folder()
    graph, quantize = artifact.graph_of(order), order["quantize"]
    model = float_model(graph, endpoints.static(graph), quantize)
    if quantize == "int8":
        from ris_tf.export.quantize import int8  # only int8 needs its library

        model = int8(model, None if graph.tiled else _calibration(graph, np.load(order["pictures"])))
    model = flatbuffer.compact(model)
    path = out / f"model{SUFFIX[quantize]}.tflite"
    path.write_bytes(model)
    artifact.append(path, {RECORD: artifact.record(graph)})


if __name__ == "__main__":
    main()
