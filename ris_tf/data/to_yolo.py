"""Write YOLO segmentation data of Ultralytics: images/SPLIT, labels/SPLIT and data.yaml.

An object becomes one line with one polygon, see `instances.yolo`.
"""

import yaml
from absl import logging

from ris_tf.data import lossless
from ris_tf.data.readers.splits import PARTS
from ris_tf.files.writing import write_text
from ris_tf.instances.outlines import outlines
from ris_tf.instances.yolo import line


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
            write_text(file, "".join(line(found, labels.shape) for _, found in outlines(labels)))
            ignored += bool((labels < 0).any())
    if ignored:
        logging.warning(
            "YOLO cannot store ignored regions, so they become background; images that have any: %d", ignored
        )
    write_text(folder / "data.yaml", yaml.safe_dump({**content, "names": {0: category}}, sort_keys=False))
