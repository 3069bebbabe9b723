"""Read image and label files as NumPy arrays, and list the image files of a folder.

Every problem with a file or folder is raised as a `DataError`.
"""

import os
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np

from ris_tf.data.images import chosen
from ris_tf.data.images.decoding import decode_image, decode_labels
from ris_tf.data.images.notes import warn_once
from ris_tf.data.images.orientation import is_size_of, upright_pair
from ris_tf.data.images.pixels import converted, whole_ids
from ris_tf.data.images.planes import Choice, check_colours
from ris_tf.data.images.regions import is_zarr
from ris_tf.errors import DataError, UsageError, gather
from ris_tf.instances.labels import IGNORED, bounded

IMAGE_SUFFIXES = (".png", ".tif", ".tiff", ".jpg", ".jpeg", ".npy")
_OTHER_SUFFIXES = {  # of images in formats that are not read
    ".avif", ".bmp", ".exr", ".gif", ".heic", ".heif", ".j2k", ".jfif", ".jp2", ".jpe", ".jpx", ".jxl", ".pbm", ".pcx",
    ".pgm", ".pnm", ".ppm", ".psd", ".tga", ".webp",
    ".arw", ".cr2", ".cr3", ".dng", ".nef", ".orf", ".raf", ".raw", ".rw2",  # cameras
    ".btf", ".czi", ".ims", ".lif", ".lsm", ".mrc", ".mrxs", ".nd2", ".ndpi", ".oib", ".oif", ".oir", ".qptiff", ".scn",
    ".stk", ".svs", ".vsi", ".zvi",  # microscopes
    ".dcm", ".fits", ".mha", ".mhd", ".nii", ".nrrd",  # medicine, astronomy
}  # fmt: skip
_NAMED = 10  # largest number of files that a message names


def read_image(path: Path | str, choice: Choice | None = None) -> np.ndarray:
    """Reads one image without rescaling its values.

    Bilevel images become uint8 with the values 0 and 255, palettes and CMYK become RGB, and alpha is dropped. Numbers
    that are not uint8 or uint16 become float32. Pixels are where they are stored, whatever the orientation says.

    Args:
        path: PNG, JPEG, TIFF or npy file; the format is detected from the content.
        choice: the plane to read of a TIFF or npy array with several; unless given, that of `chosen.current`.

    Returns:
        [H, W, 1] or [H, W, 3] uint8, uint16 or float32 (finite).

    Raises:
        DataError: the file cannot be read, several planes are left, its number of channels is not supported, it
            contains NaN or infinity, or a channel of an RGB image was chosen.
    """
    path, choice = Path(path), choice or chosen.current()
    image = decode_image(path, choice)  # [H, W] or [H, W, C]
    if image.ndim == 2:
        image = image[..., None]  # [H, W, 1]
    check_colours(path, image.shape, choice)
    return converted(path, image)


def read_labels(path: Path | str) -> np.ndarray:
    """Reads one label map: 0 is background and every other id is one instance. Gaps between ids are allowed.

    Args:
        path: single-channel PNG (8 or 16 bits, or a palette whose indices are the ids), TIFF or npy file of integers,
            or of floats that are whole numbers. If it has several planes, the one of `chosen.current` is read.

    Returns:
        [H, W] int32. The ids are kept as stored, or renumbered if they are too large to count by (see
        `labels.bounded`). Pixels to ignore are -1, `labels.IGNORED` (TIFF and npy only).

    Raises:
        DataError: the file cannot be read, does not have a single channel of whole numbers, or has an id out of range.
    """
    path = Path(path)
    labels = whole_ids(path, decode_labels(path, chosen.current()))  # [H, W] or [H, W, C]
    if labels.dtype.kind not in "biu":
        raise DataError(f"{path}: mask is {labels.dtype}; expected integer ids, 0 for background (uint8 or uint16)")
    if labels.ndim != 2:
        grey = bool((labels == labels[..., :1]).all())
        hint = "all channels are equal, so save one of them" if grey else "colours are not ids, so save a map of ids"
        raise DataError(f"{path}: mask has {labels.shape[-1]} channels; expected a single channel; {hint}")
    low, high = int(labels.min()), int(labels.max())
    if low < IGNORED:
        raise DataError(
            f"{path}: mask has the negative id {low}; expected 1 or more for objects, 0 for background, -1 for ignored"
        )
    if high > np.iinfo(np.int32).max:
        raise DataError(f"{path}: mask has the id {high}; expected ids up to {np.iinfo(np.int32).max}")
    return bounded(np.ascontiguousarray(labels, np.int32))


