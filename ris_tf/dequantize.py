"""The weights of a quantised MobileNetV2 in a LiteRT file, for keras.applications: `python -m ris_tf.dequantize`.

Such a file has the batch normalisations folded into its convolutions, each weight as an integer with a scale per
tensor or per output channel. Here they become convolutions of float32 followed by normalisations that only add.
"""

from pathlib import Path

import keras
import numpy as np
from tensorflow.lite.python import schema_py_generated as schema

from ris_tf import command
from ris_tf.errors import DataError, UsageError
from ris_tf.storage import save

_USAGE = """
Writes the weights of a quantised MobileNetV2 (width 1) in a LiteRT file as a model of keras.applications, which
model.mobilenet_v2.weights takes.

  python -m ris_tf.dequantize mobilenet_v2.tflite mobilenet_v2.keras

The file holds the classifier, of 1,000 classes or of these and background, or any network on the blocks of
MobileNetV2, such as DeepLab: then what follows the last block is left out.
"""

_CONVOLUTIONS = schema.BuiltinOperator.CONV_2D, schema.BuiltinOperator.DEPTHWISE_CONV_2D
_TYPES = {schema.TensorType.INT8: np.int8, schema.TensorType.UINT8: np.uint8, schema.TensorType.INT32: np.int32}
_LAST = "block_16_project_BN"
_LEAST = 51  # convolutions up to there


def convolutions(path):
    """The convolutions of a LiteRT file, in the order they run in.

    Args:
      path: of a .tflite file.

    Returns:
      list of (kernel, bias): float32 [height, width, in, out], of a depthwise one [height, width, channels, 1], and
      float32 [out].

    Raises:
      UsageError: there is no such file, or it cannot be read.
      DataError: it is no LiteRT file, or a convolution is not of constant integers with a scale.
    """
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(Path(path).read_bytes(), 0))
        graph, codes = model.subgraphs[0], model.operatorCodes
        found = []
        for operator in graph.operators:
            code = codes[operator.opcodeIndex]
            kind = max(code.builtinCode, code.deprecatedBuiltinCode)
            if kind in _CONVOLUTIONS:
                kernel, bias = (_values(model, graph.tensors[index]) for index in operator.inputs[1:3])
                axes = (1, 2, 3, 0)  # [out, height, width, in], or [1, height, width, channels] of a depthwise one
                found.append((kernel.transpose(axes), bias))
        return found
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: {what}; expected a LiteRT file that can be read") from error
    except Exception as error:  # a broken file raises nearly anything
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: is no LiteRT file of quantised convolutions ({said})") from error


def _values(model, tensor):
    """What a constant of integers stands for, float32."""
    scales = tensor.quantization
    stored = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), _TYPES[tensor.type])
    whole = stored.reshape(tensor.shape).astype(np.float64)
    shape = [1] * whole.ndim
    shape[scales.quantizedDimension] = len(scales.scale)
    zeros = scales.zeroPoint if scales.zeroPoint is not None else np.zeros(len(scales.scale))
    return ((whole - np.reshape(zeros, shape)) * np.reshape(scales.scale, shape)).astype(np.float32)


def mobilenet_v2(found, name="file"):
    """Makes a model of convolutions.

    Args:
      found: from `convolutions`.
      name: what the error calls them.

    Returns:
      keras.Model: keras.applications' MobileNetV2 for images of 224 x 224 in [-1, 1], with its 1,000 classes if
      `found` has them, otherwise up to its last block.

    Raises:
      DataError: they are not those of MobileNetV2 of width 1.
    """
    if len(found) < _LEAST:
        raise DataError(f"{name}: has {len(found)} convolutions; expected at least {_LEAST}, as of MobileNetV2")
    model = keras.applications.MobileNetV2((224, 224, 3), weights=None)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    head = model.get_layer("predictions")
    if len(found) == len(layers) + 1 and found[-1][0].shape[3] in (1000, 1001):  # with background, class 0
        kernel, bias = found.pop()
        _check_shape(name, (*kernel.shape[:3], 1000), (1, 1, *head.kernel.shape))  # with background or without
        head.set_weights([kernel[0, 0, :, -1000:], bias[-1000:]])
    else:
        model = keras.Model(model.input, model.get_layer(_LAST).output)
        layers = layers[:-1]
    for layer, norm, (kernel, bias) in zip(layers, norms, found, strict=False):
        _check_shape(name, kernel.shape, layer.kernel.shape)
        layer.set_weights([kernel])
        ones, zeros = np.ones_like(bias), np.zeros_like(bias)
        norm.set_weights([ones, bias, zeros, ones - norm.epsilon])  # gamma, beta, mean, variance
    return model


def _check_shape(name, shape, expected):
    if tuple(shape) != tuple(expected):
        raise DataError(f"{name}: has a kernel of {tuple(shape)} where MobileNetV2 1.0 has {tuple(expected)}")


def main():
    def job(values, rest):
        del values
        if len(rest) != 2 or not rest[1].endswith(".keras"):
            raise UsageError(f"expected FILE.tflite and FILE.keras. Received: {' '.join(rest) or 'nothing'}")
        source, target = rest[0], Path(rest[1])
        if not target.absolute().parent.is_dir():
            raise UsageError(f"{target}: there is no such folder")
        model = mobilenet_v2(convolutions(source), source)
        save(model, target)
        kind = "classifier of 1,000 classes" if model.name.startswith("mobilenet") else "up to its last block"
        print(f"{target}: MobileNetV2 {kind} written, {model.count_params():,} parameters")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
