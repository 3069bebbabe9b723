"""LiteRT files as programs see them that know nothing of signatures."""

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from tensorflow.lite.python import schema_py_generated as schema

from ris_tf.export import flatbuffer, subgraphs

RNG = np.random.default_rng(0)
PICTURE = tf.TensorSpec([1, 9, 7, 4], tf.float32, name="image")


@pytest.fixture(scope="module")
def converted(tmp_path_factory):
    """Bytes of a model with the signatures of an export, as the converter writes them."""
    kernel = tf.constant(RNG.normal(size=(3, 3, 4, 8)), tf.float32)

    def encode(image):
        zeros = tf.broadcast_to(tf.nn.relu(-tf.abs(image[0, 0, 0, 0])), [1, 3, 2])
        return {"context": tf.nn.conv2d(image, kernel, 1, "SAME"), "state_c": zeros, "state_h": zeros}

    def predict(image):
        return {"masks": tf.sigmoid(encode(image)["context"]), "count": tf.reduce_max(image), "labels": 2.0 * image}

    folder = str(tmp_path_factory.mktemp("saved"))
    functions = {"encode": encode, "predict": predict}
    signatures = {name: tf.function(one, [PICTURE]).get_concrete_function() for name, one in functions.items()}
    tf.saved_model.save(tf.Module(), folder, signatures)
    return tf.lite.TFLiteConverter.from_saved_model(folder, signature_keys=list(signatures)).convert()


def test_an_interpreter_without_signatures_predicts(converted):
    image = RNG.normal(size=(1, 9, 7, 4)).astype(np.float32)
    expected = Interpreter(model_content=converted).get_signature_runner("predict")(image=image)
    plain = Interpreter(model_content=flatbuffer.compact(converted))
    plain.allocate_tensors()
    plain.set_tensor(plain.get_input_details()[0]["index"], image)
    plain.invoke()
    found = {detail["name"]: plain.get_tensor(detail["index"]) for detail in plain.get_output_details()}
    assert set(found) == {"masks", "count", "labels"} and next(iter(plain.get_signature_list())) == "predict"
    for name, value in expected.items():
        np.testing.assert_array_equal(found[name], value)


def test_equal_outputs_are_two_tensors(converted):
    assert len(set(_outputs(converted, "encode").values())) == 2  # what the converter makes of them
    data = flatbuffer.compact(converted)
    assert len(set(_outputs(data, "encode").values())) == 3
    image = RNG.normal(size=(1, 9, 7, 4)).astype(np.float32)
    runners = (Interpreter(model_content=one).get_signature_runner("encode") for one in (converted, data))
    before, after = (runner(image=image) for runner in runners)
    for name in ("context", "state_c", "state_h"):
        np.testing.assert_array_equal(after[name], before[name])


def test_names_are_distinct_and_bytes_repeatable(converted):
    data = flatbuffer.compact(converted)
    assert data == flatbuffer.compact(converted) == flatbuffer.compact(data)
    for graph in flatbuffer.read(data).subgraphs:
        names = [tensor.name for tensor in graph.tensors]
        assert all(names) and len(set(names)) == len(names) > 5


def test_loops_keep_their_subgraphs():
    model = schema.ModelT()
    model.subgraphs = [schema.SubGraphT() for _ in range(4)]
    body, condition, whole, other = model.subgraphs
    for graph in model.subgraphs:
        graph.tensors, graph.operators, graph.outputs = [], [], []
    loop = schema.OperatorT()
    loop.builtinOptions = schema.WhileOptionsT()
    loop.builtinOptions.bodySubgraphIndex, loop.builtinOptions.condSubgraphIndex = 0, 1
    whole.operators = [loop]
    model.signatureDefs = [schema.SignatureDefT() for _ in range(2)]
    for signature, key, index in zip(model.signatureDefs, (b"encode", b"predict"), (3, 2), strict=True):
        signature.signatureKey, signature.subgraphIndex, signature.inputs, signature.outputs = key, index, [], []
    subgraphs.arrange(model)
    assert model.subgraphs[0] is whole
    assert model.subgraphs[loop.builtinOptions.bodySubgraphIndex] is body
    assert model.subgraphs[loop.builtinOptions.condSubgraphIndex] is condition
    places = {one.signatureKey: model.subgraphs[one.subgraphIndex] for one in model.signatureDefs}
    assert places == {b"predict": whole, b"encode": other}


def _outputs(data, key):
    """{name: number of its tensor} of the outputs of a signature."""
    found = next(one for one in flatbuffer.read(data).signatureDefs if one.signatureKey == key.encode())
    return {output.name: output.tensorIndex for output in found.outputs}
