"""Convert a data set in any supported layout to sharded TFRecord files, COCO, YOLO or label maps."""

import contextlib
import json
from collections import Counter

import numpy as np
from pycocotools import mask as run_lengths
from tqdm import tqdm

from ris_tf.data import lossless, to_label_maps, to_yolo
from ris_tf.data.readers import tfrecord
from ris_tf.errors import DataError
from ris_tf.files.writing import whole_folder, write_text

FORMATS = ("tfrecord", "coco", "yolo", "label_maps")
SHARD_BYTES = 128 * 2**20


def convert(splits, out, form, category="object", shard_bytes=SHARD_BYTES):
    """Writes a data set to a new folder. If an error occurs, nothing is left behind.

    Args:
      splits: {split: list of (name, read)}, see `sources.open_source`.
      out: Path of a folder that does not exist yet.
      form: output format, one of FORMATS.
      category: category name of the objects in COCO annotations and YOLO's data.yaml.
      shard_bytes: size at which a TFRecord shard is closed and the next one is started.

    Raises:
      DataError: a file is invalid, two samples of a split have the same name, or a name leads out of the folder.
      OSError: `out` cannot be written.
    """
    problems = [line for split, samples in splits.items() for line in name_problems(split, samples)]
    if problems:
        raise DataError(*problems)
    with whole_folder(out) as folder, contextlib.ExitStack() as bars:  # closes the progress bars if an error occurs
        read = {split: _read(split, samples) for split, samples in splits.items()}
        for samples in read.values():
            bars.enter_context(contextlib.closing(samples))
        if form == "tfrecord":
            tfrecord.write(folder, read, shard_bytes)
        elif form == "yolo":
            to_yolo.write(folder, read, category)
        elif form == "label_maps":
            to_label_maps.write(folder, read)
        else:
            for split, samples in read.items():
                _write_coco(folder, split, samples, category)


def name_problems(split, samples):
    """Checks the names of the images of a split, which must differ and must be paths below the folder of the split.

    Args:
      split: name of the split.
      samples: list of (name, read).

    Returns:
      list of str, one line for each wrong name.
    """
    times = Counter(name for name, _ in samples)
    problems = [
        f"{split}: {n} images have the name {name!r}; expected a different name for each image"
        for name, n in times.items()
        if n > 1
    ]
    return problems + [
        f"{split}: an image has the name {name!r}; expected a path below the folder of the images"
        for name in times
        if set(name) & {"\\", "\0"} or set(name.split("/")) & {"", ".", ".."}  # could land outside the folder
    ]


def _read(split, samples):
    with tqdm(samples, split, leave=False) as progress:
        for name, read in progress:
            yield name, *read()


def _write_coco(folder, split, samples, category):
    """Writes one split: images as lossless PNG (float32 as TIFF), objects as compressed run lengths.

    The ignored pixels of an image become one crowd region.
    """
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": category}]}
    (folder / split).mkdir(parents=True)
    for number, (name, image, labels) in enumerate(samples, 1):
        height, width = labels.shape
        file = lossless.write_image(folder / split / name, image).relative_to(folder / split).as_posix()
        content["images"].append({"id": number, "file_name": file, "height": height, "width": width})
        for value in np.unique(labels[labels != 0]):
            outline = run_lengths.encode(np.asfortranarray(labels == value, np.uint8))
            annotation = {
                "id": len(content["annotations"]) + 1,
                "image_id": number,
                "category_id": 1,
                "iscrowd": int(value < 0),
                "area": int(run_lengths.area(outline)),
                "bbox": run_lengths.toBbox(outline).tolist(),  # left, top, width, height
                "segmentation": {"size": [height, width], "counts": outline["counts"].decode()},
            }
            if value < 0:
                annotation["ignore"] = 1  # says that it is no object that a tool marked as a crowd
            content["annotations"].append(annotation)
    (folder / "annotations").mkdir(exist_ok=True)
    write_text(folder / "annotations" / f"instances_{split}.json", json.dumps(content))
