#!/usr/bin/env bash
# Giving a signature of a LiteRT file an array of another size than its input has, in Python.
#
# Expected (a guess, written down first): a signature whose input is [1, 8, 8, 1], without a size that is left open
# (shape_signature has no -1), refuses an array of [1, 16, 24, 1]. An upsampling by 2 gives a result of the old size.
# Seen on 2026-11-30 (ai-edge-litert 2.3.0, files converted by TensorFlow 2.21.0): both guesses were wrong. The
# signature's runner resizes the graph without a word, and a graph of convolutions gives the right result for the larger
# array. Keras' UpSampling2D and a Reshape store sizes in the file, and there the runner raises an error. So one file
# with a fixed input serves images of any size, if its graph holds no sizes; a program that wants only the declared
# size must compare it with `get_input_details()` itself.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tensorflow==2.21.0 ai-edge-litert==2.3.0
cat > "$folder/resize.py" <<'PYTHON'
import numpy as np
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter

kernel = tf.constant(np.random.default_rng(0).normal(size=(3, 3, 1, 1)), tf.float32)


def convolved(x):
    return tf.nn.conv2d(x, kernel, 1, "SAME")


def doubled(x):
    half = tf.nn.conv2d(x, kernel, 2, "SAME")
    return tf.keras.layers.UpSampling2D(2)(half)


def flattened(x):
    return tf.reshape(convolved(x), [1, 64])


given = np.random.default_rng(1).normal(size=(1, 16, 24, 1)).astype(np.float32)
for graph in (convolved, doubled, flattened):
    module = tf.Module()
    module.run = tf.function(graph, input_signature=[tf.TensorSpec([1, 8, 8, 1], tf.float32, name="x")])
    tf.saved_model.save(module, "saved", signatures={"run": module.run})
    converter = tf.lite.TFLiteConverter.from_saved_model("saved", signature_keys=["run"])
    interpreter = Interpreter(model_content=converter.convert())
    runner = interpreter.get_signature_runner("run")
    signature = next(iter(runner.get_input_details().values()))["shape_signature"]
    assert list(signature) == [1, 8, 8, 1], signature
    try:
        found = next(iter(runner(x=given).values()))
    except (RuntimeError, ValueError) as error:
        print(f"SEEN {graph.__name__}: refused,", str(error).splitlines()[0][:90])
        continue
    right = graph(given).numpy()
    same = found.shape == right.shape and np.allclose(found, right, atol=1e-5)
    print(f"SEEN {graph.__name__}: {found.shape}, TensorFlow {right.shape},", "equal" if same else "other values")
PYTHON
cd "$folder"
TF_CPP_MIN_LOG_LEVEL=3 env/bin/python resize.py 2> errors | grep SEEN | tee seen || { cat errors; exit 1; }
grep -q "convolved: (1, 16, 24, 1), TensorFlow (1, 16, 24, 1), equal" seen
grep -q "doubled: refused" seen
grep -q "flattened: refused" seen
