"""Runs one exported file in its own runtime and its own process: `python -m ris_tf.export.trial FILE THREADS IN OUT`.

A file is run in two ways: the whole graph, on pictures of its size; and step by step through `ris_tf.runtime`, which
takes images of any size and stops early.
"""

import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from ris_tf import on_openvino, runtime
from ris_tf.errors import DataError
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.zoom import find_zoom

_OUTPUTS = "labels", "scores", "count"


def run(path, threads, pictures, images, zooms=()):
    """Runs a file in a new process.

    Args:
      path: Path of the .tflite, .onnx or .xml file, or of the SavedModel.
      threads: number of threads of the runtime.
      pictures: uint8 [N, H, W, C], of the size that the graph takes.
      images: list of arrays of any size; none for a file that only has the whole graph.
      zooms: of a model with the view "tiles", the zoom at which each image is looked at, too. None for no such look.

    Returns:
      dict of arrays. From the whole graph: "labels" [N, H, W], "scores" [N, T], "count" [N], "milliseconds" [N]. From
      the runtime, for image I: "host_labels_I" [H', W'] and "host_scores_I" [n]; and "host_milliseconds" [len(images)].
      For zoom I: "zoomed_labels_I" and "zoomed_scores_I"; and "zooms" [len(zooms)], those that the runtime finds.
      "operators" is the text of the operator names.

    Raises:
      DataError: the runtime crashed.
    """
    with tempfile.TemporaryDirectory() as folder:
        given, results = Path(folder) / "given.npz", Path(folder) / "results.npz"
        named = {f"image_{index}": image for index, image in enumerate(images)}
        np.savez(given, pictures=pictures, zooms=zooms, **named)
        order = [sys.executable, "-m", "ris_tf.export.trial", path, str(threads), given, results]
        done = subprocess.run(order, capture_output=True, text=True, check=False)
        if done.returncode:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            raise DataError(f"{path}: does not run in its runtime (status {done.returncode}): {last}")
        with np.load(results) as arrays:
            return dict(arrays)


def _whole_graph(path, threads):
    """Returns a function from uint8 [1, H, W, C] to a dict of arrays, and the set of the operators' names."""
    if path.suffix == ".tflite":
        from ai_edge_litert.interpreter import Interpreter

        interpreter = Interpreter(str(path), num_threads=threads)
        runner = interpreter.get_signature_runner("predict")
        names = {operator["op_name"] for operator in interpreter._get_ops_details()}
        return lambda picture: runner(image=picture), names - {"DELEGATE"}
    if path.suffix == ".onnx":
        import onnx
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = threads
        session = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        outputs = [output.name for output in session.get_outputs()]
        names = {node.op_type for node in onnx.load(path).graph.node}
        return lambda picture: dict(zip(outputs, session.run(outputs, {"image": picture}), strict=True)), names
    if path.suffix == on_openvino.XML:
        names, run = on_openvino.whole_graph(path, threads)
        return lambda picture: run({"image": picture}), names
    import tensorflow as tf

    tf.config.threading.set_intra_op_parallelism_threads(threads)
    tf.config.threading.set_inter_op_parallelism_threads(1)
    function = tf.saved_model.load(str(runtime.saved_model_folder(path))).signatures["serving_default"]
    return lambda picture: {key: value.numpy() for key, value in function(tf.constant(picture)).items()}, set()


def _timed(function, inputs):
    """Calls a function on every input after one warm-up call; returns the results, and the times in milliseconds."""
    function(inputs[0])
    results, times = [], []
    for value in inputs:
        start = time.perf_counter()
        results.append(function(value))
        times.append(1000 * (time.perf_counter() - start))
    return results, times


def main():
    path, threads = Path(sys.argv[1]), int(sys.argv[2])
    with np.load(sys.argv[3]) as given:
        pictures, zooms = given["pictures"], given["zooms"]
        images = [given[f"image_{index}"] for index in range(len(given.files) - 2)]
    function, operators = _whole_graph(path, threads)
    found, times = _timed(function, pictures[:, None])
    results = {name: np.concatenate([one[name] for one in found]) for name in _OUTPUTS}
    results |= {"milliseconds": times, "operators": " ".join(sorted(operators))}
    found = []
    if images:
        opened = runtime.load(path, threads)
        found, results["host_milliseconds"] = _timed(opened.predict_instances, images)
    for index, instances in enumerate(found):
        results[f"host_labels_{index}"], results[f"host_scores_{index}"] = instances.labels, instances.scores
    results["zooms"] = []
    for index, (zoom, image) in enumerate(zip(zooms, images, strict=False)):
        results["zooms"].append(find_zoom(opened.looking(), opened.config, image))
        same = found[index]
        if results["zooms"][-1] != zoom:
            same = predict_instances(opened.looking(), opened.config, image, zoom=zoom)
        results[f"zoomed_labels_{index}"], results[f"zoomed_scores_{index}"] = same.labels, same.scores
    np.savez(sys.argv[4], **results)


if __name__ == "__main__":
    main()
