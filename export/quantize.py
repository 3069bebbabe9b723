"""Eight bits for LiteRT: convolutions in integers, the rest in float.

The encoder's convolutions are calibrated on pictures ("static"). Those of the finest level, which draw the outlines,
and those of the recurrence scale their input by its own range instead ("dynamic"): nearly as fast, and the count stays.
Where an image is cut into tiles the counts of many looks add up, and one of hundreds would change: there everything is
float32 but the weights in the file ("weights"), no faster than float32, at the size of int8.
Inhibition, softmax, coordinates and states stay in float32; of dense layers only the weights are stored in eight bits.
Scales are per channel.
"""

import re

import numpy as np
from ai_edge_quantizer import quantizer
from ai_edge_quantizer.qtyping import TFLOperationName as Operation
from tensorflow.lite.python import schema_py_generated as schema

from ris_tf.export import flatbuffer

_LARGE = 2000  # weights; smaller arrays stay as they are
_CONVOLUTION, _DENSE = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED
_BETWEEN = Operation.ADD, Operation.CONCATENATION, Operation.RESHAPE


def int8(model, calibration):
    """Quantises a LiteRT model that `endpoints.static` describes.

    Args:
      model: bytes, float32, with the names of its tensors.
      calibration: (pictures, looks): uint8 [N, H, W, C] for "predict", float32 [M, h, w, C], normalised, for "encode".
        None where images are cut into tiles, which leaves nothing to calibrate.

    Returns:
      bytes.
    """
    recipe = quantizer.Quantizer(model)
    tensors = flatbuffer.read(model)
    kernels, others = (_encoder_kernels(tensors), "dynamic") if calibration else ({}, "weights")
    for operation, name, weights in _with_weights(tensors):
        scope = f"^{re.escape(name)}(;|$)"
        kind = kernels.get(weights.tobytes(), others) if operation == Operation.CONV_2D else "weights"
        if weights.nbytes < 4 * _LARGE:
            continue
        if kind == "static":
            recipe.add_static_config(scope, operation, 8, 8)
        elif kind == "dynamic":
            recipe.add_dynamic_config(scope, operation, 8)
        else:
            recipe.add_weight_only_config(scope, operation, 8)
    ranges = None
    if calibration:
        for operation in _BETWEEN:
            recipe.add_static_config("encoder", operation, 8, 8)
        inputs = zip(("predict", "encode"), calibration, strict=True)
        samples = {name: [{"image": one[None]} for one in given] for name, given in inputs}
        ranges = recipe.calibrate(samples, num_threads=2)
    return bytes(recipe.quantize(ranges, enable_progress_bar=False, enable_progress_report=False).quantized_model)


def _encoder_kernels(model):
    """{bytes of a kernel: how its convolutions are quantised} for the signature "encode"."""
    key = next(signature.subgraphIndex for signature in model.signatureDefs if signature.signatureKey == b"encode")
    graph = model.subgraphs[key]
    found = [
        (weights.tobytes(), int(np.prod(graph.tensors[operator.outputs[0]].shape[1:3])), operator.outputs[0])
        for operator, weights in _operators(model, graph, _CONVOLUTION)
    ]
    finest = max(cells for _, cells, _ in found)
    # An output of the signature is float; a convolution that gives one must be, too.
    return {
        kernel: "dynamic" if cells == finest or output in graph.outputs else "static" for kernel, cells, output in found
    }


def _with_weights(model):
    """(operation, name of its result, weights) of every convolution and dense layer."""
    for graph in model.subgraphs:
        for code, operation in ((_CONVOLUTION, Operation.CONV_2D), (_DENSE, Operation.FULLY_CONNECTED)):
            for operator, weights in _operators(model, graph, code):
                yield operation, graph.tensors[operator.outputs[0]].name.decode(), weights


def _operators(model, graph, code):
    """Operators of a kind whose weights are constants, with these: (operator, uint8 array)."""
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex]
        weights = model.buffers[graph.tensors[operator.inputs[1]].buffer].data if len(operator.inputs) > 1 else None
        if max(kind.builtinCode, kind.deprecatedBuiltinCode) == code and weights is not None:
            yield operator, weights
