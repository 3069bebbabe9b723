"""Exported files in OpenVINO; what needs no OpenVINO is tested without it."""

import copy
import struct
import sys
import warnings
import zipfile

import keras
import numpy as np
import onnx
import pytest
import tensorflow as tf

from ris_tf import on_openvino, runtime
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact, endpoints, flatbuffer
from ris_tf.export.formats import to_onnx
from ris_tf.export.formats.to_litert import float_model
from ris_tf.export.graph import Graph
from ris_tf.model import build
from ris_tf.presets import litert_file


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    """Bytes of a LiteRT file with three signatures, one of them without a stored number of its subgraph."""
    one = tf.TensorSpec([1, 3], tf.float32, name="image")
    functions = {"predict": tf.nn.relu, "encode": tf.sigmoid, "step": tf.tanh}
    traced = {
        name: tf.function(lambda image, function=function: {"out": function(image)}, [one]).get_concrete_function()
        for name, function in functions.items()
    }
    folder = str(tmp_path_factory.mktemp("saved"))
    tf.saved_model.save(tf.Module(), folder, traced)
    return flatbuffer.compact(tf.lite.TFLiteConverter.from_saved_model(folder, list(functions)).convert())


@pytest.mark.parametrize("key", [b"predict", b"encode", b"step"])
def test_any_signature_can_come_first(data, key):
    before, after = flatbuffer.read(data), flatbuffer.read(on_openvino.with_first(data, key))
    places = {signature.signatureKey: signature.subgraphIndex for signature in before.signatureDefs}
    assert sorted(places.values()) == [0, 1, 2]

    def operators(model, index):
        return [model.operatorCodes[one.opcodeIndex].builtinCode for one in model.subgraphs[index].operators]

    assert operators(after, 0) == operators(before, places[key])
    assert len({tuple(operators(after, index)) for index in range(3)}) == 3


def test_broken_bytes_are_refused(data):
    with pytest.raises(KeyError):
        on_openvino.with_first(data, b"missing")
    with pytest.raises((struct.error, KeyError, IndexError)):
        on_openvino.with_first(data[:20], b"step")


def test_another_precision_is_told():
    with pytest.warns(RuntimeWarning, match=r"model.xml: OpenVINO computes in bf16"):
        on_openvino.warn_unless_float32("model.xml", "bf16")
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        on_openvino.warn_unless_float32("model.xml", "f32")


def test_what_openvino_cannot_run_is_told(tmp_path, monkeypatch):
    with pytest.raises(UsageError, match="engine='tvm': expected None or one of 'openvino'"):
        runtime.load(litert_file("nuclei"), engine="tvm")
    (tmp_path / "model_unrolled.onnx").touch()
    with pytest.raises(UsageError, match=r"model_unrolled.onnx: .* give model.onnx"):
        runtime.load(tmp_path / "model_unrolled.onnx")
    monkeypatch.setitem(sys.modules, "openvino", None)
    with pytest.raises(UsageError, match=r"nuclei.tflite: needs openvino; pip install 'ris-tf\[openvino\]'"):
        runtime.load(litert_file("nuclei"), engine="openvino")


@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model.xml"])
def test_files_that_openvino_cannot_read_are_named(tmp_path, name):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    (tmp_path / name).write_bytes(b"no model at all" * 9)
    with pytest.raises(DataError, match=f"{name}: .*ris-export"):
        runtime.load(tmp_path / name, engine="openvino")


@pytest.mark.slow
@pytest.mark.parametrize("view", ["whole", "tiles"])
@pytest.mark.parametrize("name", ["model.tflite", "model.onnx", "model.xml"])
def test_openvino_finds_what_the_files_own_runtime_finds(small, tmp_path, name, view):
    pytest.importorskip("openvino", reason="OpenVINO is not installed")
    keras.utils.set_random_seed(1)
    small.data.view = view
    model, path, own = build(small), tmp_path / name, tmp_path / name.replace(".xml", ".onnx")
    model.form.score.out.bias.assign([1.0])
    images = [drawings.sample("discs", 5, index, size)[0] for index, size in enumerate((64, 64, 90))]
    model.config.predict.mask_threshold = float(np.median(model(images[0][None] / 255.0)["masks"]))
    graph = Graph(model)
    if own.suffix == ".onnx":
        parts = {
            f"_{part}": to_onnx.converted(one, to_onnx.OPSET) for part, one in endpoints.parts(graph, None).items()
        }
        parts[""] = copy.deepcopy(parts["_encode"])  # only the record of the whole graph is read here
        onnx.helper.set_model_props(parts[""], {runtime.RECORD: artifact.record(graph)})
        for ending, part in parts.items():
            onnx.save(part, tmp_path / f"model{ending}.onnx")
            if name == "model.xml":
                from ris_tf.export.formats import to_openvino

                to_openvino.write(part, tmp_path / f"model{ending}.xml")
    else:
        converted = float_model(graph, endpoints.parts(graph, 1, graph.input))
        path.write_bytes(flatbuffer.compact(converted))
        with zipfile.ZipFile(path, "a") as appended:
            appended.writestr(runtime.RECORD, artifact.record(graph))
    own, other = runtime.load(own, threads=1), runtime.load(path, threads=1, engine="openvino")
    counts = set()
    for image in images:
        expected, found = own.predict_instances(image), other.predict_instances(image)
        assert found.count == expected.count
        assert (found.labels == expected.labels).mean() > 0.9999
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        counts.add(found.count)
    assert max(counts) > 0
