"""The files that hold the outlines of an image's objects: a row for each form.

Each is written from an iterable of `outlines.Outlined`, so that it can be written for images of any size.
"""

from collections.abc import Callable
from typing import NamedTuple

from ris_tf.instances import geojson, imagej, outlines, yolo


class OutlineFile(NamedTuple):
    """One form.

    Attributes:
        ending: what follows the name of the image in the name of the file.
        about: what the file is, for the help of `ris-predict`.
        write: function (Path, iterable of Outlined, shape of the image (H, W)).
        as_viewed: whether coordinates belong to the upright image, not to the pixels as stored.
        needs: function that raises UsageError if an optional library is missing, or None.
    """

    ending: str
    about: str
    write: Callable
    as_viewed: bool = False
    needs: Callable | None = None


FORMS = {
    "roi": OutlineFile("_rois.zip", "outlines for ImageJ; needs roifile", imagej.write, needs=imagej.roi_library),
    "geojson": OutlineFile(".geojson", "outlines for QuPath, with the scores", geojson.write, needs=outlines.libraries),
    "yolo": OutlineFile(".txt", "outlines as labels of YOLO segmentation", yolo.write, True, outlines.libraries),
}
