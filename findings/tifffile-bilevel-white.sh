#!/usr/bin/env bash
# A mask of booleans saved by tifffile 2026.3.3 without the argument `photometric`.
#
# Expected: True is white, as in a PNG that Pillow saves and as for numbers that tifffile saves (0 is black).
# Seen on 2026-11-30 (tifffile 2026.3.3, Pillow 13.0.0, NumPy 2.4.6): the file says that 0 is white (tag
# PhotometricInterpretation 0, "WhiteIsZero"), so Pillow shows objects black on white. tifffile.imread gives back what
# was saved. With photometric="minisblack" every program shows True as white.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check tifffile==2026.3.3 pillow==13.0.0 numpy==2.4.6
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy as np
import tifffile
from PIL import Image

mask = np.zeros((16, 24), bool)
mask[4:12, 6:18] = True
numbers = mask.astype(np.uint8) * 255
seen = {}
for name, array, options in (
    ("booleans", mask, {}),
    ("booleans, minisblack", mask, {"photometric": "minisblack"}),
    ("numbers", numbers, {}),
):
    tifffile.imwrite("mask.tif", array, **options)
    with tifffile.TiffFile("mask.tif") as tiff:
        said = tiff.pages[0].photometric.name
    shown = bool(np.asarray(Image.open("mask.tif").convert("L"))[8, 12])
    back = bool(tifffile.imread("mask.tif")[8, 12])
    seen[name] = said, shown
    print(f"{name}: {said}; Pillow shows objects {'white' if shown else 'black'}; tifffile reads them as {back}")
    assert back
assert seen == {
    "booleans": ("MINISWHITE", False),
    "booleans, minisblack": ("MINISBLACK", True),
    "numbers": ("MINISBLACK", True),
}, "written otherwise now"
PYTHON
