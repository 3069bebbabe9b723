"""Benchmark of prediction time by runtime, precision, number of threads and number of objects.

    ris-export --model=rosettes --format=all --quantize=all --out=exported
    python benchmarks/inference.py --model=rosettes --exported=exported --kind=rosettes --json=inference.json

Every contestant processes the same synthetic pictures, which have the size of the network's input, in a process of its
own. Contestants are Keras (`predict_on_batch`, which runs only the network, and `predict_instances`) and each exported
file, as a whole ("predict", all steps) and step by step (`ris_tf.runtime`, which stops early). Optional rivals are
StarDist's `predict_instances` (--stardist_python, and --stardist_model, as trained by benchmarks/accuracy.py) and an
ONNX file, such as a YOLO-n segmentation network (--rival_onnx).

The output is the median milliseconds with 1 and with 2 threads and their ratio to LiteRT float32, then the time against
the number of objects. All contestants take turns for --rounds rounds. The fastest round of each picture counts, because
other work on the machine can only make it slower.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import onnxruntime
from absl import app, flags
from rivals.keras_run import timed

from ris_tf import storage
from ris_tf.data.synthetic import drawings
from ris_tf.export import trial

RIVALS = Path(__file__).parent / "rivals"
COUNTS = (0, 5, 10, 20)
THREADS = (1, 2)


def pictures_of(model, kind, each):
    """Chooses synthetic pictures in which the model finds about as many objects as each of COUNTS asks for.

    Args:
      model: RIS.
      kind: kind of synthetic images, one of `drawings.KINDS`.
      each: number of pictures for each of COUNTS.

    Returns:
      pictures, uint8 [N, H, W, channels], and the number of objects that the model finds in each, int [N].
    """
    side = model.config.model.size[0]
    drawn = [np.zeros((side, side, 3), np.uint8)] + [drawings.sample(kind, 99, index, side)[0] for index in range(500)]
    if model.config.model.channels == 1:
        drawn = [picture[..., :1] for picture in drawn]
    found = np.array([model.predict_instances(picture).count for picture in drawn])
    chosen = []
    for count in COUNTS:
        nearest = np.argsort(abs(found - count), kind="stable")[:each]
        chosen += [int(index) for index in (np.repeat(nearest[:1], each) if count == 0 else nearest)]
    return np.stack([drawn[index] for index in chosen]), found[chosen]


def of_keras(values, threads, pictures, folder):
    """Milliseconds per picture of Keras: {name: float [N]}."""
    given, results = folder / "keras.npz", folder / f"keras_{threads}.npz"
    np.savez(given, pictures=pictures)
    subprocess.run([sys.executable, RIVALS / "keras_run.py", values.model, str(threads), given, results], check=True)
    with np.load(results) as arrays:
        return {"Keras predict_on_batch": arrays["network"], "Keras predict_instances": arrays["host"]}


def of_file(path, threads, pictures):
    """Milliseconds per picture of an exported file: {name: float [N]}."""
    tried = trial.run(path, threads, pictures, list(pictures))
    return {f"{path.name} whole": tried["milliseconds"], f"{path.name} step by step": tried["host_milliseconds"]}


def of_stardist(values, threads, pictures, folder):
    """Milliseconds per picture of StarDist: {name: float [N]}."""
    grey = [picture[..., 0] if picture.shape[-1] == 1 else picture for picture in pictures]
    arrays = {f"image_{index}": picture for index, picture in enumerate(grey)}
    np.savez(folder / "test.npz", **arrays, **{f"labels_{i}": np.zeros((1, 1), np.uint16) for i in range(len(grey))})
    limits = {"OMP_NUM_THREADS": threads, "TF_NUM_INTRAOP_THREADS": threads, "TF_NUM_INTEROP_THREADS": 1}
    environment = {**os.environ, "PYTHONPATH": "", **{name: str(value) for name, value in limits.items()}}
    order = [values.stardist_python, RIVALS / "stardist_run.py", "predict", folder, values.stardist_model]
    subprocess.run(order, check=True, env=environment, stdout=subprocess.DEVNULL)
    with np.load(folder / "stardist.npz") as results:
        return {"StarDist predict_instances": results["times"]}


def of_onnx(values, threads, pictures):
    """Milliseconds per run of a rival's ONNX network, without decoding: {name: float [N]}.

    Its input is noise of the pictures' size.
    """
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    session = onnxruntime.InferenceSession(values.rival_onnx, options, providers=["CPUExecutionProvider"])
    (image,) = session.get_inputs()
    _, height, width, _ = pictures.shape
    noise = np.random.default_rng(0).random((1, 3, height, width), np.float32)
    _, times = timed(lambda _: session.run(None, {image.name: noise}), pictures)
    return {f"{Path(values.rival_onnx).name} network": times}


def main(_):
    values = flags.FLAGS
    model, exported = storage.load(values.model), Path(values.exported)
    pictures, found = pictures_of(model, values.kind, values.each)
    files = [
        path
        for path in sorted([*exported.glob("*.tflite"), *exported.glob("*.onnx"), *exported.glob("saved_model")])
        if not path.stem.endswith(("_encode", "_step"))
    ]
    results = {}
    with tempfile.TemporaryDirectory() as folder:
        for threads in THREADS * values.rounds:
            runs = [of_keras(values, threads, pictures, Path(folder))]
            runs += [of_file(path, threads, pictures) for path in files]
            if values.stardist_python:
                runs.append(of_stardist(values, threads, pictures, Path(folder)))
            if values.rival_onnx:
                runs.append(of_onnx(values, threads, pictures))
            for name, times in ((name, times) for run in runs for name, times in run.items()):
                before = results.setdefault(name, {}).get(threads, np.inf)
                results[name][threads] = np.minimum(before, np.asarray(times, float))
    report(results, found)
    if values.json:
        plain = {name: {str(t): times.tolist() for t, times in by.items()} for name, by in results.items()}
        Path(values.json).write_text(json.dumps({"found": found.tolist(), "milliseconds": plain}, indent=2) + "\n")


def report(results, found):
    """Prints the tables of medians by threads and by number of objects."""
    one, two = THREADS
    base = results.get("model.tflite whole") or next(iter(results.values()))
    print(f"{'median over pictures':<36}" + "".join(f"{t} threads, ms   ratio   " for t in THREADS))
    for name, by in results.items():
        columns = [f"{np.median(by[t]):14.1f}  {np.median(by[t]) / np.median(base[t]):6.2f}   " for t in (one, two)]
        print(f"{name:<36}" + "".join(columns))
    groups = np.arange(len(found)) // (len(found) // len(COUNTS))
    names = ", ".join(f"{found[groups == g].mean():.0f}" for g in range(len(COUNTS)))
    print(f"\n{two} threads, ms for {names} objects; last column: the second divided by the last")
    for name, by in results.items():
        means = [np.median(by[two][groups == g]) for g in range(len(COUNTS))]
        print(f"{name:<36}" + "".join(f"{mean:9.1f}" for mean in means) + f"{means[1] / means[3]:9.2f}")


if __name__ == "__main__":
    flags.DEFINE_string("model", None, "preset, work folder or .keras file", required=True)
    flags.DEFINE_string("exported", None, "folder that ris-export wrote from the model", required=True)
    flags.DEFINE_enum("kind", "rosettes", list(drawings.KINDS), "kind of synthetic pictures")
    flags.DEFINE_integer("each", 8, "pictures for each number of objects", lower_bound=1)
    flags.DEFINE_integer("rounds", 3, "timed rounds of all contestants; the fastest counts", lower_bound=1)
    flags.DEFINE_string("stardist_python", None, "Python of an environment with stardist and its TensorFlow")
    flags.DEFINE_string("stardist_model", None, "folder of a StarDist model")
    flags.DEFINE_string("rival_onnx", None, "ONNX file of a rival, input float32 [1, 3, H, W]")
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
