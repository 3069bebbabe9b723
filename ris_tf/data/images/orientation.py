"""Turn photographs upright and back. Their orientation says how viewers turn the stored pixels.

The orientation is a number in the EXIF data of a JPEG or PNG, or in a tag of a TIFF. `files.read_image` returns the
pixels as stored, which is also what ImageJ, QuPath, scikit-image and tifffile show. The network sees an image upright.
What it finds is turned back, so that results fit the stored pixels.
"""

import os
import struct
import warnings
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ris_tf.data.images.decoding import TIFF_STARTS
from ris_tf.data.images.notes import warn_once

_TAG = 274  # number of the field "Orientation", in EXIF data and in TIFF
_JPEG_START, PNG_START = b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"
_LONGEST_EXIF = 2**20  # bytes that are read of an eXIf chunk; the orientation is near its beginning


def orientation_of(path: Path | str) -> int:
    """Orientation of an image file, 1 to 8; 1 if the file has none or cannot be read. Only headers are read."""
    if not os.path.isfile(path):
        return 1
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about broken EXIF data
            start = stream.read(8)
            if start.startswith(_JPEG_START):
                with Image.open(path, formats=("JPEG",)) as image:
                    value = image.getexif().get(_TAG)
            elif start.startswith(TIFF_STARTS):
                with tifffile.TiffFile(path) as tiff:
                    value = tiff.pages.first.tags.valueof(_TAG)
            else:
                value = png_exif(stream).get(_TAG) if start == PNG_START else 1
    except Exception:  # decoders raise almost anything for broken files; `files.read_image` reports what matters
        return 1
    return int(value) if value in range(1, 9) else 1


def png_exif(stream) -> Image.Exif:
    """Reads the eXIf chunk of a PNG; empty if there is none. Pillow would decode the whole image to look for it.

    Args:
        stream: the open file, after its first eight bytes.
    """
    exif = Image.Exif()
    while len(head := stream.read(8)) == 8:
        length, kind = struct.unpack(">I4s", head)
        if kind == b"eXIf":
            exif.load(stream.read(min(length, _LONGEST_EXIF)))
            break
        stream.seek(length + 4, os.SEEK_CUR)  # the data and the checksum
    return exif


def upright(array: np.ndarray, orientation: int) -> np.ndarray:
    """Turns or mirrors an image or label map, [H, W, ...], as viewers do: -> [H, W, ...], or [W, H, ...] from 5 on."""
    if orientation == 1:
        return array
    turned = array.swapaxes(0, 1) if orientation >= 5 else array
    axes = {2: (1,), 3: (0, 1), 4: (0,), 5: (), 6: (1,), 7: (0, 1), 8: (0,)}[orientation]
    return np.ascontiguousarray(np.flip(turned, axes))


def as_stored(array: np.ndarray, orientation: int) -> np.ndarray:
    """Undoes `upright`."""
    return upright(array, {6: 8, 8: 6}.get(orientation, orientation))


def turned_note(files: Sequence[Path]) -> list[str]:
    """A list of one line that says which images are turned for prediction; empty if none is."""
    turned = [(file.name, found) for file in dict.fromkeys(files) if (found := orientation_of(file)) > 1]
    if not turned:
        return []
    (name, orientation), others = turned[0], len(turned) - 1
    which = f"{name} (orientation {orientation})"
    which += f" and {others} other image{'s' * (others > 1)}" if others else ""
    return [f"{which}: turned for prediction; the results are in the stored orientation"]


def is_size_of(shape: tuple[int, ...], image_file: Path, image_shape: tuple[int, ...]) -> bool:
    """Whether a label map with the shape (H, W) fits an image of the shape (H, W, C), as stored or upright."""
    size, stored = tuple(shape[:2]), tuple(image_shape[:2])
    return size == stored or (size == stored[::-1] and orientation_of(image_file) >= 5)


def upright_pair(image_file: Path, image: np.ndarray, *maps: np.ndarray) -> tuple[np.ndarray, ...]:
    """Turns an image and its label maps upright.

    A label map fits the stored pixels. Only if its size fits the upright image and not the stored one, it was drawn on
    the upright image and is not turned. If the size fits both, a warning says what was assumed.

    Args:
        image_file: file of the image.
        image: [H, W, C] as stored.
        maps: label maps for which `is_size_of` is True.

    Returns:
        (image, *maps), upright.
    """
    orientation = orientation_of(image_file)
    if orientation == 1:
        return image, *maps
    stored, picture = image.shape[:2], upright(image, orientation)
    if maps and picture.shape[:2] == stored:
        warn_once(
            f"{image_file.parent}: some images are stored turned (EXIF or TIFF orientation); their label maps are "
            "taken to fit the pixels as stored, not as viewers show them"
        )
    return picture, *(upright(labels, orientation) if labels.shape == stored else labels for labels in maps)
