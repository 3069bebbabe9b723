"""Write YOLO segmentation data of Ultralytics: images/SPLIT, labels/SPLIT and data.yaml.

An object becomes one polygon. Its parts and holes are joined by cuts of no width, as Ultralytics joins the parts of
COCO's objects.
"""

import numpy as np
import yaml
from absl import logging
from scipy import ndimage
from skimage import measure

from ris_tf.data import lossless
from ris_tf.data.readers.splits import PARTS
from ris_tf.files.writing import write_text


def write(folder, splits, category):
    """Writes a data set. Ignored pixels cannot be stored; a warning says in how many images there are some.

    Args:
      folder: Path of an empty folder.
      splits: {split: iterable of (name, image, labels)}; samples are read one at a time.
      category: name of the only class.
    """
    content = {"path": "."}
    ignored = 0
    for split, samples in splits.items():
        key = next((part for part in PARTS if split.startswith(part)), split)
        content.setdefault(key, []).append(f"images/{split}")
        for kind in ("images", "labels"):
            (folder / kind / split).mkdir(parents=True)
        for name, image, labels in samples:
            lossless.write_image(folder / "images" / split / name, image)
            file = folder / "labels" / split / f"{name}.txt"
            file.parent.mkdir(parents=True, exist_ok=True)
            write_text(file, "".join(f"0 {_text(points, labels.shape)}\n" for points in polygons(labels)))
            ignored += bool((labels < 0).any())
    if ignored:
        logging.warning("%d images have ignored regions, which YOLO cannot store: they become background", ignored)
    write_text(folder / "data.yaml", yaml.safe_dump({**content, "names": {0: category}}, sort_keys=False))


def polygons(labels):
    """Outlines the objects of a label map.

    Args:
      labels: int32 [H, W], negative where ignored.

    Returns:
      list of float64 [points, 2], x and y in pixels, in ascending order of the ids; (0.5, 0.5) is the centre of the
      first pixel. Drawn as in COCO, a polygon gives the pixels of its object.
    """
    ids, places = np.unique(np.maximum(labels, 0), return_inverse=True)
    windows = ndimage.find_objects(places.reshape(labels.shape) + (ids[0] > 0))
    found = []
    for value, (rows, columns) in zip(ids[ids > 0], windows, strict=True):
        mask = np.pad(labels[rows, columns] == value, 1).astype(np.float32)
        contours = [line[:-1, ::-1] - 0.5 for line in measure.find_contours(mask, 0.5)]  # x, y without the last point
        starts = [line[:1] for line in contours]
        joined = [part for line in contours for part in (line, line[:1])] + starts[-2:0:-1]
        found.append(np.concatenate(joined) + (columns.start, rows.start))
    return found


def _text(points, shape):
    return " ".join(f"{value:.6f}" for value in (points / shape[::-1]).ravel())
