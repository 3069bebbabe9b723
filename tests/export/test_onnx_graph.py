"""ONNX files: a small loop, converted and tidied, against TensorFlow; and the tidying on graphs made by hand."""

import numpy as np
import onnx
import onnxruntime
import pytest
import tensorflow as tf
from onnx import TensorProto, helper

from ris_tf.export import endpoints, onnx_graph
from ris_tf.export.formats import to_onnx
from ris_tf.export.graph import Graph
from ris_tf.model import build

RNG = np.random.default_rng(0)
IMAGE = tf.TensorSpec([None, 6, 4], tf.float32, name="image")
MATRIX = RNG.normal(size=(4, 4)).astype(np.float32)


def looped(image):
    """Two of the values that TensorFlow's loop carries change: the count and the state."""
    around = tf.reduce_sum(image, axis=1, keepdims=True)

    def advance(index, state):
        return index + 1, tf.tanh(tf.matmul(state, MATRIX) + around)

    return {"state": tf.while_loop(lambda index, state: index < 3, advance, (0, image))[1], "again": image}


def test_a_loop_carries_only_what_changes():
    model = to_onnx.converted((looped, [IMAGE]), to_onnx.OPSET)
    onnx.checker.check_model(model, full_check=True)
    loop = next(node for node in model.graph.node if node.op_type == "Loop")
    assert len(loop.output) == 2 and len(loop.input) == 2 + 2
    session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
    for batch in (1, 3):
        image = RNG.normal(size=(batch, 6, 4)).astype(np.float32)
        expected = looped(tf.constant(image))
        found = dict(zip(("again", "state"), session.run(["again", "state"], {"image": image}), strict=True))
        for name, value in expected.items():
            np.testing.assert_allclose(found[name], value, atol=1e-5)


def test_the_unrolled_file_computes_nothing_in_64_bits_and_has_no_control_flow(small):
    small.model.steps = 3
    endpoint = endpoints.predict(Graph(build(small)), 1, early_stop=False)
    model = onnx.shape_inference.infer_shapes(to_onnx.converted(endpoint, to_onnx.OPSET_UNROLLED))
    assert [(one.domain, one.version) for one in model.opset_import] == [("", 17)]
    computed = [*model.graph.input, *model.graph.output, *model.graph.value_info]
    named = {output for node in model.graph.node for output in node.output if output}
    assert named <= {value.name for value in computed}  # every type is known
    types = {value.type.tensor_type.elem_type for value in computed}
    assert not types & {TensorProto.INT64, TensorProto.UINT64, TensorProto.DOUBLE}
    assert not {"Loop", "If", "Scan"} & {node.op_type for node in model.graph.node}


def test_what_onnx_does_not_have_is_named():
    with pytest.raises(onnx.checker.ValidationError, match="Igamma"):
        to_onnx.converted((lambda image: {"out": tf.math.igamma(image, image)}, [IMAGE]), to_onnx.OPSET)


def test_open_axes_are_named_and_tensors_have_their_public_names():
    model = to_onnx.converted((looped, [IMAGE]), to_onnx.OPSET)
    assert [tensor.name for tensor in model.graph.input] == ["image"]
    assert {tensor.name for tensor in model.graph.output} == {"state", "again"}
    for tensor in (*model.graph.input, *model.graph.output):
        assert tensor.type.tensor_type.shape.dim[0].dim_param == "batch"


def test_an_empty_region_is_left_out():
    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1, 1, None, None]) for name in ("x", "y")]
    constants = [
        helper.make_tensor("roi", TensorProto.FLOAT, [0], []),
        helper.make_tensor("scales", TensorProto.FLOAT, [4], [1, 1, 2, 2]),
    ]
    node = helper.make_node("Resize", ["x", "roi", "scales"], ["y"], mode="linear")
    graph = helper.make_graph([node], "g", tensors[:1], tensors[1:], constants)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    x = RNG.normal(size=(1, 1, 3, 2)).astype(np.float32)
    before = onnxruntime.InferenceSession(model.SerializeToString()).run(None, {"x": x})[0]
    tidied = onnx_graph.arranged(model, ["image"])
    assert list(tidied.graph.node[0].input) == ["image", "", "scales"]
    assert [tensor.name for tensor in tidied.graph.initializer] == ["scales"]
    after = onnxruntime.InferenceSession(tidied.SerializeToString()).run(None, {"image": x})[0]
    np.testing.assert_array_equal(before, after)
