"""Benchmark of the evaluation metrics: seconds for 1,000 images of 512x512 with 50 objects each, against pycocotools.

    python benchmarks/evaluation.py --json=evaluation.json

This package computes every figure of `ris-evaluate`: the overlap tables from label maps, then counts, Dice, AP, PQ,
AJI, AP^r and COCO's AP. The rival, pycocotools, computes only COCO's mask AP, from masks through run lengths to the
figures. The two run one after the other, in the same process.
"""

import contextlib
import io
import json
import time

import numpy as np
from absl import app, flags
from pycocotools import mask as run_lengths
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

from ris_tf.commands.evaluate import measure
from ris_tf.evaluation.overlaps import compare
from ris_tf.instances.labels import labels_to_masks

_AIM = 60.0  # seconds for 1,000 images, at most


def drawn(index, side, objects):
    """A synthetic pair of label maps and scores for the prediction.

    Returns:
      truth: int32 [side, side], discs.
      found: int32 [side, side], the same discs slightly moved, with about 5% left out.
      scores: float64 [number of discs in `found`].
    """
    rng = np.random.default_rng(index)
    rows, columns = np.indices((side, side))
    truth, found = np.zeros((side, side), np.int32), np.zeros((side, side), np.int32)
    for number in range(1, objects + 1):
        row, column, radius = rng.uniform(0, side), rng.uniform(0, side), rng.uniform(0.03, 0.07) * side
        for labels, shift in ((truth, 0.0), (found, rng.normal(0, 0.1) * radius)):
            if labels is truth or rng.random() > 0.05:
                labels[(rows - row - shift) ** 2 + (columns - column - shift) ** 2 < radius**2] = number
    return truth, found, rng.random(np.unique(found[found > 0]).size)


def ours(images):
    """COCO's mask AP from all figures of this package; `images` is a list of (truth, found, scores)."""
    tables = [compare(*image) for image in images]
    return measure([str(index) for index in range(len(images))], tables).result["coco_ap"]


def rival(images):
    """COCO's mask AP by pycocotools; `images` is a list of (truth, found, scores)."""
    truth, found = [], []
    for index, (labels, predicted, scores) in enumerate(images, 1):
        for entries, stack, values in ((truth, labels, None), (found, predicted, scores)):
            for number, mask in enumerate(labels_to_masks(stack)):
                packed = run_lengths.encode(np.asfortranarray(mask.astype(np.uint8)))
                entry = {"id": len(entries) + 1, "image_id": index, "category_id": 1, "segmentation": packed}
                entry |= {"area": float(mask.sum()), "iscrowd": 0, "bbox": list(run_lengths.toBbox(packed))}
                entries.append(entry if values is None else {**entry, "score": float(values[number])})
    with contextlib.redirect_stdout(io.StringIO()):
        dataset = COCO()
        height, width = images[0][0].shape
        sizes = [{"id": index + 1, "height": height, "width": width} for index in range(len(images))]
        dataset.dataset = {"images": sizes, "annotations": truth}
        dataset.dataset["categories"] = [{"id": 1, "name": "object"}]
        dataset.createIndex()
        evaluation = COCOeval(dataset, dataset.loadRes(found), "segm")
        evaluation.evaluate()
        evaluation.accumulate()
        evaluation.summarize()
    return evaluation.stats[0]


def main(_):
    values = flags.FLAGS
    images = [drawn(index, values.side, values.objects) for index in range(values.distinct)]
    images = [images[index % len(images)] for index in range(values.images)]
    seconds, found = {}, {}
    for name, run in (("ris_tf", ours), ("pycocotools", rival)):
        start = time.perf_counter()
        found[name] = float(run(images))
        seconds[name] = time.perf_counter() - start
        print(f"{name:12s} {seconds[name]:7.1f} s   COCO AP {found[name]:.4f}", flush=True)
    scaled = seconds["ris_tf"] * 1000 / values.images
    ratio = seconds["pycocotools"] / seconds["ris_tf"]
    print(f"{scaled:.1f} s for 1,000 images (target: under {_AIM:.0f} s); pycocotools takes {ratio:.2f} times as long")
    if values.json:
        with open(values.json, "w") as file:
            json.dump({"seconds": seconds, "per_1000": scaled, "ratio": ratio, "coco_ap": found}, file, indent=2)


if __name__ == "__main__":
    flags.DEFINE_integer("images", 1000, "number of images", lower_bound=1)
    flags.DEFINE_integer("distinct", 50, "number of different images; the others repeat them", lower_bound=1)
    flags.DEFINE_integer("side", 512, "side of an image, pixels", lower_bound=16)
    flags.DEFINE_integer("objects", 50, "objects per image", lower_bound=1)
    flags.DEFINE_string("json", None, "JSON file to write the figures to")
    app.run(main)
