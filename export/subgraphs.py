"""Arranges the subgraphs of a LiteRT model so that programs that know nothing of signatures find the whole graph.

The converter sorts signatures by name, so that `encode` comes first. A plain interpreter, OpenVINO and others run the
first subgraph; they should run `predict`. Some of them also want a name for each tensor.
"""

import copy

import numpy as np

FIRST = b"predict"
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"


def arrange(model):
    """Puts `predict` first, gives each output a tensor of its own, and gives each tensor of a subgraph its own name.

    Inputs and outputs of signatures have the names that they have there; others are numbered.

    Args:
      model: schema.ModelT, changed in place.
    """
    _put_first(model)
    for signature in model.signatureDefs or ():
        _separate_outputs(model.subgraphs[signature.subgraphIndex], signature.outputs)
    for index, graph in enumerate(model.subgraphs):
        known = {}
        for signature in model.signatureDefs or ():
            if signature.subgraphIndex == index:
                for tensor in (*signature.outputs, *signature.inputs):
                    known[tensor.tensorIndex] = tensor.name
        for number, tensor in enumerate(graph.tensors):
            tensor.name = known.get(number) or b"." + _number(number)  # no public name starts with a dot


def _put_first(model):
    """Moves the signature `predict` and its subgraph to the front, and corrects all references to subgraphs."""
    signatures = sorted(model.signatureDefs or (), key=lambda signature: signature.signatureKey != FIRST)
    if not signatures or signatures[0].signatureKey != FIRST:
        return
    first = signatures[0].subgraphIndex
    order = sorted(range(len(model.subgraphs)), key=lambda index: index != first)
    places = {old: new for new, old in enumerate(order)}
    model.subgraphs, model.signatureDefs = [model.subgraphs[index] for index in order], signatures
    for signature in signatures:
        signature.subgraphIndex = places[signature.subgraphIndex]
    for graph in model.subgraphs:
        for operator in graph.operators or ():
            for options in (operator.builtinOptions, operator.builtinOptions2):
                for field, value in vars(options).items() if options else ():
                    if field.lower().endswith("subgraphindex") or field == "subgraph":  # While, If, CallOnce, Call
                        setattr(options, field, places.get(value, value))


def _separate_outputs(graph, outputs):
    """Computes a tensor once more for each further output that it stands for."""
    seen = set()
    for output in outputs:
        if output.tensorIndex not in seen:
            seen.add(output.tensorIndex)
            continue
        old, new = output.tensorIndex, len(graph.tensors)
        graph.tensors.append(copy.copy(graph.tensors[old]))
        for place, operator in enumerate(graph.operators):
            if list(operator.outputs) == [old]:
                twin = copy.copy(operator)
                twin.outputs = np.int32([new])
                graph.operators.insert(place + 1, twin)
                break
        output.tensorIndex = new
    graph.outputs = np.int32([output.tensorIndex for output in outputs])


def _number(value):
    """A whole number in few characters, bytes."""
    text = ""
    while value or not text:
        value, digit = divmod(value, len(_DIGITS))
        text = _DIGITS[digit] + text
    return text.encode()
