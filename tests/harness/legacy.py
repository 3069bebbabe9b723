"""Test of exported SavedModels in the TensorFlow that tensorflow-addons needs, against Keras in this TensorFlow.

  python tests/harness/legacy.py --python=.venv-legacy/bin/python [--json FILE]

The expected answers come from the Keras model, not from the file: from the graph as a whole, and from
`predict_instances`. The other Python interpreter imports tensorflow_addons, loads the file with `tf.saved_model.load`,
and then with `ris_tf.runtime`.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import tensorflow as tf

from ris_tf.data.synthetic import drawings
from ris_tf.export import artifact, pictures
from ris_tf.export.check import PIXELS, SCORE, agreement

ROOT = Path(__file__).resolve().parents[2]
PRESETS = {"nuclei": "discs", "rosettes": "rosettes"}  # preset: kind of its synthetic images
IMAGES = 8
PACKAGES = "tensorflow", "keras", "tensorflow-addons", "numpy", "typeguard"
PROGRAM = f"""
import json, sys
from importlib.metadata import version
import numpy as np, tensorflow as tf, tensorflow_addons as tfa
from ris_tf import runtime
folder, given, results = sys.argv[1:]
arrays, found = np.load(given), {{}}
function = tf.saved_model.load(folder + "/1").signatures["serving_default"]
opened = runtime.load(folder)
for name in arrays.files:
    kind, index = name.split("_")
    if kind == "picture":
        picture = tf.constant(arrays[name][None])
        answer = {{key: value.numpy()[0] for key, value in function(image=picture).items()}}
        foreground = tf.cast(answer["labels"] > 0, tf.uint8)
        assert int(tf.reduce_max(tfa.image.connected_components(foreground))) <= foreground.shape[0] ** 2
    else:
        answer = vars(opened.predict_instances(arrays[name]))
    found |= {{name + "_labels": answer["labels"], name + "_scores": answer["scores"]}}
    found[name + "_count"] = answer.get("count", len(answer["scores"]))
np.savez(results, **found)
print(json.dumps({{package: version(package) for package in {PACKAGES}}}))
"""


def questions(graph, kind):
    """Images to predict, {name: image}: pictures of the graph's size, also empty and crowded, and other shapes."""
    drawn = [drawings.sample(kind, 21, index, 300)[0] for index in range(IMAGES)]
    images = [image[: 300 - 25 * index, : 160 + 20 * index] for index, image in enumerate(drawn)]
    asked = {f"picture_{index}": picture for index, picture in enumerate(pictures.to_try(graph, drawn))}
    return asked | {f"image_{index}": np.ascontiguousarray(image) for index, image in enumerate(images)}


def answers(graph, asked):
    """Answers of Keras, {name_labels: ..., name_scores: ..., name_count: ...}."""
    whole, found = tf.function(graph.predict), {}
    for name, image in asked.items():
        if name.startswith("picture"):
            answer = {key: value.numpy()[0] for key, value in whole(image[None]).items()}
        else:
            instances = graph.model.predict_instances(image)
            answer = {"labels": instances.labels, "scores": instances.scores, "count": instances.count}
        found |= {f"{name}_{key}": answer[key] for key in ("labels", "scores", "count")}
    return found


def compared(asked, expected, found):
    """Compares the answers: dict of the number of answers and objects, of answers beyond the tolerances of float32
    ("unequal"), of different counts, the largest difference of a score and the smallest share of equal pixels.
    """
    rows = []
    for name in asked:
        keys = [f"{name}_{key}" for key in ("labels", "scores", "count")]
        one, other = ([those[key] for key in keys] for those in (expected, found))
        rows.append((*agreement(one[0], other[0], one[1], other[1]), int(one[2]) == int(other[2])))
    shares, differences, counts = zip(*rows, strict=True)
    unequal = sum(not (share >= PIXELS and difference <= SCORE and same) for share, difference, same in rows)
    objects = sum(int(expected[f"{name}_count"]) for name in asked)
    return {"answers": len(rows), "objects": objects, "unequal": unequal, "other_counts": len(rows) - sum(counts),
            "score_difference": max(differences), "equal_pixels": float(min(shares))}  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", required=True, help="Python interpreter of an environment with tensorflow-addons")
    parser.add_argument("--json", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    rows = {}
    with tempfile.TemporaryDirectory() as scratch:
        for preset, kind in PRESETS.items():
            folder, order = Path(scratch) / preset, {"model": preset, "size": None, "steps": None}
            artifact.convert("to_saved_model", order, folder)
            graph = artifact.graph_of(order)
            asked = questions(graph, kind)
            given, results = folder / "given.npz", folder / "results.npz"
            np.savez(given, **asked)
            program = [arguments.python, "-c", PROGRAM, folder / "saved_model", given, results]
            options = {"capture_output": True, "text": True, "check": False, "timeout": 1800}
            done = subprocess.run(program, env={**os.environ, "PYTHONPATH": str(ROOT)}, **options)
            if done.returncode:
                raise SystemExit(f"legacy: {preset} in {arguments.python}: {done.stderr[-2000:]}")
            with np.load(results) as found:
                rows[preset] = compared(asked, answers(graph, asked), found)
            rows[preset]["versions"] = json.loads(done.stdout.splitlines()[-1])
            print(preset, rows[preset], flush=True)
    total = {key: sum(row[key] for row in rows.values()) for key in ("answers", "objects", "unequal")}
    worst = max(row["score_difference"] for row in rows.values())
    pixels = min(row["equal_pixels"] for row in rows.values())
    print(f"legacy: {total['answers']} answers, {total['objects']} objects, {total['unequal']} answers differ; largest "
          f"difference of a score {worst:.1e}, smallest share of equal pixels {pixels:.4%}")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps(rows, indent=2) + "\n")
    return int(total["unequal"] > 0)


if __name__ == "__main__":
    sys.exit(main())
