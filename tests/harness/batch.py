"""Test of ris-batch with a real model and two workers: every valid and broken image must be accounted for once.

The inputs are images, shards of records and overlapping patterns. Every valid image must have one row, every broken one
a line in the list of failures, and the results must equal those of predicting the images one by one.

  python tests/harness/batch.py --model=model.tflite [--json FILE]
"""

import argparse
import collections
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from PIL import Image
from pyarrow import parquet

from ris_tf import runtime
from ris_tf.data.images.single import read_image
from ris_tf.data.readers import tfrecord
from ris_tf.data.synthetic import drawings
from ris_tf.instances.outputs import compressed_runs

SOUND, BROKEN, RECORDS = 24, 24, 12


def write_inputs(folder):
    """Writes images good0.png ... and bad0.png ..., a shard of records, and the same shard truncated.

    Returns:
      patterns, list of str, and (good, bad), the names of the valid and of the broken images.
    """
    pairs = [drawings.sample("rosettes", 9, index, 160) for index in range(SOUND + RECORDS)]
    for index, (image, _) in enumerate(pairs[:SOUND]):
        Image.fromarray(image).save(folder / f"good{index}.png")
    content = (folder / "good0.png").read_bytes()
    for index in range(BROKEN):
        broken = (content[: 50 + 40 * index], b"", b"GIF89a" + content, bytes(index + 1))[index % 4]
        (folder / f"bad{index}.png").write_bytes(broken)
    Image.fromarray(np.zeros((4, 4), np.uint8)).save(folder / "bad0.png")
    samples = ((f"r{index}", image, labels.astype(np.int32)) for index, (image, labels) in enumerate(pairs[SOUND:]))
    tfrecord.write(folder, {"train": samples}, 10**9)
    whole = folder / "train-00000-of-00001.tfrecord"
    (folder / "cut.tfrecord").write_bytes(whole.read_bytes()[:-9])
    good = [f"{folder}/good{index}.png" for index in range(SOUND)]
    good += [f"{whole}#{index}" for index in range(RECORDS)]
    good += [f"{folder}/cut.tfrecord#{index}" for index in range(RECORDS - 1)]
    bad = [f"{folder}/bad{index}.png" for index in range(BROKEN)] + [f"{folder}/cut.tfrecord#{RECORDS - 1}"]
    patterns = ("*.png", "good*", "**.png", "bad1*.png", "*.tfrecord", "cut.tfrecord", "./good?.png")
    return [f"{folder}/{pattern}" for pattern in patterns], (good, bad)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", required=True, help="a .tflite file written by ris-export")
    parser.add_argument("--json", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder, out = Path(scratch) / "in", Path(scratch) / "out"
        folder.mkdir()
        patterns, (good, bad) = write_inputs(folder)
        flags = [f"--model={arguments.model}", f"--out={out}", "--workers=2"]
        program = [sys.executable, "-m", "ris_tf.commands.batch", *flags]
        subprocess.run([*program, *patterns], check=True, timeout=1200)
        rows = [row for file in out.glob("instances-*.parquet") for row in parquet.read_table(file).to_pylist()]
        lines = [json.loads(line) for file in out.glob("failed-*.jsonl") for line in file.read_text().splitlines()]
        totals = json.loads((out / "totals.json").read_text())
        model = runtime.load(arguments.model, 1)
        equal = 0
        for row in [row for row in rows if "#" not in row["image"]]:
            found = model.predict_instances(read_image(row["image"]))
            equal += row["rle"] == compressed_runs(found.labels) and row["count"] == found.count
    rowed, failed = {row["image"] for row in rows}, {line["image"] for line in lines}
    named = collections.Counter(entry["image"] for entry in [*rows, *lines])
    result = {
        "images": len(good) + len(bad),
        "rows": len(rows),
        "dead_letters": len(lines),
        "lost": len(set(good + bad) - set(named)),
        "twice": sum(times > 1 for times in named.values()),
        "misplaced": len(rowed ^ set(good)) + len(failed ^ set(bad)),
        "unexplained": sum(not line["reason"] for line in lines),
        "equal_to_one_by_one": equal,
    }
    right = not (result["lost"] or result["twice"] or result["misplaced"] or result["unexplained"]) and equal == SOUND
    right &= (totals["images"], totals["rows"], totals["failed"]) == (result["images"], len(rows), len(lines))
    print("batch: " + ", ".join(f"{name.replace('_', ' ')} {value}" for name, value in result.items()))
    if arguments.json:
        arguments.json.write_text(json.dumps(result, indent=2) + "\n")
    return not right


if __name__ == "__main__":
    sys.exit(main())
