"""Converts a quantised MobileNetV2 in a LiteRT file to a float32 Keras model (`python -m ris_tf.dequantize`).

In such a file, the batch normalisations are folded into the convolutions, and each weight is an integer with a scale
per tensor or per output channel. The converted model has float32 convolutions, each followed by a normalisation that
only adds the bias.
"""

from pathlib import Path

import numpy as np

from ris_tf.commands import command, places
from ris_tf.errors import DataError, UsageError
from ris_tf.storage import save
from ris_tf.wording import counted

_USAGE = """
Converts a quantised MobileNetV2 (width 1) in a LiteRT file to a float32 model of keras.applications. The config field
model.mobilenet_v2.weights takes the result.

  python -m ris_tf.dequantize mobilenet_v2.tflite mobilenet_v2.keras

The LiteRT file contains either the classifier, with 1,000 classes or with these and a background class, or another
network that is built on the blocks of MobileNetV2, such as DeepLab. In that case, all layers after the last block are
left out.
"""

_CONVOLUTIONS = "CONV_2D", "DEPTHWISE_CONV_2D"
_TYPES = {"INT8": np.int8, "UINT8": np.uint8, "INT32": np.int32}
_LAST = "block_16_project_BN"
_LEAST = 51  # number of convolutions up to that layer


def convolutions(path):
    """Reads the convolutions of a LiteRT file, in the order in which they run.

    Args:
      path: path of the .tflite file.

    Returns:
      list of (kernel, bias). The kernel is float32 [height, width, in, out], or [height, width, channels, 1] for a
      depthwise convolution; the bias is float32 [out].

    Raises:
      UsageError: the file does not exist or cannot be read.
      DataError: it is not a LiteRT file, or the weights of a convolution are not constant integers with a scale.
    """
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        what = (error.strerror or str(error)).lower()
        raise UsageError(f"{path}: {what}; expected a LiteRT file that can be read") from error
    from tensorflow.lite.python import schema_py_generated as schema  # TensorFlow takes seconds to import

    kinds = [getattr(schema.BuiltinOperator, name) for name in _CONVOLUTIONS]
    types = {getattr(schema.TensorType, name): dtype for name, dtype in _TYPES.items()}
    try:
        model = schema.ModelT.InitFromObj(schema.Model.GetRootAs(content, 0))
        graph, codes = model.subgraphs[0], model.operatorCodes
        found = []
        for operator in graph.operators:
            code = codes[operator.opcodeIndex]
            if max(code.builtinCode, code.deprecatedBuiltinCode) in kinds:
                kernel, bias = (_values(model, graph.tensors[index], types) for index in operator.inputs[1:3])
                axes = (1, 2, 3, 0)  # from [out, height, width, in], or [1, height, width, channels] if depthwise
                found.append((kernel.transpose(axes), bias))
        return found
    except Exception as error:  # a damaged file may raise nearly anything
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: is not a LiteRT file of a quantised MobileNetV2 ({said})") from error


def _values(model, tensor, types):
    """Returns the real values of a quantised constant, float32; `types` are {number of a TensorType: dtype}."""
    scales = tensor.quantization
    stored = np.frombuffer(np.asarray(model.buffers[tensor.buffer].data, np.uint8).tobytes(), types[tensor.type])
    whole = stored.reshape(tensor.shape).astype(np.float64)
    shape = [1] * whole.ndim
    shape[scales.quantizedDimension] = len(scales.scale)
    zeros = scales.zeroPoint if scales.zeroPoint is not None else np.zeros(len(scales.scale))
    return ((whole - np.reshape(zeros, shape)) * np.reshape(scales.scale, shape)).astype(np.float32)


def mobilenet_v2(found, name="file"):
    """Builds a Keras model from convolutions.

    Args:
      found: list of (kernel, bias), see `convolutions`; the classifier is removed from it.
      name: name of the file in error messages.

    Returns:
      keras.Model: MobileNetV2 of keras.applications, for images of 224 x 224 in [-1, 1]. It has the classifier with
      1,000 classes if `found` has one; otherwise it ends after the last block.

    Raises:
      DataError: the convolutions are not those of MobileNetV2 of width 1.
    """
    import keras

    if len(found) < _LEAST:
        has = counted(len(found), "convolution")
        raise DataError(f"{name}: has {has}; expected at least {_LEAST}, those of MobileNetV2")
    model = keras.applications.MobileNetV2((224, 224, 3), weights=None)
    layers = [layer for layer in model.layers if isinstance(layer, keras.layers.Conv2D | keras.layers.DepthwiseConv2D)]
    norms = [layer for layer in model.layers if isinstance(layer, keras.layers.BatchNormalization)]
    head = model.get_layer("predictions")
    if len(found) == len(layers) + 1 and found[-1][0].shape[3] in (1000, 1001):  # 1001 with background, class 0
        kernel, bias = found.pop()
        _check_shape(name, (*kernel.shape[:3], 1000), (1, 1, *head.kernel.shape))  # 1,000 or 1,001 classes
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
            raise UsageError(f"{target}: its folder does not exist; create it or give another file")
        places.writable(target, target.parent)
        found = convolutions(source)
        command.start_tensorflow()
        model = mobilenet_v2(found, source)
        save(model, target)
        kind = "classifier of 1,000 classes" if model.name.startswith("mobilenet") else "up to its last block"
        print(f"{target}: MobileNetV2 ({kind}) written, {model.count_params():,} parameters")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
