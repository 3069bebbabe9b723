"""Open data sets of the Hugging Face hub, "hf:NAME", and of TensorFlow Datasets, "tfds:NAME".

The library `datasets` or `tensorflow-datasets` must be installed. A data set needs a column "image" and one of the
columns in `_COLUMNS`, which holds either a label map or a list of masks with one mask per object. NAME may also be a
folder that contains a data set as written by the library.
"""

import os
from functools import partial

import numpy as np
from PIL import Image

from ris_tf.data.images.pixels import converted, whole_ids
from ris_tf.data.readers.splits import chosen
from ris_tf.errors import DataError
from ris_tf.instances.labels import IGNORED, bounded, smaller_on_top
from ris_tf.optional import import_optional

_LIBRARIES = {"hf:": "datasets", "tfds:": "tensorflow_datasets"}
_COLUMNS = ("masks", "instances", "labels", "label_map", "mask", "segmentation_mask", "annotation")


def is_name(data):
    """Whether `data` has the form hf:NAME or tfds:NAME."""
    return any(str(data).startswith(prefix) for prefix in _LIBRARIES)


def split_names(data):
    """Names of the splits of a data set given as hf:NAME or tfds:NAME.

    Raises:
      DataError: the library cannot open it.
      UsageError: the library is not installed.
    """
    return list(_open(data))


def open_named(data, split):
    """Opens a split. The library downloads the data set if it is not on this computer yet.

    Args:
      data: "hf:NAME" or "tfds:NAME".
      split: name of a split or the beginning of one ("val" for "validation"), or "all".

    Returns:
      list of (name, read) in the order of the data set. A name is the split and the number of the sample, such as
      "train_000012". For read(), see `sources.open_source`.

    Raises:
      DataError: the library cannot open the data set, or it has no such split.
      UsageError: the library is not installed.
    """
    splits = _open(data)
    names = chosen(data, split, list(splits))
    return [
        (f"{name}_{index:06d}", partial(_read, f"{data} {name} {index}", splits[name], index))
        for name in names
        for index in range(len(splits[name]))
    ]


def _open(data):
    """Opens all splits of a data set: {split: sequence of dicts}."""
    prefix, _, name = str(data).partition(":")
    library = _LIBRARIES[f"{prefix}:"]
    package = library.replace("_", "-")
    module = import_optional(library, f"{data}:", f"the library {package}", package)
    try:
        if prefix == "hf":
            return dict(module.load_dataset(name))
        return dict(
            module.builder_from_directory(name).as_data_source() if os.path.isdir(name) else module.data_source(name)
        )
    except Exception as error:  # unknown name, no network, full disk, ...
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DataError(f"{data}: {library} cannot open it ({reason})") from error


def _read(where, rows, index):
    try:
        row = rows[index]
    except Exception as error:
        raise DataError(f"{where}: cannot be read ({type(error).__name__})") from error
    column = next((name for name in _COLUMNS if name in row), None)
    if "image" not in row or column is None:
        raise DataError(f"{where}: has the columns {', '.join(row)}; expected image and one of {', '.join(_COLUMNS)}")
    image, truth = _image(where, row["image"]), row[column]
    if isinstance(truth, (list, tuple)):
        masks = [_map(where, mask) for mask in truth]
        shapes = {mask.shape for mask in masks}
        labels = smaller_on_top(masks) if len(shapes) == 1 else np.zeros(image.shape[:2], np.int32)
    else:
        labels = _array(where, truth)
        if labels.shape[3:] == (1,) or (labels.ndim == 3 and labels.shape[2] != 1):  # [N, H, W, 1] or [N, H, W]
            labels = (
                smaller_on_top(labels.reshape(labels.shape[:3])) if len(labels) else np.zeros(image.shape[:2], np.int32)
            )
        labels, shapes = _map(where, labels), {labels.shape[:2]}
    if shapes - {image.shape[:2]}:
        raise DataError(
            f"{where}: masks are {sorted(shapes)} but the image is {image.shape[:2]} (height, width); "
            "expected the same size"
        )
    if labels.min(initial=0) < IGNORED:
        raise DataError(
            f"{where}: {column} has the negative id {labels.min()}; expected 1 or more for objects, 0 for background, "
            "-1 for ignored"
        )
    return image, bounded(labels)


def _image(where, value):
    """Converts a picture or array to [H, W, 1 or 3] uint8, uint16 or finite float32."""
    if isinstance(value, Image.Image) and value.mode not in ("L", "I;16", "I", "F"):
        value = value.convert("RGB")
    image = _array(where, value)
    image = image[..., None] if image.ndim == 2 else image
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size or image.dtype.kind not in "buif":
        raise DataError(
            f"{where}: image is {image.dtype} {image.shape}; expected numbers [H, W] or [H, W, C] with 1, 3 or 4 "
            "channels"
        )
    return converted(where, image[..., :3])


def _map(where, value):
    """Converts a picture or an array of whole numbers, [H, W] or [H, W, 1], to int32 [H, W]."""
    array, limits = whole_ids(where, _array(where, value)), np.iinfo(np.int32)
    array = array[..., 0] if array.shape[2:] == (1,) else array
    if array.ndim != 2 or array.dtype.kind not in "biu":
        raise DataError(f"{where}: a mask is {array.dtype} {array.shape}; expected integers [H, W]")
    wrong = array[(array < limits.min) | (array > limits.max)]
    if wrong.size:
        raise DataError(f"{where}: a mask has the id {wrong[0]}; expected ids up to {limits.max}, 0 for background")
    return array.astype(np.int32)


def _array(where, value):
    try:
        return np.asarray(value)
    except Exception as error:  # such as lists of unequal lengths, broken pictures
        raise DataError(f"{where}: cannot be read as an array ({type(error).__name__})") from error
