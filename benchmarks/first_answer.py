"""Benchmark of the first answer: processor time of whole ris-predict processes, beside those of an older commit.

    python benchmarks/first_answer.py --old=5f9f376 --data=DIR --rounds=3 --json=first.json

DIR is a data set of nuclei with a split "test", such as that of the README. The older commit is installed, without its
dependencies, into a temporary folder. Both run on one core, in turns. For each case the table has the medians of user
and system seconds, their ratio, and the share of pixels that both call object or both call background:

- one: a picture of 256 x 256 with `nuclei`
- folder: all pictures of the split with `nuclei`
- plant: a colour photograph of 400 x 400 with `rosettes`
- coins: the photograph of the demo with `coins`
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import skimage.data
from absl import app, flags
from PIL import Image

FLAGS = flags.FLAGS
flags.DEFINE_string("old", "5f9f376", "commit to compare with")
flags.DEFINE_string("data", None, "data set of nuclei with a split test")
flags.DEFINE_list("cases", ["one", "folder", "plant", "coins"], "cases to run")
flags.DEFINE_integer("rounds", 3, "runs of each case and build", lower_bound=1)
flags.DEFINE_string("json", None, "file for the results")
_MAIN = """
import importlib, importlib.util, sys
sys.meta_path = [finder for finder in sys.meta_path if "editable" not in repr(finder)]  # it finds the working tree
moved = importlib.util.find_spec("ris_tf.commands") and importlib.util.find_spec("ris_tf.commands.predict")
name = "ris_tf.commands.predict" if moved else "ris_tf.predict"
sys.exit(importlib.import_module(name).main())
"""


def cases(folder):
    """The cases: {name: (preset, [files])}. Files that are not part of the data are written to `folder`."""
    nuclei = sorted((Path(FLAGS.data) / "test" / "images").glob("*.png"))
    small = [file for file in nuclei if Image.open(file).size == (256, 256)]
    coins, plant = folder / "coins.png", folder / "plant.png"
    Image.fromarray(skimage.data.coins()).save(coins)
    Image.fromarray(skimage.data.astronaut()[:400, :400]).save(plant)  # any photograph: the time is what counts
    return {
        "one": ("nuclei", small[:1]),
        "folder": ("nuclei", nuclei),
        "plant": ("rosettes", [plant]),
        "coins": ("coins", [coins]),
    }


def install(commit, folder):
    """Installs a commit of this repository into a folder; returns the environment in which Python finds it."""
    root = Path(__file__).resolve().parents[1]
    subprocess.run(["git", "clone", "--quiet", root, folder / "clone"], check=True)
    subprocess.run(["git", "-C", folder / "clone", "checkout", "--quiet", commit], check=True)
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--no-deps"]
    subprocess.run([*pip, "--target", folder / "site", folder / "clone"], check=True, stderr=subprocess.DEVNULL)
    return {**os.environ, "PYTHONPATH": str(folder / "site"), "PYTHONSAFEPATH": "1", "TF_CPP_MIN_LOG_LEVEL": "3"}


def seconds(environment, preset, files, out):
    """Runs ris-predict and returns its processor time, user and system, in seconds."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    command = [sys.executable, "-c", _MAIN, f"--model={preset}", *map(str, files), f"--out={out}"]
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"ris-predict ended with {done.returncode}: {done.stderr[-400:]}")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def agreement(one, other):
    """Share of pixels that two folders of label maps both call object or both call background."""
    same = [
        (np.asarray(Image.open(file)) > 0) == (np.asarray(Image.open(other / file.name)) > 0)
        for file in one.glob("*_labels.png")
    ]
    return sum(map(np.count_nonzero, same)) / max(sum(part.size for part in same), 1)


def main(_):
    os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})
    result = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        builds = {"old": install(FLAGS.old, folder / "old"), "new": install("HEAD", folder / "new")}
        for case, (preset, files) in cases(folder).items():
            if case not in FLAGS.cases:
                continue
            took = {build: [] for build in builds}
            for turn in range(FLAGS.rounds):
                for build, environment in builds.items():
                    took[build].append(seconds(environment, preset, files, folder / f"{case}-{build}-{turn}"))
            old, new = (statistics.median(took[build]) for build in builds)
            same = agreement(folder / f"{case}-old-0", folder / f"{case}-new-0")
            result[case] = {"old": old, "new": new, "ratio": new / old, "agreement": same}
            print(f"{case:7s} old {old:7.2f} s   new {new:7.2f} s   ratio {new / old:.3f}   agreement {same:.4f}")
    if FLAGS.json:
        Path(FLAGS.json).write_text(json.dumps(result, indent=2) + "\n")


if __name__ == "__main__":
    flags.mark_flag_as_required("data")
    app.run(main)
