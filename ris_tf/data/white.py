"""Which pixel value of a colour image is white: found from the pixels, because most files do not say it.

Cameras and microscopes store 10, 12 or 14 bits in files of 16 bits, and many programs store any of these as floats.
Divided by 65,535, such an image would be nearly black.
"""

import functools
import logging

import numpy as np

WHITES = (255, 1023, 4095, 16383, 65535)  # largest values of 8, 10, 12, 14 and 16 bits
_SPREAD = (256, 257)  # factors by which 8 bits are spread over 16 bits


def white_of(parts):
    """Finds the pixel value that is shown as white.

    - uint8: 255. bool: 1.
    - uint16: the largest value of the smallest depth, of 8, 10, 12, 14 or 16 bits, that holds all values. But it is
      65,535 if every value is a multiple of 256 or 257, as in a dark 8-bit image that was spread over 16 bits. A depth
      below 16 bits is logged once, because the image may also be a dark one of 16 bits.
    - float: 1 if no value is above 1. Otherwise whole numbers are treated like uint16. Other numbers have the white of
      a depth if their maximum is in the upper half of its range, and else their maximum is white.

    Args:
      parts: the image as an iterable of arrays of one dtype, uint8, uint16, bool or finite float. It is read only as
        far as needed.

    Returns:
      float, at least 1.
    """
    highest, whole, spread = 1.0, True, set(_SPREAD)
    for part in parts:
        if part.dtype.itemsize == 1 and part.dtype.kind in "bu":
            return 255.0 if part.dtype.kind == "u" else 1.0
        integers = part.dtype.kind == "u"
        highest = max(highest, float(part.max()))
        if integers and highest > WHITES[-2]:
            return float(WHITES[-1])  # no other part can change this
        whole = whole and (integers or bool((part == np.rint(part)).all()))
        spread = {factor for factor in spread if whole and not (part % factor).any()}
    if not integers and highest <= 1 or highest > WHITES[-1]:
        return highest
    white = next(white for white in WHITES if highest <= white)
    if whole:
        white = WHITES[-1] if spread else white
        if integers and white < WHITES[-1]:
            _note(white)
        return float(white)
    return float(white) if highest > white / 2 else highest


@functools.cache
def _note(white):
    logging.warning(
        "A colour image stored in 16 bits has no value above %d, so it is read as an image of %d bits. "
        "If it is a dark image of 16 bits, divide it by 65535 and save it as float32.",
        white,
        white.bit_length(),
    )
