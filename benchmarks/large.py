"""Benchmark of large images: count error, peak memory and resumption of ris-predict on a synthetic mosaic.

    python benchmarks/large.py --side=20000 --json=large.json

The mosaic is generated and written tile by tile. Each of its cells contains nuclei-like ellipses, 60 to 80 pixels in
diameter. None is cut by the border of its cell, so their number is known. Objects of this size lead to a zoom of 1/3,
so that the run takes minutes (a zoom of 1 would mean nine times as many tiles). ris-predict runs as a process, is
killed (kill -9) after --kill_after rows of tiles, and is run again to the end. Memory is the larger of the two peaks of
resident memory, as the kernel reports them.

The exit status is 1 if the error of the count exceeds 0.5%, memory reaches 3 GiB, ids are not 1..n, the label map is
not tiled, or the first run was not killed.
"""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import tifffile
from absl import app, flags
from scipy import ndimage

CELL, TILE = 800, 400  # pixels
DIAMETERS = 60, 80
_GAP = 6  # pixels between two objects, at least
_KINDS = 12  # number of different cells with objects


def cell(rng):
    """Generates one cell of the mosaic.

    Args:
      rng: NumPy random generator.

    Returns:
      image, float32 [CELL, CELL] in [0, 1], without noise; and the centres of its objects, int [n, 2] (row, column).
    """
    image, centres = np.zeros((CELL, CELL), np.float32), []
    rows, columns = np.indices((CELL, CELL), np.float32)
    reach = DIAMETERS[1] / 2 + _GAP
    for row, column in rng.uniform(reach, CELL - reach, (2000, 2)):
        if any(np.hypot(row - r, column - c) < DIAMETERS[1] + _GAP for r, c in centres):
            continue
        if len(centres) == 50:
            break
        centres.append((row, column))
        long, short = np.sort(rng.uniform(*DIAMETERS, 2))[::-1] / 2
        angle = rng.uniform(0, np.pi)
        y, x = rows - row, columns - column
        along, across = x * np.cos(angle) + y * np.sin(angle), y * np.cos(angle) - x * np.sin(angle)
        rho = np.sqrt((along / long) ** 2 + (across / short) ** 2)
        bright = rng.uniform(0.45, 0.8) * (0.8 + 0.2 * np.clip(1 - rho, 0, 1))
        image = np.maximum(image, np.where(rho < 1, bright, 0).astype(np.float32))
    return ndimage.gaussian_filter(image, 2.0), np.array(centres).round().astype(int)


