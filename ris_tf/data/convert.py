"""Write samples, of any layout, as a folder in COCO's format or as sharded TFRecord."""

import contextlib
import json
from collections import Counter

import imagecodecs
import numpy as np
import tifffile
from pycocotools import mask as run_lengths
from tqdm import tqdm

from ris_tf.data import tfrecord
from ris_tf.errors import DataError
from ris_tf.files import whole_folder, write_bytes, write_text

FORMATS = ("tfrecord", "coco")
SHARD_BYTES = 128 * 2**20


def convert(splits, out, form, category="object", shard_bytes=SHARD_BYTES):
    """Writes a data set; nothing is left behind if it cannot be completed.

    Args:
      splits: {split: list of (name, read)}, as of `pipeline.open_source`.
      out: Path of a folder that does not exist.
      form: one of FORMATS.
      category: what COCO's annotations call the objects.
      shard_bytes: size that a shard of TFRecord reaches before the next is begun.

    Raises:
      DataError: a file is wrong, or two samples of a split have one name.
      OSError: `out` cannot be written.
    """
    for split, samples in splits.items():
        times = Counter(name for name, _ in samples)
        twice = [
            f"{split}: {n} images have the name {name!r}; expected one name for each"
            for name, n in times.items()
            if n > 1
        ]
        if twice:
            raise DataError(*twice)
        for name in times:
            if name in ("", ".", "..") or set(name) & {"/", "\\", "\0"}:  # it would be written beside the folder
                raise DataError(f"{split}: an image has the name {name!r}; expected one without a path")
    with whole_folder(out) as folder, contextlib.ExitStack() as bars:  # an error ends their lines
        read = {split: _read(split, samples) for split, samples in splits.items()}
        for samples in read.values():
            bars.enter_context(contextlib.closing(samples))
        if form == "tfrecord":
            tfrecord.write(folder, read, shard_bytes)
        else:
            for split, samples in read.items():
                _write_coco(folder, split, samples, category)


def _read(split, samples):
    with tqdm(samples, split, leave=False) as progress:
        for name, read in progress:
            yield name, *read()


def _write_coco(folder, split, samples, category):
    """Images as lossless PNG (TIFF for float32), objects as compressed run lengths, ignored pixels as one crowd."""
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": category}]}
    (folder / split).mkdir(parents=True)
    for number, (name, image, labels) in enumerate(samples, 1):
        height, width = labels.shape
        file = _write_image(folder / split / name, image)
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
            content["annotations"].append(annotation)
    (folder / "annotations").mkdir(exist_ok=True)
    write_text(folder / "annotations" / f"instances_{split}.json", json.dumps(content))


def _write_image(stem, image):
    """Writes an image [H, W, 1 or 3]; returns the file's name."""
    pixels = image[..., 0] if image.shape[2] == 1 else image
    if image.dtype in (np.uint8, np.uint16):
        path = stem.with_name(f"{stem.name}.png")
        write_bytes(path, imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    else:
        path = stem.with_name(f"{stem.name}.tif")
        tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", compression="zlib")
    return path.name
