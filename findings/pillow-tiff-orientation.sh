#!/usr/bin/env bash
# An uncompressed TIFF whose Orientation tag (274) is 6 ("rotate by 90 degrees to show it"), opened by Pillow 13.0.0.
#
# Expected: Image.open turns the picture, as it does for a compressed TIFF with the same tag.
# Seen on 2026-11-29 (Pillow 13.0.0, NumPy 2.4.6): if the uncompressed file is opened by its name, the picture keeps the
# stored size and its pixels are mixed up. The same file opened as a stream, and the compressed one, are right. So
# numpy.asarray(Image.open("x.tif")) may be a picture that is not in the file. tifffile returns the stored pixels.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/env"
"$folder/env/bin/python" -m pip install --quiet --disable-pip-version-check pillow==13.0.0 numpy==2.4.6
cd "$folder"
env/bin/python - <<'PYTHON'
import numpy as np
from PIL import Image

stored = np.arange(6, dtype=np.uint8).reshape(2, 3)
tags = Image.Exif()
tags[274] = 6
right = np.rot90(stored, -1).tolist()
seen = {}
for compression in (None, "tiff_deflate"):
    Image.fromarray(stored).save("p.tif", exif=tags, compression=compression)
    with open("p.tif", "rb") as stream:
        seen[compression, "stream"] = np.asarray(Image.open(stream)).tolist()
    seen[compression, "name"] = np.asarray(Image.open("p.tif")).tolist()
print("right", right)
for (compression, way), pixels in seen.items():
    print(f"{compression or 'uncompressed'}, opened by {way}: {pixels}", "" if pixels == right else "  <- mixed up")
assert [pixels == right for pixels in seen.values()] == [True, False, True, True], "read otherwise now"
PYTHON
