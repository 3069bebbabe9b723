#!/usr/bin/env bash
# A data set of polygons exported by datumaro 1.13.12 in the format "yolo_ultralytics".
#
# Expected: each line of a label file is a polygon, as Ultralytics describes its segmentation data sets, or datumaro says
# that the format takes boxes only.
# Seen on 2026-11-30 (datumaro 1.13.12, NumPy 2.4.6): no error and no warning, and every label file is empty. A box in
# the same data set is written. The format "coco" keeps the polygons.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check datumaro==1.13.12 numpy==2.4.6
cd "$folder"
env/bin/python - <<'PYTHON'
import json
import warnings

import numpy as np
from datumaro import Bbox, Dataset, DatasetItem, Image, Polygon

corners = [10, 10, 40, 10, 40, 30, 10, 30]
kinds = {"polygon": Polygon(corners, label=0), "box": Bbox(10, 10, 30, 20, label=0)}
items = [
    DatasetItem(id=f"{split}_{name}", subset=split, annotations=[annotation],
                media=Image.from_numpy(data=np.zeros((60, 90, 3), np.uint8)))
    for split in ("train", "val") for name, annotation in kinds.items()
]
dataset = Dataset.from_iterable(items, categories=["cell"], media_type=Image)
with warnings.catch_warnings(record=True) as told:
    warnings.simplefilter("always")
    dataset.export("yolo", "yolo_ultralytics", save_media=True)
told = [str(one.message) for one in told if "polygon" in str(one.message).lower()]
dataset.export("coco", "coco_instances", save_media=True)
lines = {name: open(f"yolo/labels/train/train_{name}.txt").read().splitlines() for name in kinds}
with open("coco/annotations/instances_train.json") as stream:
    outlines = sum(bool(entry["segmentation"]) for entry in json.load(stream)["annotations"])
print(f"polygon: {lines['polygon']}, box: {lines['box']}; warnings about polygons: {told}; outlines in COCO: {outlines}")
assert lines["polygon"] == [] and len(lines["box"]) == 1 and not told and outlines == 1, "written otherwise now"
PYTHON
