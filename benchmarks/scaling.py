"""Benchmark of the scaling of ris-batch: images per second by the number of workers, each bound to one core.

  python benchmarks/scaling.py --model=exported/model.tflite [--images=60] [--repeats=3] [--json FILE]

With each number of workers the job runs twice: on a set of synthetic images, and on three times as many. The difference
of the two times is the time for the images only, without the start and the end of the job. Needs ris-tf[beam], and
Linux for the CPU affinity.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

import numpy as np
from PIL import Image

from ris_tf.data.synthetic import drawings

WORKER = b"apache_beam.runners.worker.sdk_worker_main"  # last argument of a worker's command line


def beam_workers(process):
    """Process ids of the Beam workers that a process has started, directly or through a shell; not their children."""
    found = set()
    try:
        for task in Path(f"/proc/{process}/task").iterdir():
            for child in map(int, (task / "children").read_text().split()):
                words = Path(f"/proc/{child}/cmdline").read_bytes().split(b"\0")
                found |= {child} if words[-2:-1] == [WORKER] else beam_workers(child)
    except OSError:  # a process has ended in the meantime
        pass
    return found


def hold(process, cores):
    """Binds every thread of a process to a set of cores; threads started later inherit the binding."""
    for task in Path(f"/proc/{process}/task").iterdir():
        os.sched_setaffinity(int(task.name), cores)


def seconds(model, patterns, out, workers, cores):
    """Wall and CPU time of a job of ris-batch, float [2].

    With one worker the command itself does the work; several workers are child processes, each bound to its own core.
    """
    program = [sys.executable, "-m", "ris_tf.commands.batch", f"--model={model}", f"--out={out}"]
    program.append(f"--workers={workers}")
    began, used = time.perf_counter(), os.times()
    with subprocess.Popen([*program, *patterns], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as job:
        held, ended = {}, threading.Event()

        def watch():
            while not ended.wait(0.02):
                for child in beam_workers(job.pid) - set(held):
                    held[child] = cores[len(held) % workers]
                    hold(child, {held[child]})

        if workers == 1:
            hold(job.pid, {cores[0]})
        watcher = threading.Thread(target=watch, daemon=True)
        if workers > 1:
            watcher.start()
        code = job.wait()
        ended.set()
    if code:
        raise RuntimeError(f"{' '.join(program)} failed with exit code {code}")
    if workers > 1 and len(held) != workers:
        raise RuntimeError(f"{len(held)} worker processes were found and bound to cores; expected {workers}")
    after = os.times()
    processor = sum(getattr(after, name) - getattr(used, name) for name in ("children_user", "children_system"))
    return np.array([time.perf_counter() - began, processor])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a file written by ris-export")
    parser.add_argument("--images", type=int, default=60, help="images of the small set")
    parser.add_argument("--repeats", type=int, default=3, help="runs of each job; the median counts")
    parser.add_argument("--workers", default="1,2", help="numbers of workers, each at most the number of cores")
    parser.add_argument("--json", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    cores, rows = sorted(os.sched_getaffinity(0)), []
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        for index in range(3 * arguments.images):
            part = folder / f"part{index % 3}"
            part.mkdir(exist_ok=True)
            image, _ = drawings.sample("rosettes", 3, index, 256)
            Image.fromarray(image).save(part / f"{index}.png")
        for repeat in range(arguments.repeats):
            for workers in map(int, arguments.workers.split(",")):
                few, many = (
                    seconds(arguments.model, [f"{folder}/{part}/*.png"], folder / f"{repeat}-{workers}-{name}",
                            workers, cores)
                    for part, name in (("part0", "few"), ("part*", "many"))
                )  # fmt: skip
                row = {"workers": workers, "images_per_second": 2 * arguments.images / (many - few)[0]}
                row |= {"core_seconds_per_image": (many - few)[1] / (2 * arguments.images)}
                row |= {"start_and_end_seconds": (few - (many - few) / 2)[0]}
                rows.append(row)
                print("  ".join(f"{name} {value:.3g}" for name, value in row.items()), flush=True)
    rates = {
        workers: statistics.median(row["images_per_second"] for row in rows if row["workers"] == workers)
        for workers in sorted({row["workers"] for row in rows})
    }
    first, load = rates[min(rates)], os.getloadavg()[0]
    told = ", ".join(f"{workers}: {rate:.2f} ({rate / first:.2f}x)" for workers, rate in rates.items())
    print(f"scaling: images/s by workers, median of {arguments.repeats}: {told}; load {load:.1f} on {len(cores)} cores")
    if arguments.json:
        figures = {"median": rates, "runs": rows, "load": load, "cores": len(cores)}
        arguments.json.write_text(json.dumps(figures, indent=2) + "\n")


if __name__ == "__main__":
    main()
