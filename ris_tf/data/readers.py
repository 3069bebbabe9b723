"""Read image and label files as NumPy arrays, and list them in folders.

Everything that is wrong with a file or a folder is raised as a `DataError`.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ris_tf.data.decoding import decode_image, decode_labels
from ris_tf.data.pixels import converted
from ris_tf.data.regions import is_zarr
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.labels import IGNORED, bounded

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".npy")


def read_image(path: Path | str) -> np.ndarray:
    """Reads one image with the values it is stored with.

    Bilevel images become uint8 0 and 255, palettes and CMYK become RGB, alpha is dropped, and integers that are
    not uint8 or uint16 become float32. A JPEG is turned as its EXIF orientation says.

    Args:
        path: PNG, JPEG, single-page TIFF or npy file, recognised by content.

    Returns:
        [H, W, 1] or [H, W, 3] uint8, uint16 or float32 (finite).

    Raises:
        DataError: the file cannot be read, holds several pages, another number of channels, or NaN or infinity.
    """
    path = Path(path)
    image = decode_image(path)  # [H, W] or [H, W, C]
    if image.ndim == 2:
        image = image[..., None]  # [H, W, 1]
    return converted(path, image)


def read_labels(path: Path | str) -> np.ndarray:
    """Reads one label map: 0 is background, every other id one instance; gaps between ids are allowed.

    Args:
        path: single-channel PNG (8 or 16 bits, or a palette whose indices are the ids), integer TIFF or npy file.

    Returns:
        [H, W] int32, ids as stored, or renumbered where they are too large to count by (`labels.bounded`);
        `labels.IGNORED`, -1, at pixels to be ignored (TIFF and npy only).

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
    if low < IGNORED:
        raise DataError(
            f"{path}: mask has the negative id {low}; expected ids from 1 up, 0 for background, -1 for ignored"
        )
    if high > np.iinfo(np.int32).max:
        raise DataError(f"{path}: mask has the id {high}; expected ids up to {np.iinfo(np.int32).max}")
    return bounded(np.ascontiguousarray(labels, np.int32))


def read_pair(image: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image and its label map.

    Returns:
        The image of `read_image`, [H, W, 1 or 3], and the labels of `read_labels`, [H, W].

    Raises:
        DataError: one or both cannot be read, or their heights or widths differ.
    """
    pixels, ids = gather(lambda: read_image(image), lambda: read_labels(labels))
    check_size(labels, ids.shape, image, pixels.shape)
    return pixels, ids


def check_size(file: Path, shape: Sequence[int], image_file: Path, image_shape: Sequence[int]) -> None:
    """Raises DataError unless a mask of `shape` (H, W) is of the size of its image, (H, W, C)."""
    if tuple(shape[:2]) != tuple(image_shape[:2]):
        (height, width), (image_height, image_width) = shape[:2], image_shape[:2]
        raise DataError(
            f"{file}: mask is {width}x{height} but its image {image_file.name} is {image_width}x{image_height} "
            "(width x height); save the mask at the size of its image"
        )


def image_files(paths: Sequence[Path | str]) -> list[Path]:
    """Lists the images to predict: files and zarr as given, folders as their images, sorted and not recursive.

    Raises:
        UsageError: `paths` is empty.
        DataError: a path does not exist or a folder holds no image.
    """
    if not paths:
        raise UsageError("no image given; expected files or folders")
    files: dict[Path, None] = {}  # a set that keeps its order: a file and its folder may both be given
    for path in map(Path, paths):
        if not os.path.isdir(path) or is_zarr(path):
            if not os.path.exists(path):
                raise DataError(f"{path}: no such file or folder; expected an image or a folder of images")
            files[path] = None
            continue
        found = sorted([*images_in(path), *filter(is_zarr, folders_in(path))])
        if not found:
            raise DataError(f"{path}: no images in this folder; expected files ending in {', '.join(IMAGE_SUFFIXES)}")
        files.update(dict.fromkeys(found))
    return list(files)


def entries(folder: Path) -> list[Path]:
    """Sorted entries of a folder; hidden ones are left out (macOS puts a "._NAME.png" beside NAME.png)."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; expected a folder") from error


def folders_in(folder: Path) -> list[Path]:
    """Sorted folders in a folder."""
    return [entry for entry in entries(folder) if entry.is_dir()]


def images_in(folder: Path) -> list[Path]:
    """Sorted image files in a folder."""
    return [file for file in entries(folder) if file.suffix.lower() in IMAGE_SUFFIXES and not file.is_dir()]


def by_name(files: Iterable[Path], ending: str, problems: list[str]) -> dict[str, Path]:
    """Files keyed by their stem without `ending`, others left out; a name that comes twice is added to `problems`."""
    named: dict[str, Path] = {}
    for file in files:
        if not file.stem.endswith(ending):
            continue
        name = file.stem.removesuffix(ending)
        if name in named:
            problems.append(f"{file}: the same name as {named[name].name}; expected one file for each name")
        else:
            named[name] = file
    return named
