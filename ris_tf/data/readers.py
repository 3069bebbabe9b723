"""Find image and label files on disk and read them as NumPy arrays.

Three layouts are understood, below `DIR/SPLIT` or, with the pairs split by name, in `DIR` itself:

    images/NAME.png + masks/NAME.png     any suffix of `IMAGE_SUFFIXES` on either side
    NAME_rgb.png + NAME_label.png        the leaf segmentation challenge (CVPPP LSC)

Everything that is wrong with a file or a folder is raised as a one-line `DataError`.
"""

import hashlib
import os
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from absl import logging

from ris_tf.data.decoding import decode_image, decode_labels
from ris_tf.errors import DataError, UsageError

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg")

_LAYOUTS = "images/NAME.png with masks/NAME.png, or NAME_rgb.png with NAME_label.png"
_PARTS = ("train", "val", "test", "all")


class Pair(NamedTuple):
    """An image file and the label map that belongs to it; `name` is unique within a split."""

    name: str
    image: Path
    labels: Path


def find_pairs(data: Path | str, split: str, held_out: float = 0.0) -> list[Pair]:
    """Lists the image and label files of one split, sorted by name; opens none of them.

    Args:
        data: folder with one folder per split, or with the files of one layout and no split folders.
        split: name of a split folder. Without split folders: "train", "val" or "test" (about 80, 10 and
            10 percent, by a hash of the names, so that a name's part depends on no file system order). "all"
            gives every pair in both cases.
        held_out: without split folders, share of the pairs, the last by name, that make up "val"; the others are
            "train", and there is no "test". 0 for the parts by hash.

    Returns:
        At least one `Pair`.

    Raises:
        DataError: the folder or split is missing or holds no pairs, or an image lacks its mask or a mask its image.
    """
    root = Path(data)
    folders = {entry.name: entry for entry in _entries(root) if entry.is_dir()}
    if split in folders and _has_layout(folders[split]):
        return _pairs_in(folders[split])
    present = [name for name, folder in folders.items() if _has_layout(folder)]
    if len(present) == 1 and present[0] not in _PARTS and split in _PARTS:
        root = folders[present[0]]  # such as A1 of the leaf challenge, given by the folder above it
    if _has_layout(root):
        if split not in _PARTS:
            raise DataError(
                f"{root}: no split {split!r}; its pairs are split by name, so ask for one of {', '.join(_PARTS)}"
            )
        return _part(root, _pairs_in(root), split, held_out)
    if split == "all" and present:
        return [pair for name in present for pair in _pairs_in(folders[name])]
    if present:
        raise DataError(f"{root}: no split {split!r}; the splits present are {', '.join(present)}")
    where = root / split if split in folders else root
    raise DataError(f"{where}: no image and label pairs found; expected {_LAYOUTS}, here or in one folder per split")


def read_image(path: Path | str) -> np.ndarray:
    """Reads one image with the values it is stored with.

    Bilevel images become uint8 0 and 255, palettes and CMYK become RGB, alpha is dropped, and integers that are
    not uint8 or uint16 become float32. A JPEG is turned as its EXIF orientation says.

    Args:
        path: PNG, JPEG or single-page TIFF file, recognised by content.

    Returns:
        [H, W, 1] or [H, W, 3] uint8, uint16 or float32 (finite).

    Raises:
        DataError: the file cannot be read, holds several pages, another number of channels, or NaN or infinity.
    """
    path = Path(path)
    image = decode_image(path)  # [H, W] or [H, W, C]
    if image.ndim == 2:
        image = image[..., None]  # [H, W, 1]
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        return np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    if image.dtype.kind not in "iuf":
        raise DataError(f"{path}: pixels are {image.dtype}; expected 8 or 16-bit integers or float32")
    with np.errstate(over="ignore"):  # what float32 cannot hold is reported as infinite below
        image = np.ascontiguousarray(image, np.float32)
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        raise DataError(f"{path}: {bad} of {image.size} values are NaN or infinite; expected finite pixels")
    return image


def read_labels(path: Path | str) -> np.ndarray:
    """Reads one label map: 0 is background, every other id one instance; gaps between ids are allowed.

    Args:
        path: single-channel PNG (8 or 16 bits, or a palette whose indices are the ids) or integer TIFF.

    Returns:
        [H, W] int32 >= 0, ids as stored.

    Raises:
        DataError: the file cannot be read, is not a single channel of integers, or an id is out of range.
    """
    path = Path(path)
    labels = decode_labels(path)  # [H, W] or [H, W, C]
    if labels.dtype.kind not in "biu":
        raise DataError(f"{path}: mask is {labels.dtype}; expected integer ids, 0 for background (uint8 or uint16)")
    if labels.ndim != 2:
        grey = bool((labels == labels[..., :1]).all())
        hint = "all channels are equal, so save one of them" if grey else "colours are not ids, so save a map of ids"
        raise DataError(f"{path}: mask has {labels.shape[-1]} channels; expected a single one; {hint}")
    low, high = int(labels.min()), int(labels.max())
    if low < 0:
        raise DataError(f"{path}: mask has the negative id {low}; expected ids from 1 up and 0 for background")
    if high > np.iinfo(np.int32).max:
        raise DataError(f"{path}: mask has the id {high}; expected ids up to {np.iinfo(np.int32).max}")
    return np.ascontiguousarray(labels, np.int32)


