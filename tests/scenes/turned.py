"""Pictures whose files say that viewers turn them: EXIF orientation in JPEG and PNG, Orientation tag in TIFF."""

import numpy as np
import tifffile
from PIL import Image
from scipy import ndimage

ORIENTATIONS = range(1, 9)
SUFFIXES = (".jpg", ".png", ".tif")
_DISCS = ((20, 22, 9), (24, 70, 8), (60, 40, 10), (66, 118, 7), (30, 110, 9))  # row, column, radius; no symmetry


def stored():
    """A dark picture with five bright discs, uint8 [90, 140], and its label map, int32 [90, 140]."""
    y, x = np.mgrid[:90, :140]
    labels = np.zeros((90, 140), np.int32)
    for number, (row, column, radius) in enumerate(_DISCS, 1):
        labels[(y - row) ** 2 + (x - column) ** 2 < radius**2] = number
    noise = np.random.default_rng(0).normal(0, 3, labels.shape)
    return np.clip(30 + ndimage.gaussian_filter(180.0 * (labels > 0), 1) + noise, 0, 255).astype(np.uint8), labels


def write(path, pixels, orientation):
    """Writes pixels to a JPEG, PNG or TIFF that says how viewers turn them; returns the path."""
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".tif":
        tags = [(274, "H", 1, orientation, True)]
        tifffile.imwrite(path, pixels, photometric="minisblack", compression="zlib", extratags=tags)
    else:
        exif = Image.Exif()
        exif[274] = orientation
        Image.fromarray(pixels).save(path, exif=exif, quality=95)
    return path
