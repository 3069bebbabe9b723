"""Runs exported files in other runtimes, each in an environment of its own, and prints the table of docs/runtimes.md.

  python tests/harness/runtimes.py --exported=FOLDER [--model=rosettes] [--cache=.venv-runtimes] [--json=FILE]

FOLDER has the files of a preset that RUNTIMES names. The expected answers come from the Keras model.
No runtime gets help: the whole graph is run with the default interface, on synthetic images of the graph's size.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import venv
from pathlib import Path

import numpy as np
import tensorflow as tf

from ris_tf.data.synthetic import drawings
from ris_tf.evaluation.agreement import agreement
from ris_tf.export import artifact
from ris_tf.export.pictures import framed

LITERT, INT8, LOOP, UNROLLED = "model.tflite", "model_int8.tflite", "model.onnx", "model_unrolled.onnx"
SAVED, OPENVINO = "saved_model/1", "model.xml"
RUNTIMES = [  # package, version or "" for the newest, other packages, files, name in PROGRAMS
    ("ai-edge-litert", "1.0.1", ["numpy<2"], [LITERT, INT8], "litert"),
    ("ai-edge-litert", "", [], [LITERT, INT8], "litert"),
    ("tflite-runtime", "2.14.0", ["numpy<2"], [LITERT, INT8], "tflite_runtime"),
    ("tensorflow-cpu", "2.15.1", ["numpy<2"], [SAVED], "tensorflow"),
    ("tensorflow-cpu", "2.15.1", ["numpy<2"], [LITERT, INT8], "tf_lite"),
    ("onnxruntime", "1.16.3", ["numpy<2"], [LOOP, UNROLLED], "onnxruntime"),
    ("onnxruntime", "", [], [LOOP, UNROLLED], "onnxruntime"),
    ("openvino", "", [], [LITERT, LOOP, UNROLLED, OPENVINO], "openvino"),
    ("opencv-python-headless", "", [], [LITERT, LOOP, UNROLLED], "opencv"),
    ("MNN", "", ["numpy"], [LITERT, LOOP, UNROLLED], "mnn"),
    ("apache-tvm", "", ["onnx"], [LOOP, UNROLLED], "tvm"),
    ("tract", "", ["onnx"], [LOOP, UNROLLED], "tract"),
]
OUTPUTS = "labels", "scores", "count"
_INTERPRETER = """
interpreter = Interpreter(path)
interpreter.allocate_tensors()
def run(picture):
    interpreter.set_tensor(interpreter.get_input_details()[0]["index"], picture)
    interpreter.invoke()
    return {one["name"]: interpreter.get_tensor(one["index"]) for one in interpreter.get_output_details()}
"""
PROGRAMS = {  # each defines run(picture) -> {name: array}
    "litert": "from ai_edge_litert.interpreter import Interpreter" + _INTERPRETER,
    "tflite_runtime": "from tflite_runtime.interpreter import Interpreter" + _INTERPRETER,
    "tf_lite": "import tensorflow as tf\nInterpreter = tf.lite.Interpreter" + _INTERPRETER,
    "tensorflow": """
import tensorflow as tf
function = tf.saved_model.load(path).signatures["serving_default"]
def run(picture):
    return {name: value.numpy() for name, value in function(tf.constant(picture)).items()}
""",
    "onnxruntime": """
import onnxruntime
session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
def run(picture):
    return dict(zip(outputs, session.run(outputs, {"image": picture})))
""",
    "openvino": """
import openvino
model = openvino.Core().read_model(path)
names = [output.any_name for output in model.outputs]
compiled = openvino.compile_model(model, "CPU", {"INFERENCE_PRECISION_HINT": "f32"})
def run(picture):
    results = compiled({"image": picture})
    return {name: results[index] for index, name in enumerate(names)}
""",
    "opencv": """
import cv2
net = cv2.dnn.readNetFromONNX(path) if path.endswith(".onnx") else cv2.dnn.readNetFromTFLite(path)
names = net.getUnconnectedOutLayersNames()
def run(picture):
    net.setInput(picture, "image")
    return dict(zip(names, net.forward(names)))
""",
    "mnn": """
import subprocess, os
kind = "ONNX" if path.endswith(".onnx") else "TFLITE"
# Not the program mnnconvert: it runs `pip install` of a logging library, with whatever pip is first on the path.
converter = [sys.executable, "-c", "import sys, _tools; _tools.mnnconvert(sys.argv)"]
order = ["-f", kind, "--modelFile", path, "--MNNModel", results + ".mnn", "--bizCode", "MNN"]
done = subprocess.run(converter + order, capture_output=True, text=True)
if not os.path.exists(results + ".mnn"):
    said = [line for line in (done.stdout + done.stderr).splitlines() if "NOT_SUPPORTED" in line or "rror" in line]
    raise RuntimeError("MNN's converter: " + (said or ["no file"])[0])
import MNN
import MNN.expr as F
net = MNN.nn.load_module_from_file(results + ".mnn", ["image"], outputs)
def run(picture):
    image = F.const(picture, list(picture.shape), F.NCHW, F.uint8)  # NCHW, because ONNX knows no other order
    return {name: value.read().copy() for name, value in zip(outputs, net.forward([image]))}
""",
    "tvm": """
