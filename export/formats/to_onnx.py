"""Converter to ONNX: the whole graph with a Loop that stops early, the same with all steps unrolled, encoder and step.

Run by `artifact.convert`.
"""

import onnx
import tensorflow as tf
from tf2onnx import convert

from ris_tf.export import artifact, endpoints, onnx_graph
from ris_tf.runtime import RECORD, UNROLLED

OPSET, OPSET_UNROLLED = 18, 17  # runtimes without Loop tend to know older operators only


def converted(endpoint, opset):
    """Converts a function of the graph to ONNX.

    Args:
      endpoint: (function, [TensorSpec]), see `endpoints`.
      opset: version of the operators, int.

    Returns:
      onnx.ModelProto, whose inputs and outputs have the public names.

    Raises:
      onnx.checker.ValidationError: an operation has no counterpart in ONNX; the message names it.
    """
    function, signature = endpoint

    def named(*tensors):  # an output that is also an input, or another output, must get a name of its own
        return {name: tf.identity(value) for name, value in function(*tensors).items()}

    traced = tf.function(named, signature, autograph=False)
    model, _ = convert.from_function(traced, signature, opset)
    model = onnx_graph.arranged(model, [spec.name for spec in signature])
    onnx.checker.check_model(model, full_check=True)
    return model


def parts(graph):
    """Converts the whole graph with a Loop, and its parts, all with the record of the model.

    Args:
      graph: `graph.Graph`.

    Returns:
      {ending of the file's name: onnx.ModelProto}, such as "" and "_encode".
    """
    whole = endpoints.predict(graph, None, early_stop=True)
    named = {"": whole, **{f"_{name}": part for name, part in endpoints.parts(graph, None).items()}}
    return {ending: _recorded(graph, converted(part, OPSET)) for ending, part in named.items()}


def _recorded(graph, model):
    onnx.helper.set_model_props(model, {RECORD: artifact.record(graph)})
    return model


def main():
    order, out = artifact.order_and_folder()
    graph = artifact.graph_of(order)
    unrolled = converted(endpoints.predict(graph, 1, early_stop=False), OPSET_UNROLLED)
    for ending, model in {**parts(graph), UNROLLED: _recorded(graph, unrolled)}.items():
        onnx.save(model, out / f"model{ending}.onnx")


if __name__ == "__main__":
    main()