def mosaic(path, side, seed):
    """Writes a mosaic as a tiled uint8 TIFF, with at most a row of cells in memory.

    Args:
      path: Path of the file.
      side: pixels; the mosaic has as many whole cells as fit.
      seed: int.

    Returns:
      centres of the objects, int [n, 2] (row, column).
    """
    rng, count = np.random.default_rng(seed), side // CELL
    cells = [cell(rng) for _ in range(_KINDS)]
    cells.append((np.zeros((CELL, CELL), np.float32), np.zeros((0, 2), int)))  # an empty cell
    kinds, turns = rng.integers(0, len(cells), (count, count)), rng.integers(0, 4, (count, count))
    centres = []

    def tiles():
        for i in range(count):
            row = []
            for j in range(count):
                image, places = cells[kinds[i, j]]
                for _ in range(turns[i, j]):  # as by np.rot90: (row, column) -> (CELL - 1 - column, row)
                    places = np.stack([CELL - 1 - places[:, 1], places[:, 0]], axis=1)
                row.append(np.rot90(image, turns[i, j]))
                centres.append(places + (i * CELL, j * CELL))
            row = np.concatenate(row, axis=1) + 0.08
            row += rng.standard_normal(row.shape, dtype=np.float32) * 0.02
            row = (np.clip(row, 0, 1) * 255).astype(np.uint8)
            for part in np.split(row, CELL // TILE):
                yield from np.split(part, count * CELL // TILE, axis=1)

    shape = (count * CELL, count * CELL)
    kind = {"tile": (TILE, TILE), "compression": "zlib", "photometric": "minisblack"}
    tifffile.imwrite(path, tiles(), shape=shape, dtype=np.uint8, **kind)
    return np.concatenate(centres)


def run(arguments, stop=None):
    """Runs ris-predict as a process.

    Args:
      arguments: of the command line, list of str.
      stop: None, or a function without arguments; the process is killed once it returns True.

    Returns:
      (seconds, CPU seconds, peak memory in bytes, exit status).
    """
    start = time.monotonic()
    process = subprocess.Popen([sys.executable, "-m", "ris_tf.commands.predict", *arguments])
    while True:
        ended, status, used = os.wait4(process.pid, os.WNOHANG)
        if ended:
            process.returncode = os.waitstatus_to_exitcode(status)
            spent = time.monotonic() - start, used.ru_utime + used.ru_stime
            return *spent, used.ru_maxrss * 1024, process.returncode  # Linux counts in KiB
        if stop and stop():
            process.send_signal(signal.SIGKILL)
            stop = None
        time.sleep(0.1)


def check(path, centres, expected):
    """Checks a label map against the true centres, reading it tile by tile.

    Args:
      path: TIFF file.
      centres: int [n, 2] (row, column).
      expected: largest id that may occur, int.

    Returns:
      dict with the keys "ids", number of distinct ids; "largest", the largest id; "tiled", bool; and "seen", the share
      of the true centres that lie on an object of their own.
    """
    with tifffile.TiffFile(path) as file:
        page = file.pages.first
        tiled, ids, at, across = page.is_tiled, np.zeros(expected + 1, bool), {}, -(-page.imagewidth // page.tilewidth)
        height, width = page.tilelength, page.tilewidth
        homes = (centres[:, 0] // height) * across + centres[:, 1] // width
        order = np.argsort(homes, kind="stable")
        bounds = np.searchsorted(homes[order], np.arange(len(page.dataoffsets) + 1))
        for tile, place, _ in page.segments(sort=False, maxworkers=1):
            number = (place[2] // height) * across + place[3] // width
            tile = tile.reshape(height, width)
            ids[np.unique(tile)] = True
            for index in order[bounds[number] : bounds[number + 1]]:
                row, column = centres[index] - (place[2], place[3])
                at[index] = int(tile[row, column])
    on = [label for label in at.values() if label]
    largest = int(np.flatnonzero(ids).max())
    return {"ids": int(ids[1:].sum()), "largest": largest, "tiled": tiled, "seen": len(set(on)) / max(len(centres), 1)}


def main(_):
    values = flags.FLAGS
    work = Path(values.out or tempfile.mkdtemp(prefix="ris_large_"))
    work.mkdir(parents=True, exist_ok=True)
    try:
        start = time.monotonic()
        centres = mosaic(work / "mosaic.tif", values.side, values.seed)
        drawn = time.monotonic() - start
        side, out = values.side // CELL * CELL, work / "found"
        shutil.rmtree(out, ignore_errors=True)
        print(f"{side} x {side} pixels, {len(centres)} objects, generated in {drawn:.0f} s", flush=True)
        asked = [f"--model={values.model}", f"--out={out}", "--write=labels,csv", "--large"]
        arguments = [*asked, str(work / "mosaic.tif")]
        bands = out / "mosaic_parts"
        first = run(arguments, lambda: len(list(bands.glob("band_*.npz"))) >= values.kill_after)
        second = run(arguments)
        if second[3]:
            sys.exit(f"ris-predict failed with exit status {second[3]}")
        with (out / "counts.csv").open() as stream:
            count = int(next(csv.DictReader(stream))["count"])
        with (out / "objects.csv").open() as stream:
            rows = sum(1 for _ in stream) - 1
        found = check(out / "mosaic_labels.tif", centres, count)
    finally:
        if not values.out:
            shutil.rmtree(work, ignore_errors=True)
    error = abs(count - len(centres)) / len(centres)
    unique = found["ids"] == found["largest"] == rows == count
    result = {"side": side, "objects": len(centres), "count": count, "count_error": error, **found, "unique": unique}
    result |= {"killed": first[3] == -signal.SIGKILL, "seconds": first[0] + second[0]}
    result |= {"cpu_seconds": first[1] + second[1], "peak_bytes": max(first[2], second[2])}
    good = error <= 0.005 and unique and found["tiled"] and result["killed"] and result["peak_bytes"] < 3 << 30
    yes = {True: "yes", False: "NO"}
    spent = f"{result['seconds']:.0f} s, {result['cpu_seconds']:.0f} s of CPU"
    print(
        f"large: {side} x {side}, {len(centres)} objects, {count} counted (error {error:.3%}, at most 0.5%), "
        f"{found['seen']:.2%} of the true centres on an object of their own; ids 1..n {yes[unique]}, "
        f"tiled {yes[found['tiled']]}, killed and resumed {yes[result['killed']]}; "
        f"peak {result['peak_bytes'] / 2**30:.2f} GiB (below 3), {spent}: {'ok' if good else 'FAILED'}"
    )
    if values.json:
        Path(values.json).write_text(json.dumps({**result, "ok": good}, indent=2) + "\n")
    sys.exit(not good)


if __name__ == "__main__":
    flags.DEFINE_integer("side", 20000, f"pixels of a side, rounded down to a multiple of {CELL}", lower_bound=CELL)
    flags.DEFINE_integer("seed", 0, "seed of the mosaic")
    flags.DEFINE_integer("kill_after", 10, "rows of tiles after which the first run is killed", lower_bound=1)
    flags.DEFINE_string("model", "nuclei", "model, same as --model of ris-predict")
    flags.DEFINE_string("out", None, "folder in which the mosaic and the results are kept; by default a temporary one")
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
