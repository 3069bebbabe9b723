"""Benchmark of accuracy against other methods (StarDist, U-Net, threshold and watershed) on the same images.

    python benchmarks/accuracy.py --data=DIR/nuclei --model=nuclei --minutes=60 --workdir=runs/accuracy \\
        --rivals=threshold,unet,stardist --stardist_python=ENV/bin/python --json=accuracy.json
    python benchmarks/accuracy.py --data=synthetic:heaps --model=coins --minutes=20 --workdir=runs/heaps

The contestants are

- this package's model, with one look and with eight orientations,
- StarDist (in an environment of its own) and a small U-Net with watershed, both trained from scratch on the same train
  split for --minutes on the same processor,
- threshold and watershed from scikit-image, with parameters searched on validation images.

Trained rivals are kept in --workdir and reused. The folder can be used again only with the same --data, --seed,
--images, --train_images, --side and --minutes. The output is a table for all test images, and for the sparse and the
crowded half of them (split at the median count of objects): AP at IoU 0.5 to 0.9 (TP / (TP + FP + FN), pooled), |DiC|
divided by the mean count, SBD, milliseconds per image and size of the model file.
"""

import functools
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import keras
import numpy as np
from absl import app, flags
from rivals import classic, unet

from ris_tf import presets, storage
from ris_tf.data import sources
from ris_tf.data.normalize import normalize
from ris_tf.evaluation import metrics
from ris_tf.inference import consensus

SPLITS = ("train", "val", "test")
KEPT = ("data", "seed", "images", "train_images", "side", "minutes")  # flags that the content of --workdir depends on


def claim(folder, values):
    """Records the values of KEPT in the folder; exits if its content was made with other or unknown values."""
    folder.mkdir(parents=True, exist_ok=True)
    record, mine = folder / "arguments.json", {name: values[name] for name in KEPT}
    if not record.exists() and any(folder.iterdir()):
        sys.exit(f"--workdir={folder}: holds files but no {record.name}; give a new or empty folder")
    if not record.exists():
        record.write_text(json.dumps(mine, indent=2) + "\n")
    theirs = json.loads(record.read_text())
    other = [f"--{name}={theirs.get(name)}" for name in KEPT if theirs.get(name) != mine[name]]
    if other:
        sys.exit(f"--workdir={folder}: was made with {' '.join(other)}; give the same values or a new folder")


def exchange(data, folder, images, side, seed):
    """Reads the splits and writes them as .npz files for the rivals; returns {split: [(image, labels)]}."""
    pictures = {}
    for split in SPLITS:
        opened = sources.open_source(data, split, side, images[split], seed)
        pictures[split] = [read() for _, read in opened]
        if not (folder / f"{split}.npz").exists():
            arrays = {}
            for index, (image, labels) in enumerate(pictures[split]):
                arrays |= {f"image_{index}": np.squeeze(image), f"labels_{index}": labels}
            np.savez(folder / f"{split}.npz", **arrays)
    return pictures


def timed(predict, pictures):
    """Label maps of all images, and the milliseconds for each; processes the first image once more as a warm-up."""
    predict(pictures[0][0])
    found, times = [], []
    for image, _ in pictures:
        start = time.perf_counter()
        found.append(predict(image))
        times.append(1000 * (time.perf_counter() - start))
    return found, times


def ours(pictures, values, folder, orientations="1"):
    """This package's model: (label maps, milliseconds, bytes of the model file), as every contestant returns them."""
    model = storage.load(values.model)
    consensus.choose(model, orientations)
    found = timed(lambda image: model.predict_instances(image).labels, pictures["test"])
    preset = presets.FOLDER / f"{values.model}.weights.h5"
    if preset.exists():
        return *found, preset.stat().st_size
    return *found, 4 * model.count_params()


def threshold(pictures, values, folder):
    """Contestant: threshold and watershed, tuned on the validation images."""
    images, labels = zip(*pictures["val"], strict=True)
    parameters = classic.tuned(images, labels)
    print(f"threshold and watershed: {parameters}")
    return *timed(lambda image: classic.segment(image, **parameters), pictures["test"]), 0


def small_unet(pictures, values, folder):
    """Contestant: U-Net and watershed; trained if the folder does not hold it yet."""
    channels = 3 if pictures["train"][0][0].shape[-1] == 3 else 1
    file = folder / "unet.keras"
    if not file.exists():
        images, labels = zip(*pictures["train"], strict=True)
        model = unet.train([normalize(image, channels) for image in images], labels, values.minutes)
        model.save(file)
    model = keras.saving.load_model(file)
    found = timed(lambda image: unet.segment(model, normalize(image, channels)), pictures["test"])
    return *found, 4 * model.count_params()


