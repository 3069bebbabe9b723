"""Converter to ONNX: the whole graph with a Loop that stops early, and separate files for encoder and step.

Run by `artifact.convert`.
"""

import subprocess
import sys
import tempfile

import onnx

from ris_tf.export import artifact, endpoints
from ris_tf.runtime import RECORD

OPSET = 18


def _tf2onnx(*order):
    """Runs tf2onnx; if it fails, exits with the last line of its error output."""
    done = subprocess.run(
        [sys.executable, "-m", "tf2onnx.convert", *order], capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"tf2onnx: {(done.stderr.strip().splitlines() or ['no message'])[-1]}")


def main():
    order, out = artifact.order_and_folder()
    graph = artifact.graph_of(order)
    parts = {
        "": endpoints.predict(graph, None, early_stop=True),
        "_encode": endpoints.encode(graph, None),
        "_step": endpoints.step(graph, None),
    }
    with tempfile.TemporaryDirectory() as folder:
        endpoints.write(graph, folder, {f"predict{part}": endpoint for part, endpoint in parts.items()})
        for part in parts:
            path = out / f"model{part}.onnx"
            # From a SavedModel, tf2onnx keeps the names of inputs and outputs; from a function, it invents names.
            order = ["--saved-model", folder, "--signature_def", f"predict{part}", "--opset", str(OPSET)]
            _tf2onnx(*order, "--output", path)
            model = onnx.load(path)
            onnx.helper.set_model_props(model, {RECORD: artifact.record(graph)})
            onnx.checker.check_model(model)
            onnx.save(model, path)


if __name__ == "__main__":
    main()
