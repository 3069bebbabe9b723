"""Load test of Keras, LiteRT and ONNX Runtime: memory growth, bitwise equal answers and thread safety.

  python tests/harness/load.py [--predictions 20000] [--minutes 120] [--folder DIR] [--json FILE]

Each runtime is a process of its own with both presets. All three run side by side until each has made its predictions,
thousands on images of mixed sizes, or the time is over. A fixed picture of each preset is predicted again and again and
must always give the same bits. Memory is the resident memory of the process; its slope is fitted by least squares after
the first third, in which the runtimes set up their buffers. Before the start, the network is run once with every number
of tiles in a batch. At the end eight threads share each model.
"""

import argparse
import concurrent.futures
import json
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ris_tf import storage
from ris_tf.data.synthetic import drawings
from ris_tf.export import artifact

RUNTIMES = {"keras": None, "litert": ("to_litert", "model.tflite"), "onnx": ("to_onnx", "model.onnx")}
PRESETS = {"nuclei": "discs", "rosettes": "rosettes"}  # preset: kind of its synthetic images
SIDES = 48, 160  # pixels
DRAWN, PROBE = 8, 20  # images to crop from; predictions between two of the fixed pictures
TILES = 8  # in a batch, at most
THREADS, SHARED = 8, 4  # threads; pictures per preset that every thread predicts
SLOPE = 1.0  # MB per 1,000 predictions, at most


def bits(instances):
    """Labels and scores as bytes; they must not change."""
    return instances.labels.tobytes() + instances.scores.tobytes()


def resident():
    """Resident memory of this process, MB."""
    return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize() / 1e6


def set_up(model):
    """Runs the network once with every number of tiles in a batch."""
    shape = *model.config.model.size, model.config.model.channels
    for tiles in range(1, TILES + 1):
        model.look(np.zeros([tiles, *shape], np.float32))


class Images:
    """Random crops of synthetic images with sides between SIDES; the same in every runtime."""

    def __init__(self):
        self._drawn = {
            preset: [drawings.sample(kind, 11, index, SIDES[1])[0] for index in range(DRAWN)]
            for preset, kind in PRESETS.items()
        }

    def __call__(self, preset, seed):
        rng = np.random.default_rng([seed, 1])
        height, width = rng.integers(*SIDES, 2, endpoint=True)
        top, left = (rng.integers(SIDES[1] - side, endpoint=True) for side in (height, width))
        return self._drawn[preset][rng.integers(DRAWN)][top : top + height, left : left + width]


def together(opened, images):
    """Lets THREADS threads predict the same pictures, each in its own order.

    Returns:
      number of answers, and number of answers that differ from those of a single thread.
    """
    work = [(preset, images(preset, seed)) for preset in opened for seed in range(SHARED)]
    alone = [bits(opened[preset].predict_instances(image)) for preset, image in work]

    def look(thread):
        order = np.random.default_rng(thread).permutation(len(work))
        return sum(bits(opened[work[i][0]].predict_instances(work[i][1])) != alone[i] for i in order)

    with concurrent.futures.ThreadPoolExecutor(THREADS) as pool:
        unlike = sum(pool.map(look, range(THREADS)))
    return THREADS * len(work), unlike


def slope(counts, megabytes):
    """Fits memory against predictions by least squares, after the first third.

    Returns:
      slope, MB per 1,000 predictions, and its standard error.
    """
    later = len(counts) // 3
    x, y = np.array(counts[later:]) / 1000, np.array(megabytes[later:])
    (rise, _), covariance = np.polyfit(x, y, 1, cov=True)
    return float(rise), float(np.sqrt(covariance[0, 0]))


