"""The colours of a TIFF: palettes, CMYK and YCbCr become RGB, in a whole image or in a piece of it."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ris_tf.data.images import jpeg2000
from ris_tf.errors import DataError

Convert = Callable[[np.ndarray], np.ndarray]


def to_rgb(path: Path, page: tifffile.TiffPage) -> Convert | None:
    """How the stored pixels become RGB.

    Args:
        path: Path of the TIFF, for messages.
        page: page of the open TIFF.

    Returns:
        function (pixels as stored, [H, W, C]) -> uint8 [H, W, 3]; None if they are grey or RGB, with or without alpha.

    Raises:
        DataError: the TIFF has other colours, or does not say which ones.
    """
    kinds, kind, eight = tifffile.PHOTOMETRIC, page.photometric, page.dtype == np.uint8
    if kind == kinds.PALETTE and page.samplesperpixel == 1:
        palette = page.colormap.T  # [256 or 65536, 3]
        colours = (palette >> 8 if palette.max() > 255 else palette).astype(np.uint8)
        return lambda stored: colours[stored[..., 0]]
    if kind == kinds.SEPARATED and eight and page.samplesperpixel == 4:
        return lambda stored: _from("CMYK", stored)
    jpeg = kind == kinds.YCBCR and page.compression == tifffile.COMPRESSION.JPEG  # decoded to RGB
    if not jpeg and kind not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB):
        raise DataError(f"{path}: TIFF colours are {kind.name}; expected grey, RGB, CMYK or a palette")
    if jpeg2000.is_ycbcr(path, page):
        return lambda stored: _from("YCbCr", stored)
    return None


def _from(mode, stored):
    height, width = stored.shape[:2]
    return np.array(Image.frombytes(mode, (width, height), np.ascontiguousarray(stored).tobytes()).convert("RGB"))