def read_pair(pair: Pair) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image and its label map.

    Returns:
        The image of `read_image`, [H, W, 1 or 3], and the labels of `read_labels`, [H, W].

    Raises:
        DataError: either cannot be read, or their heights or widths differ.
    """
    image, labels = read_image(pair.image), read_labels(pair.labels)
    if image.shape[:2] != labels.shape:
        (height, width), (image_height, image_width) = labels.shape, image.shape[:2]
        raise DataError(
            f"{pair.labels}: mask is {width}x{height} but its image {pair.image.name} is {image_width}x{image_height} "
            "(width x height); save the mask at the size of its image"
        )
    return image, labels


def image_files(paths: Sequence[Path | str]) -> list[Path]:
    """Lists the images to predict: files as given, folders as their images, sorted and not recursive.

    Raises:
        UsageError: `paths` is empty.
        DataError: a path does not exist or a folder holds no image.
    """
    if not paths:
        raise UsageError("no image given; expected files or folders")
    files: dict[Path, None] = {}  # a set that keeps its order: a file and its folder may both be given
    for path in map(Path, paths):
        if not os.path.isdir(path):
            if not os.path.exists(path):
                raise DataError(f"{path}: no such file or folder; expected an image or a folder of images")
            files[path] = None
            continue
        found = _images(path)
        if not found:
            raise DataError(f"{path}: no images in this folder; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
        files.update(dict.fromkeys(found))
    return list(files)


def _entries(folder: Path) -> list[Path]:
    """Sorted entries of a folder; hidden ones are left out (macOS puts a "._NAME.png" beside NAME.png)."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; expected a folder holding {_LAYOUTS}") from error


def _images(folder: Path) -> list[Path]:
    return [file for file in _entries(folder) if file.suffix.lower() in IMAGE_SUFFIXES and not file.is_dir()]


def _has_layout(folder: Path) -> bool:
    if any(os.path.isdir(folder / name) for name in ("images", "masks")):
        return True
    return any(file.stem.endswith("_rgb") for file in _images(folder))


def _pairs_in(folder: Path) -> list[Pair]:
    """All pairs of a folder that has one of the layouts."""
    leaf = not any(os.path.isdir(folder / name) for name in ("images", "masks"))
    if leaf:
        files = _images(folder)
        images, labels = _by_name(files, "_rgb"), _by_name(files, "_label")
    else:
        images, labels = _by_name(_images(folder / "images")), _by_name(_images(folder / "masks"))
    names = sorted(images.keys() & labels.keys())
    if not names:
        raise DataError(
            f"{folder}: {len(images)} images and {len(labels)} masks, but no image and mask of one name; "
            f"expected {_LAYOUTS}"
        )
    unlabelled, orphans = sorted(images.keys() - labels.keys()), sorted(labels.keys() - images.keys())
    if unlabelled and leaf:
        # The challenge ships its test plants without labels, in the same folders.
        logging.warning("%s: %d of %d images have no label file and are left out", folder, len(unlabelled), len(images))
    elif unlabelled:
        raise DataError(
            f"{images[unlabelled[0]]}: image has no mask of the same name in {folder / 'masks'} "
            f"({len(unlabelled)} of {len(images)} images have none)"
        )
    if orphans:
        raise DataError(
            f"{labels[orphans[0]]}: mask has no image of the same name "
            f"({len(orphans)} of {len(labels)} masks have none)"
        )
    return [Pair(name, images[name], labels[name]) for name in names]


def _by_name(files: Iterable[Path], ending: str = "") -> dict[str, Path]:
    """Files keyed by their stem without `ending`; other stems are left out."""
    named: dict[str, Path] = {}
    for file in files:
        if not file.stem.endswith(ending):
            continue
        name = file.stem.removesuffix(ending)
        if name in named:
            raise DataError(f"{file}: the same name as {named[name].name}; expected one file for each name")
        named[name] = file
    return named


def _part(root: Path, pairs: list[Pair], split: str, held_out: float) -> list[Pair]:
    """One part of pairs: the last by name, or by the hash of names, whose cuts leave no part of three pairs empty."""
    if split == "all":
        return pairs
    if held_out:
        cut = len(pairs) - max(1, round(held_out * len(pairs)))
        cuts = {"train": pairs[:cut], "val": pairs[cut:], "test": []}
    else:
        ranked = sorted(pairs, key=lambda pair: hashlib.sha256(os.fsencode(pair.name)).digest())
        tenth = max(1, round(len(pairs) / 10))
        val = tenth if len(pairs) >= 2 else 0
        test = tenth if len(pairs) >= 3 else 0
        cuts = {"val": ranked[:val], "test": ranked[val : val + test], "train": ranked[val + test :]}
    if not cuts[split]:
        expected = "another split" if held_out and split == "test" else "3 or more, or the split 'all'"
        raise DataError(f"{root}: {len(pairs)} pairs leave no {split!r} part; expected {expected}")
    return sorted(cuts[split])