def loaded(runtime, folder, predictions, minutes, row):
    """Runs the load of one runtime in this process; returns a dict of figures."""
    images, until = Images(), time.monotonic() + 60 * minutes
    file = RUNTIMES[runtime] and RUNTIMES[runtime][1]
    opened = {preset: storage.open_model(folder / preset / file if file else preset) for preset in PRESETS}
    for model in opened.values():
        set_up(model)
    first, unstable, probes, counts, megabytes = {}, 0, 0, [], []
    for count in tqdm(range(predictions), runtime, position=row):
        if time.monotonic() > until and len(counts) > 9:
            break
        preset = list(PRESETS)[count % len(PRESETS)]
        if count % PROBE < len(PRESETS):
            now = bits(opened[preset].predict_instances(images(preset, 0)))
            unstable += now != first.setdefault(preset, now)
            probes += 1
        else:
            opened[preset].predict_instances(images(preset, count))
        if count % PROBE == PROBE - 1:
            counts.append(count)
            megabytes.append(resident())
    rise, error = slope(counts, megabytes)
    answers, unlike = together(opened, images)
    return {
        "predictions": counts[-1] + 1, "megabytes": megabytes, "slope": rise, "slope_error": error,
        "probes": probes, "unstable": unstable, "threaded": answers, "unlike_one_thread": unlike,
    }  # fmt: skip


def export(folder):
    """Exports every preset to every file of RUNTIMES, in a folder for each preset."""
    for preset in PRESETS:
        order = {"model": preset, "size": None, "steps": None, "quantize": "none"}
        for converter, _ in filter(None, RUNTIMES.values()):
            artifact.convert(converter, order, folder / preset)


def side_by_side(folder, scratch, arguments):
    """Runs every runtime as a process; returns {runtime: figures}."""
    processes = {}
    try:
        for row, runtime in enumerate(RUNTIMES):
            command = [sys.executable, __file__, f"--runtime={runtime}", f"--folder={folder}", f"--row={row}"]
            command += [f"--predictions={arguments.predictions}", f"--minutes={arguments.minutes}"]
            processes[runtime] = subprocess.Popen([*command, f"--json={scratch / runtime}.json"])
        until = time.monotonic() + 60 * (arguments.minutes + 30)
        for process in processes.values():
            process.wait(max(1, until - time.monotonic()))
    finally:
        for process in processes.values():
            process.kill()
            process.wait()
    ended = {runtime: process.returncode for runtime, process in processes.items() if process.returncode}
    if ended:
        raise SystemExit(f"load: processes failed, {{runtime: exit status}}: {ended}")
    return {runtime: json.loads((scratch / f"{runtime}.json").read_text()) for runtime in RUNTIMES}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--predictions", type=int, default=20000, help="by each runtime, at most; 200 or more")
    parser.add_argument("--minutes", type=float, default=120, help="duration of the whole test, at most")
    parser.add_argument("--json", type=Path, help="JSON file to write the figures to")
    parser.add_argument("--folder", type=Path, help="earlier exports in nuclei/ and rosettes/; default: new ones")
    for name, kind in (("runtime", str), ("row", int)):
        parser.add_argument(f"--{name}", type=kind, help=argparse.SUPPRESS)  # for the process of one runtime
    arguments = parser.parse_args()
    if arguments.predictions < 200:
        parser.error(f"--predictions={arguments.predictions}: at least 200 are needed to fit a slope")
    if arguments.runtime:
        limits = arguments.predictions, arguments.minutes, arguments.row
        found = loaded(arguments.runtime, arguments.folder, *limits)
    else:
        with tempfile.TemporaryDirectory() as scratch:
            if not arguments.folder:
                export(Path(scratch))
            found = side_by_side(arguments.folder or Path(scratch), Path(scratch), arguments)
    if arguments.json:
        arguments.json.write_text(json.dumps(found, indent=2) + "\n")
    if arguments.runtime:
        return 0
    wrong = sum(row["unstable"] + row["unlike_one_thread"] for row in found.values())
    slopes = ", ".join(f"{name} {row['slope']:+.2f} ({row['slope_error']:.2f})" for name, row in found.items())
    total = {key: sum(row[key] for row in found.values()) for key in ("predictions", "probes", "threaded")}
    print(f"load: {total['predictions']} predictions; MB per 1,000 (standard error): {slopes}, bound {SLOPE:g}; "
          f"{total['probes']} repeated and {total['threaded']} by {THREADS} threads, {wrong} of them not bitwise "
          "equal")  # fmt: skip
    return int(wrong > 0 or any(row["slope"] >= SLOPE for row in found.values()))


if __name__ == "__main__":
    sys.exit(main())
