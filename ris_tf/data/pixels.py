"""Pixels of any stored type as the package reads them: uint8, uint16 or finite float32."""

import numpy as np

from ris_tf.errors import DataError


def converted(where, image):
    """Pixels as they are read from then on.

    Args:
        where: what names the image in an error.
        image: array of any shape: bool, integers or floats.

    Returns:
        uint8 0 and 255 of bool; uint8 and uint16 as they are, in the machine's byte order; float32 of all others.

    Raises:
        DataError: the values are no numbers, or NaN, infinite or beyond float32.
    """
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        return np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    if image.dtype.kind not in "iuf":
        raise DataError(f"{where}: pixels are {image.dtype}; expected 8 or 16-bit integers or float32")
    with np.errstate(over="ignore"):  # what float32 cannot hold becomes infinite
        image = np.ascontiguousarray(image, np.float32)
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        raise DataError(f"{where}: {bad} of {image.size} values are NaN or infinite; expected finite pixels")
    return image