import onnx, tvm
from tvm import relax
from tvm.relax.frontend.onnx import from_onnx
graph = onnx.load(path)
machine = relax.VirtualMachine(tvm.compile(from_onnx(graph), target="llvm"), tvm.cpu())
names = [output.name for output in graph.graph.output]
def run(picture):
    return {name: value.numpy() for name, value in zip(names, machine["main"](tvm.runtime.tensor(picture)))}
""",
    "tract": """
import os
os.environ["RUST_BACKTRACE"] = "0"  # the message alone
import onnx, tract
names = [output.name for output in onnx.load(path).graph.output]
net = tract.onnx().load(path).into_model().into_runnable()
def run(picture):
    return {name: value.to_numpy() for name, value in zip(names, net.run([picture]))}
""",
}
_FRAME = """
import json, sys
import numpy as np
path, given, results = sys.argv[1:4]
outputs = ["labels", "scores", "count"]
{program}
pictures, found = np.load(given), {{name: [] for name in outputs}}
for picture in pictures:
    answer = run(picture[None])
    for name in outputs:
        found[name].append(np.asarray(answer[name]))
np.savez(results, **{{name: np.concatenate(value) for name, value in found.items()}})
"""
_MINUTES = 10  # longest time for one file in one runtime


def environment(cache, package, version, others):
    """Returns the interpreter of an environment with a runtime, and the version of the runtime; makes it if missing."""
    folder = cache / f"{package}-{version or 'newest'}"
    python = folder / "bin" / "python"
    if not (folder / "ready").exists():
        venv.create(folder, with_pip=True, clear=True)
        wanted = [f"{package}=={version}" if version else package, *others]
        order = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *wanted]
        subprocess.run(order, check=True, capture_output=True)
        (folder / "ready").touch()
    asked = f"from importlib.metadata import version; print(version({package!r}))"
    return python, subprocess.check_output([python, "-c", asked], text=True).strip()


def answers(python, program, file, pictures, folder):
    """Runs a file: returns the arrays of all pictures, or the text of what went wrong."""
    results = folder / "results.npz"
    for left in folder.glob("results.npz*"):
        left.unlink()
    order = [python, "-c", _FRAME.format(program=program), str(file), str(pictures), str(results)]
    try:
        done = subprocess.run(order, capture_output=True, text=True, timeout=60 * _MINUTES, check=False)
    except subprocess.TimeoutExpired:
        return f"longer than {_MINUTES} minutes"
    if done.returncode or not results.exists():
        lines = [line.strip(" >") for line in done.stderr.splitlines() if line.strip()]
        told = max((index for index, line in enumerate(lines) if "rror" in line), default=0)
        return f"status {done.returncode}: " + " ".join(lines[told:])[:250].replace("|", "/")
    with np.load(results) as arrays:
        return dict(arrays)


def row(expected, found):
    """Compares two sets of answers: the cells of the table."""
    shares, differences = zip(
        *(
            agreement(expected["labels"][i], found["labels"][i].astype(int), expected["scores"][i], found["scores"][i])
            for i in range(len(expected["count"]))
        ),
        strict=True,
    )
    equal = int((expected["count"] == found["count"].ravel()).sum())
    return {"labels": min(shares), "counts": f"{equal}/{len(shares)}", "score": max(differences)}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--exported", type=Path, required=True, help="folder of the exported files")
    parser.add_argument("--model", default="rosettes", help="the preset from which they were exported")
    parser.add_argument("--cache", type=Path, default=Path(".venv-runtimes"), help="folder for the environments")
    parser.add_argument("--images", type=int, default=20)
    parser.add_argument("--only", help="the part of RUNTIMES whose package has this in its name")
    parser.add_argument("--json", type=Path, help="file for the figures")
    given = parser.parse_args()
    graph = artifact.graph_of({"model": given.model, "size": None, "steps": None})
    pictures = np.stack([framed(graph, drawings.sample(given.model, 7, i)[0]) for i in range(given.images)])
    predict = tf.function(graph.predict, autograph=False)
    one_by_one = [predict(picture[None]) for picture in pictures]
    expected = {name: np.concatenate([one[name] for one in one_by_one]) for name in OUTPUTS}
    rows, failed = [], False
    print("| runtime | file | least share of equal pixels | equal counts | score, largest difference |")
    print("|---|---|---|---|---|")
    with tempfile.TemporaryDirectory() as folder:
        np.save(Path(folder) / "pictures.npy", pictures)
        for package, version, others, files, program in RUNTIMES:
            if given.only and given.only not in package:
                continue
            python, version = environment(given.cache.absolute(), package, version, others)
            for file in files:
                found = answers(
                    python,
                    PROGRAMS[program],
                    (given.exported / file).absolute(),
                    Path(folder) / "pictures.npy",
                    Path(folder),
                )
                cells = {"failed": found} if isinstance(found, str) else row(expected, found)
                rows.append({"runtime": f"{package} {version}", "file": file, **cells})
                shown = (
                    f"no: {found} | |"
                    if isinstance(found, str)
                    else "{labels:.4%} | {counts} | {score:.1e}".format(**cells)
                )
                exact = not isinstance(found, str) and file != INT8  # in eight bits a count may differ
                failed |= exact and cells["counts"] != f"{given.images}/{given.images}"
                print(f"| {package} {version} | {file} | {shown} |", flush=True)
    if given.json:
        given.json.write_text(json.dumps(rows, indent=2) + "\n")
    sys.exit(failed)


if __name__ == "__main__":
    main()
