"""Eight-bit quantisation of LiteRT files: convolutions are computed in integers, everything else in float32.

There are three kinds, all with one scale per channel:

- "static": the ranges of the inputs are calibrated on pictures. Used for the convolutions of the encoder.
- "dynamic": the range of each input is determined at run time, which is nearly as fast and keeps the count. Used for
  the convolutions of the finest level, which draw the outlines, and for those of the recurrence.
- "weights": only the weights in the file have eight bits, and all computation is in float32. The file has the size of
  int8 but is no faster than float32. Used for dense layers, and for the whole model in the "tiles" view: there the
  counts of many looks add up, and one of hundreds would change.

Inhibition, softmax, coordinates and states stay in float32.
"""

import re

import numpy as np
from litert_quantizer import quantizer
from litert_quantizer.qtyping import TFLOperationName as Operation
from tensorflow.lite.python import schema_py_generated as schema

from ris_tf.export import flatbuffer

_LARGE = 2000  # number of weights; smaller arrays are not quantised
_CONVOLUTION, _DENSE = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.FULLY_CONNECTED
_BETWEEN = Operation.ADD, Operation.CONCATENATION, Operation.RESHAPE


def int8(model, calibration):
    """Quantises a LiteRT model with the signatures of `endpoints.static`.

    Args:
      model: bytes of the float32 model, with the names of its tensors.
      calibration: (pictures, looks): uint8 [N, H, W, C] for "predict", and float32 [M, h, w, C], normalised, for
        "encode". None in the "tiles" view, where nothing is calibrated.

    Returns:
      bytes of the quantised model.
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
    """Returns {bytes of a kernel: kind of quantisation} for the convolutions of the signature "encode"."""
    key = next(signature.subgraphIndex for signature in model.signatureDefs if signature.signatureKey == b"encode")
    graph = model.subgraphs[key]
    found = [
        (weights.tobytes(), int(np.prod(graph.tensors[operator.outputs[0]].shape[1:3])), operator.outputs[0])
        for operator, weights in _operators(model, graph, _CONVOLUTION)
    ]
    finest = max(cells for _, cells, _ in found)
    # The outputs of the signature are float32, so the convolutions that compute them must be, too.
    return {
        kernel: "dynamic" if cells == finest or output in graph.outputs else "static" for kernel, cells, output in found
    }


def _with_weights(model):
    """Yields (operation, name of its result, weights) for every convolution and dense layer."""
    for graph in model.subgraphs:
        for code, operation in ((_CONVOLUTION, Operation.CONV_2D), (_DENSE, Operation.FULLY_CONNECTED)):
            for operator, weights in _operators(model, graph, code):
                yield operation, graph.tensors[operator.outputs[0]].name.decode(), weights


def _operators(model, graph, code):
    """Yields (operator, weights as uint8 array) for the operators of a kind whose weights are constants."""
    for operator in graph.operators:
        kind = model.operatorCodes[operator.opcodeIndex]
        weights = model.buffers[graph.tensors[operator.inputs[1]].buffer].data if len(operator.inputs) > 1 else None
        if max(kind.builtinCode, kind.deprecatedBuiltinCode) == code and weights is not None:
            yield operator, weights
