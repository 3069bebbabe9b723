"""What the stored numbers of a TIFF stand for: zero may be white, and white may be less than the dtype can hold."""

import numpy as np
import tifffile


def shown(page: tifffile.TiffPage, pixels: np.ndarray) -> np.ndarray:
    """Converts stored pixels, or some of them, to those that other images have.

    Args:
        page: page of the TIFF, grey or colour.
        pixels: array of any shape, of the dtype of the page.

    Returns:
        The pixels, inverted if zero is white. Pixels of less than 8 bits are stretched to 0..255. Colours of 9 to 15
        bits become float32 in [0, 1]. All other pixels keep their dtype.
    """
    bits = page.bitspersample
    if page.photometric == tifffile.PHOTOMETRIC.MINISWHITE and pixels.dtype.kind in "bu":
        pixels = ~pixels if pixels.dtype == bool else pixels.dtype.type(2**bits - 1) - pixels
    if pixels.dtype.kind != "u" or not isinstance(bits, int):
        return pixels
    if bits < 8:
        return np.round(pixels * (255 / (2**bits - 1))).astype(np.uint8)
    # Grey is stretched by its percentiles, whatever its depth.
    return pixels / np.float32(2**bits - 1) if page.samplesperpixel > 2 and bits not in (8, 16, 32, 64) else pixels
