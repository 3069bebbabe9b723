#!/usr/bin/env bash
# A MatMul of a Concat in tract, where one part of the Concat is a constant column made by Expand.
#
# Expected (a guess, written down first): the Concat of two columns is refused, because tract does not see through the
# Unsqueeze before it.
# Seen on 2026-12-01 (tract 0.23.9): wrong. Columns that are inputs or constants load. A column that is one value
# expanded to all rows is refused: tract splits the product into one for each part of the Concat, and then takes the
# product with the expanded part for a single row ("Trying to substitute a 1,8,4,F32 by 1,1,4,F32"). An Expand whose
# value is added to zeros instead loads, and gives what NumPy gives.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tract==0.23.9 onnx==1.20.1 numpy==2.4.6
cat > "$folder/columns.py" <<'PYTHON'
import numpy as np
import onnx
import tract
from onnx import TensorProto, numpy_helper
from onnx.helper import make_graph, make_model, make_node, make_opsetid, make_tensor_value_info

INPUT = {"u": [1, 8, 1], "w": [1, 1, 1], "b": [1, 2, 4]}
CONSTANT = {"rows": np.array([1, 8, 1]), "zeros": np.zeros([1, 8, 1], np.float32)}
HOW = {
    "input": [],
    "expanded": [make_node("Expand", ["w", "rows"], ["v"])],
    "added to zeros": [make_node("Add", ["w", "zeros"], ["v"])],
}
rng = np.random.default_rng(0)
for how, nodes in HOW.items():
    shapes = INPUT if nodes else {"u": INPUT["u"], "v": [1, 8, 1], "b": INPUT["b"]}
    nodes = [*nodes, make_node("Concat", ["u", "v"], ["c"], axis=2), make_node("MatMul", ["c", "b"], ["out"])]
    inputs = [make_tensor_value_info(name, TensorProto.FLOAT, shape) for name, shape in shapes.items()]
    output = [make_tensor_value_info("out", TensorProto.FLOAT, [1, 8, 4])]
    constants = [numpy_helper.from_array(value, name) for name, value in CONSTANT.items()]
    graph = make_graph(nodes, "columns", inputs, output, constants)
    model = make_model(graph, opset_imports=[make_opsetid("", 17)], ir_version=8)
    onnx.checker.check_model(model, full_check=True)
    onnx.save(model, "columns.onnx")
    given = {name: rng.normal(size=shape).astype(np.float32) for name, shape in shapes.items()}
    second = np.broadcast_to(given["w"], [1, 8, 1]) if "w" in given else given["v"]
    expected = np.concatenate([given["u"], second], 2) @ given["b"]
    try:
        net = tract.onnx().load("columns.onnx").into_model().into_runnable()
        found = net.run(list(given.values()))[0].to_numpy()
        print(f"SEEN {how}: {'right' if np.allclose(found, expected, atol=1e-5) else 'wrong'}")
    except tract.TractError as error:
        print(f"SEEN {how}: refused: {[line for line in str(error).splitlines() if 'substitute' in line]}")
PYTHON
cd "$folder"
RUST_BACKTRACE=0 env/bin/python columns.py | tee seen
grep -q "SEEN input: right" seen
grep -q "SEEN expanded: refused: .*substitute a 1,8,4,F32 by 1,1,4,F32" seen
grep -q "SEEN added to zeros: right" seen