def stardist(pictures, values, folder):
    """Contestant: StarDist in an environment of its own; trained if the folder does not hold it yet."""
    python, script = values.stardist_python, Path(__file__).parent / "rivals" / "stardist_run.py"
    environment = {**os.environ, "PYTHONPATH": ""}

    def run(*order):
        subprocess.run([python, script, *order], check=True, env=environment, stdout=subprocess.DEVNULL)

    trained = folder / "stardist"
    if not (trained / "thresholds.json").exists():
        run("train", folder, trained, str(values.minutes))
    run("predict", folder, trained)
    with np.load(folder / "stardist.npz") as arrays:
        found = [arrays[f"labels_{index}"] for index in range(len(pictures["test"]))]
        return found, arrays["times"].tolist(), (trained / "weights_best.h5").stat().st_size


RIVALS = {
    "threshold": ("threshold, watershed", threshold),
    "unet": ("U-Net, watershed", small_unet),
    "stardist": ("StarDist", stardist),
}


def chosen_rivals(names, stardist_python):
    """{title: contestant} for the given names, in the same order; exits if a name is unknown."""
    for name in names:
        if name not in RIVALS:
            sys.exit(f"--rivals={','.join(names)}: {name} is not one of {', '.join(RIVALS)}")
        if name == "stardist" and not stardist_python:
            sys.exit("--rivals=stardist: needs --stardist_python, the Python of an environment with StarDist")
    return dict(RIVALS[name] for name in names)


def figures(found, pictures, times):
    """Metrics and mean milliseconds over all test images and over the sparse and the crowded half: {part: dict}."""
    rows = [metrics.evaluate_image(truth, one) for one, (_, truth) in zip(found, pictures, strict=True)]
    counts = np.array([row["count_true"] for row in rows])
    crowded = counts > np.median(counts)
    parts = {"all": np.ones(len(rows), bool), "sparse": ~crowded, "crowded": crowded}
    result = {}
    for part, chosen in parts.items():
        if chosen.any():
            result[part] = metrics.summarise([row for row, keep in zip(rows, chosen, strict=True) if keep])
            result[part]["milliseconds"] = float(np.mean(np.array(times)[chosen]))
    return result


def line(name, result, size):
    """Row of the table; `size` is in bytes."""
    precisions = "  ".join(f"{result[f'ap_{t}']:.3f}" for t in metrics.THRESHOLDS)
    relative = "  n/a" if result["relative_abs_dic"] is None else f"{result['relative_abs_dic']:.3f}"
    return (
        f"{name:<24} {precisions}  {result['ap_mean']:.3f}   {relative}   {result['sbd']:.3f}"
        f"  {result['milliseconds']:7.0f}  {size / 1e6:7.1f}"
    )


def main(_):
    values = flags.FLAGS
    rivals = chosen_rivals(values.rivals, values.stardist_python)
    folder = Path(values.workdir)
    claim(folder, values.flag_values_dict())
    images = {"train": values.train_images, "val": 24, "test": values.images}
    pictures = exchange(values.data, folder, images, values.side, values.seed)
    contestants = {"ris_tf": ours, "ris_tf, 8 orientations": functools.partial(ours, orientations="8")}
    contestants |= rivals
    results = {}
    for name, contestant in contestants.items():
        found, times, size = contestant(pictures, values, folder)
        results[name] = {**figures(found, pictures["test"], times), "bytes": size}
    for part in ("all", "sparse", "crowded"):
        print(
            f"\n{part:<24} "
            + "  ".join(f"{t:>5}" for t in metrics.THRESHOLDS)
            + "   mean   |DiC|     SBD       ms       MB"
        )
        for name, result in results.items():
            if part in result:
                print(line(name, result[part], result["bytes"]))
    if values.json:
        Path(values.json).write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    flags.DEFINE_string("data", None, "folder with the splits train, val and test, or synthetic:KIND", required=True)
    flags.DEFINE_string("model", None, "preset, work folder or .keras file", required=True)
    flags.DEFINE_string("workdir", None, "folder in which the trained rivals are kept", required=True)
    flags.DEFINE_list("rivals", ["threshold", "unet"], f"methods to compare with, any of {', '.join(RIVALS)}")
    flags.DEFINE_string("stardist_python", None, "Python of an environment with stardist and its TensorFlow")
    flags.DEFINE_float("minutes", 60.0, "minutes of training of each rival", lower_bound=0.01)
    flags.DEFINE_integer("images", 50, "number of synthetic test images", lower_bound=1)
    flags.DEFINE_integer("train_images", 1000, "number of synthetic training images", lower_bound=1)
    flags.DEFINE_integer("side", 384, "side of the synthetic images, pixels", lower_bound=32)
    flags.DEFINE_integer("seed", 1, "seed of the synthetic images", lower_bound=0)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
