"""Read SBD, the Semantic Boundaries Dataset: img/NAME.jpg with inst/NAME.mat, listed in train.txt and val.txt.

A .mat file contains GTinst with two fields: Segmentation, ids [H, W] with 0 for background and 1 or more for objects,
and Categories, the class of each id, 1 to 20 as in VOC.

Source: Hariharan et al. 2011, "Semantic contours from inverse detectors".
"""

import struct
from functools import partial

import numpy as np

from ris_tf.data.images.decoding import MAX_PIXELS
from ris_tf.data.images.orientation import upright_pair
from ris_tf.data.images.packed import exceeds
from ris_tf.data.images.pixels import whole_ids
from ris_tf.data.images.single import check_size, read_image
from ris_tf.data.readers.voc import CATEGORIES, in_lists
from ris_tf.errors import DataError, gather
from ris_tf.instances.labels import bounded

_HEADER, _COMPRESSED = 128, 15  # of a .mat file: bytes before the first element, and the type of compressed elements
_MAX_BYTES = 8 * MAX_PIXELS  # of a decompressed element


def _find(root):
    for folder in (root, root / "dataset", root / "benchmark_RELEASE" / "dataset"):
        if (folder / "inst").is_dir() and (folder / "img").is_dir():
            return folder
    return None


def _files(root):
    return lambda name: [root / "inst" / f"{name}.mat"]


def _categories(root):
    return {name: index for index, name in enumerate(CATEGORIES, 1)}


def _classes(image_file, file):
    return _read_mat(file)[1]


def _read(image_file, file, category):
    image, (labels, categories) = gather(partial(read_image, image_file), partial(_read_mat, file))
    check_size(file, labels.shape, image_file, image.shape)
    if category is not None:
        kept = np.flatnonzero(categories == category) + 1
        labels = np.where(np.isin(labels, kept), labels, 0)
    return upright_pair(image_file, image, labels)


def _read_mat(file):
    """Reads a .mat file; returns the ids, int32 [H, W], and the class of each id, [N]."""
    from scipy.io import loadmat  # a light installation lacks SciPy

    expected = "expected a .mat file in which GTinst has Segmentation and Categories"
    try:
        _check_unpacked(file)
        with file.open("rb") as stream:
            truth = loadmat(stream)["GTinst"][0, 0]
        labels, categories = whole_ids(file, truth["Segmentation"]), truth["Categories"].ravel()
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; {expected}") from error
    except DataError:
        raise
    except Exception as error:  # SciPy raises almost anything for a broken file
        raise DataError(f"{file}: cannot be read ({type(error).__name__}); {expected}") from error
    if labels.ndim != 2 or labels.dtype.kind not in "iu" or categories.dtype.kind not in "iuf":
        raise DataError(f"{file}: Segmentation is {labels.dtype} {labels.shape}; expected integer ids [H, W]")
    if labels.size and not 0 <= labels.min() <= labels.max() <= MAX_PIXELS:
        found = f"Segmentation has ids from {labels.min()} to {labels.max()}"
        raise DataError(f"{file}: {found}; expected ids from 0 to {MAX_PIXELS:,}")
    if labels.max(initial=0) > categories.size:
        found = f"has {categories.size} Categories for ids up to {labels.max()}"
        raise DataError(f"{file}: {found}; expected one category for each id")
    return bounded(labels.astype(np.int32)), categories


def _check_unpacked(file):
    """Raises DataError if an element of a .mat file decompresses to more bytes than the ids of an image can need."""
    with file.open("rb") as stream:
        order = ">" if stream.read(_HEADER)[126:128] == b"MI" else "<"
        while len(tag := stream.read(8)) == 8:
            kind, length = struct.unpack(f"{order}II", tag)
            if kind == _COMPRESSED and exceeds([stream.read(length)], _MAX_BYTES):
                raise DataError(f"{file}: unpacks to more than {_MAX_BYTES:,} bytes; expected the ids of one image")
            if kind != _COMPRESSED:
                stream.seek(length, 1)


_TREE = "img/NAME.jpg with inst/NAME.mat, train.txt and val.txt"
LAYOUT = in_lists("SBD", _TREE, _find, ".", "img", _files, _categories, _classes, _read)
