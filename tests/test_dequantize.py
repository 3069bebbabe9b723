"""Weights out of quantised LiteRT files: the Keras model against the file in its own runtime."""

import keras
import numpy as np
import pytest
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from ris_tf import dequantize
from ris_tf.errors import DataError
from ris_tf.network import mobilenet

CLASSIFIER, SEGMENTER = "tf2_mobilenet_v2_1.0_224_ptq.tflite", "deeplabv3_mnv2_pascal_quant.tflite"


def photographs(folder, side, count):
    files = sorted((folder / "val2017").glob("*.jpg"))[:count]
    return [np.asarray(Image.open(file).convert("RGB").resize((side, side)))[None] for file in files]


def interpreter(path):
    """A runner that keeps every tensor, and a function: words of a name -> dequantised values."""
    runtime = Interpreter(str(path), experimental_preserve_all_tensors=True)
    runtime.allocate_tensors()

    def value(*words):
        (tensor,) = [
            one for one in runtime.get_tensor_details() if all(word in one["name"].split(";")[0] for word in words)
        ][-1:]
        scale, zero = tensor["quantization"]
        return (runtime.get_tensor(tensor["index"]).astype(np.float32) - zero) * scale

    def run(image):
        runtime.set_tensor(runtime.get_input_details()[0]["index"], image)
        runtime.invoke()

    return run, value


def correlation(a, b):
    return np.corrcoef(np.ravel(a), np.ravel(b))[0, 1]


def test_classifier_names_and_sees_what_the_file_does(trained_weights, coco):
    model = dequantize.mobilenet_v2(dequantize.convolutions(trained_weights / CLASSIFIER))
    both = keras.Model(model.input, [model.get_layer("block_16_project_BN").output, model.output])
    run, value = interpreter(trained_weights / CLASSIFIER)
    classes = set()
    for image in photographs(coco, 224, 4):
        run(image)
        features, probabilities = both(image / 127.5 - 1.0)
        scores = value("Identity")[0, 1:]  # without background
        assert np.argmax(probabilities[0]) == np.argmax(scores)
        assert np.abs(probabilities[0] - scores).max() < 0.05
        assert correlation(features, value("expanded_conv_17/project/batch_norm")) > 0.97
        classes.add(int(np.argmax(scores)))
    assert len(classes) > 2


@pytest.mark.slow
def test_segmenters_blocks_see_what_the_file_does(trained_weights, coco, tmp_path, command):
    """Up to where DeepLab keeps its stride of 16; the encoder takes what the command writes."""
    target = tmp_path / "blocks.keras"
    code, out, err = command(dequantize.main, trained_weights / SEGMENTER, target)
    assert code == 0 and "up to its last block" in out, err
    encoder = mobilenet.MobileNetV2Encoder((8, 8, 16, 16, 16), 16, 4, 1)
    mobilenet.load_mobilenet_v2(encoder, str(target))
    odd = keras.applications.MobileNetV2((513, 513, 3), include_top=False, weights=None)  # pads odd sides as the file
    for layer in encoder.backbone.layers:
        if layer.weights:
            odd.get_layer(layer.name).set_weights(layer.get_weights())
    (image,) = photographs(coco, 513, 1)
    run, value = interpreter(trained_weights / SEGMENTER)
    run(image)
    features = keras.Model(odd.input, odd.get_layer("block_13_expand_relu").output)(image / 127.5 - 1.0)
    assert correlation(features, value("expanded_conv_13/expand/Relu6")) > 0.97


@pytest.mark.parametrize("content", [b"", b"no LiteRT file, though long enough to be one"])
def test_other_files_are_told_in_one_line(tmp_path, content, command):
    file = tmp_path / "other.tflite"
    file.write_bytes(content)
    code, _, err = command(dequantize.main, file, tmp_path / "out.keras")
    assert code == 1 and "other.tflite" in err and err.count("\n") == 1
    assert [path.name for path in tmp_path.iterdir()] == ["other.tflite"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ([], "expected FILE.tflite"),
        ([".", "b.keras"], ".: is a directory; expected a LiteRT file"),
        (["a.tflite", "b.h5"], "FILE.keras"),
        (["no.tflite", "b.keras"], "no.tflite: no"),
    ],
)
def test_wrong_arguments_are_told(command, arguments, message, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    code, _, err = command(dequantize.main, *arguments)
    assert code == 2 and message in err and err.count("\n") == 1


def test_another_network_is_told():
    kernels = [(np.zeros((3, 3, 3, 16), np.float32), np.zeros(16, np.float32))] * 60
    with pytest.raises(DataError, match=r"has a kernel of \(3, 3, 3, 16\) where MobileNetV2 1.0 has \(3, 3, 3, 32\)"):
        dequantize.mobilenet_v2(kernels)
    with pytest.raises(DataError, match="has 5 convolutions"):
        dequantize.mobilenet_v2(kernels[:5])


def test_a_wider_network_is_told():
    kernels = [(np.zeros((1, 1, 8, 16), np.float32), np.zeros(16, np.float32))] * 52
    head = np.zeros((1, 1, 1792, 1001), np.float32), np.zeros(1001, np.float32)  # of width 1.4
    message = r"a: has a kernel of \(1, 1, 1792, 1000\) where MobileNetV2 1.0 has \(1, 1, 1280, 1000\)"
    with pytest.raises(DataError, match=message):
        dequantize.mobilenet_v2([*kernels, head], "a")