def read_pair(image: Path, labels: Path) -> tuple[np.ndarray, np.ndarray]:
    """Reads an image and its label map, and turns both upright, see `orientation`.

    Returns:
        The image, [H, W, 1 or 3] as from `read_image`, and the labels, [H, W] as from `read_labels`.

    Raises:
        DataError: at least one of the files cannot be read, or their sizes differ.
    """
    pixels, ids = gather(lambda: read_image(image), lambda: read_labels(labels))
    check_size(labels, ids.shape, image, pixels.shape)
    return upright_pair(image, pixels, ids)


def check_size(file: Path, shape: Sequence[int], image_file: Path, image_shape: Sequence[int]) -> None:
    """Raises DataError unless a mask with `shape` (H, W) has the size of its image, (H, W, C) as stored or upright."""
    if not is_size_of(shape, image_file, image_shape):
        (height, width), (image_height, image_width) = shape[:2], image_shape[:2]
        raise DataError(
            f"{file}: mask is {width}x{height} but its image {image_file.name} is {image_width}x{image_height} "
            "(width x height); save the mask at the size of its image"
        )


def image_files(paths: Sequence[Path | str]) -> list[Path]:
    """Lists the images to predict.

    Files and zarr folders are listed as given. Any other folder stands for the images and zarr folders directly inside
    it, sorted; its subfolders are not searched. A warning names its images in formats that are not read.

    Raises:
        UsageError: `paths` is empty.
        DataError: some paths do not exist, or some folders contain no image; the message names all of them.
    """
    if not paths:
        raise UsageError("no image given; expected files or folders")
    missing = dict.fromkeys(str(path) for path in paths if not os.path.exists(path))
    if missing:
        raise DataError(f"{', '.join(missing)}: no such file or folder; expected images, or folders of images")
    files: dict[Path, None] = {}  # an ordered set, because both a file and its folder may be given
    empty, unread = {}, []
    for path in map(Path, paths):
        if not os.path.isdir(path) or is_zarr(path):
            files[path] = None
            continue
        found = sorted([*images_in(path), *filter(is_zarr, folders_in(path))])
        files.update(dict.fromkeys(found))
        unread += passed_over(path, entries(path))
        if not found:
            empty[str(path)] = None
    if empty:
        expected = f"expected files ending in {', '.join(IMAGE_SUFFIXES)}"
        raise DataError("; ".join([f"{', '.join(empty)}: no images in this folder; {expected}", *unread]))
    for line in unread:
        warn_once(line)
    return list(files)


def passed_over(where: Path, files: Iterable[Path]) -> list[str]:
    """Lists one line that names, among files of the folder `where`, the images in formats that are not read.

    It names ten files at most. The list is empty if there are no such files.
    """
    shown = (file for file in files if not file.name.startswith("."))
    names = [os.path.relpath(file, where) for file in shown if file.suffix.lower() in _OTHER_SUFFIXES]
    more = f" and {len(names) - _NAMED:,} more" if names[_NAMED:] else ""
    said = f"{where}: images in formats that are not read: {len(names):,} ({', '.join(names[:_NAMED])}{more})"
    return [f"{said}; save them as PNG or TIFF"] if names else []


def entries(folder: Path) -> list[Path]:
    """Sorted entries of a folder without hidden ones (macOS creates a file "._NAME.png" for NAME.png)."""
    try:
        return sorted(entry for entry in folder.iterdir() if not entry.name.startswith("."))
    except OSError as error:
        raise DataError(f"{folder}: {error.strerror}; expected a folder") from error


def folders_in(folder: Path) -> list[Path]:
    """Sorted subfolders of a folder."""
    return [entry for entry in entries(folder) if entry.is_dir()]


def images_in(folder: Path) -> list[Path]:
    """Sorted image files directly inside a folder."""
    return [file for file in entries(folder) if file.suffix.lower() in IMAGE_SUFFIXES and not file.is_dir()]


def by_name(files: Iterable[Path], ending: str, problems: list[str]) -> dict[str, Path]:
    """Maps names to files.

    Args:
        files: files in any order.
        ending: only files whose stem ends in this are kept.
        problems: list to which one line is added for every name that occurs again.

    Returns:
        {stem without `ending`: file}.
    """
    named: dict[str, Path] = {}
    for file in files:
        if not file.stem.endswith(ending):
            continue
        name = file.stem.removesuffix(ending)
        if name in named:
            problems.append(f"{file}: has the same name as {named[name].name}; expected one file for each name")
        else:
            named[name] = file
    return named
