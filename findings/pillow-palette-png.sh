#!/usr/bin/env bash
# A label map saved as a PNG of mode "P" (indices) without a palette, by Pillow 13.0.0.
#
# Expected: the indices 0, 1 and 2 are in the file, whatever the palette, or Pillow says that a palette is missing.
# Seen on 2026-11-29 (Pillow 13.0.0, NumPy 2.4.6): the file has 1 bit a pixel, because the empty palette counts as one of
# a single colour; index 2 comes back as another index, without a warning. Mode "L", and "P" made by convert("P"), keep all.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

labels = np.zeros((64, 80), np.uint8)
labels[1], labels[3] = 1, 2
images = {
    "P without a palette": Image.fromarray(labels, "P"),
    "P by convert": Image.fromarray(labels).convert("P"),
    "L": Image.fromarray(labels),
}
seen = {}
for name, image in images.items():
    image.save("labels.png")
    with open("labels.png", "rb") as stream:
        depth = stream.read(26)[24]
    seen[name] = np.unique(np.asarray(Image.open("labels.png"))).tolist(), depth
    print(f"{name}: indices {seen[name][0]}, {depth} bits a pixel")
assert seen["P without a palette"] == ([0, 1], 1), "written otherwise now"
assert seen["P by convert"][0] == seen["L"][0] == [0, 1, 2], "written otherwise now"
PYTHON
