"""Tidies an ONNX graph as tf2onnx writes it, so that more runtimes take it.

The body of a Loop reads what never changes from the graph around it, where tf2onnx carries it from step to step. An
input that is left out has no name, where tf2onnx gives an empty tensor. Axes of open length have names. Only the
standard operators are announced, because no others are used.
"""

import onnx

BATCH = "batch"


def arranged(model, inputs):
    """Tidies a graph, see above.

    Args:
      model: onnx.ModelProto, as tf2onnx makes it.
      inputs: list of str, the names that the inputs get, in their order.

    Returns:
      onnx.ModelProto.
    """
    graph = model.graph
    _rename(graph, {tensor.name: name for tensor, name in zip(graph.input, inputs, strict=True)})
    for node in graph.node:
        if node.op_type == "Loop":
            _capture(graph, node)
    _leave_out_empty(graph)
    for tensor in (*graph.input, *graph.output):
        for axis in tensor.type.tensor_type.shape.dim[:1]:  # only the first axis, of the images, may be open
            if not axis.HasField("dim_value"):
                axis.dim_param = BATCH
    standard = [one for one in model.opset_import if not one.domain]  # tf2onnx adds ai.onnx.ml, which nothing uses
    del model.opset_import[:]
    model.opset_import.extend(standard)
    del graph.value_info[:]  # shapes found by tf2onnx, with names of axes that nothing explains
    return model


def _capture(graph, loop):
    """Takes what a Loop hands on unchanged out of its carried values; its body then reads it from outside."""
    body = loop.attribute[0].g
    carried = range(len(body.output) - 1)  # the first output is the condition; there are no scanned outputs
    same = [index for index in carried if body.output[1 + index].name == body.input[2 + index].name]
    _rename(body, {body.input[2 + index].name: loop.input[2 + index] for index in same})
    _rename(graph, {loop.output[index]: loop.input[2 + index] for index in same if loop.output[index]})
    for index in reversed(same):
        del body.input[2 + index], body.output[1 + index], loop.input[2 + index], loop.output[index]


def _rename(graph, names):
    """Renames tensors wherever a graph and the graphs inside it mention them."""
    for node in graph.node:
        for tensors in (node.input, node.output):
            tensors[:] = [names.get(name, name) for name in tensors]
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _rename(attribute.g, names)
    for tensor in (*graph.input, *graph.output, *graph.initializer):
        tensor.name = names.get(tensor.name, tensor.name)


def _leave_out_empty(graph):
    """Drops the empty region of interest of a Resize, which only another mode of it reads."""
    empty = {tensor.name for tensor in graph.initializer if 0 in tensor.dims}
    for node in graph.node:
        if node.op_type == "Resize" and node.input[1] in empty:
            node.input[1] = ""
        for attribute in node.attribute:
            if attribute.type == onnx.AttributeProto.GRAPH:
                _leave_out_empty(attribute.g)
    read = {name for node in graph.node for name in node.input}
    kept = [tensor for tensor in graph.initializer if tensor.name not in empty or tensor.name in read]
    del graph.initializer[:]
    graph.initializer.extend(kept)
