"""Writes objects as labels of YOLO segmentation, which Ultralytics reads: one line of text for each object.

A line has room for one polygon. Pieces and holes are joined by cuts of no width, as Ultralytics joins the pieces of
COCO's objects.
"""

import numpy as np

from ris_tf.files.writing import open_text


def write(path, objects, shape):
    """Writes a label file; the number of the class is 0. The scores are left out.

    Args:
        path: Path in an existing folder.
        objects: iterable of `outlines.Outlined`.
        shape: (H, W) of the image.
    """
    with open_text(path) as stream:
        stream.writelines(line(one.polygons, shape) for one in objects)


def line(polygons, shape):
    """The line of an object: "0 x y x y ...", shares of the width and the height.

    Args:
        polygons: see `outlines.polygons`.
        shape: (H, W) of the image.

    Returns:
        str that ends with a line break. Drawn as in COCO, it gives the pixels of the object.
    """
    shares = joined(polygons) / shape[::-1]
    return f"0 {' '.join(f'{value:.6f}' for value in shares.ravel())}\n"


def joined(polygons):
    """Joins the rings of an object to one polygon, int64 [n, 2], whose signed area is that of the object."""
    rings = [ring for polygon in polygons for ring in polygon]
    if len(rings) == 1:
        return rings[0]
    starts = [ring[:1] for ring in rings]
    return np.concatenate([part for ring in rings for part in (ring, ring[:1])] + starts[-2:0:-1])
