"""Convert stored numbers to those that the package uses: pixels to uint8, uint16 or float32, ids to integers."""

import numpy as np

from ris_tf.errors import DataError


def converted(where, image):
    """Converts pixels to uint8, uint16 or float32.

    Args:
        where: name of the image in error messages.
        image: array of any shape with bool, integer or float values.

    Returns:
        bool becomes uint8 with the values 0 and 255; uint8 and uint16 are kept, in native byte order; all others become
        float32.

    Raises:
        DataError: the values are not real numbers, or include NaN, infinity or values out of the range of float32.
    """
    if image.dtype == bool:
        return image.astype(np.uint8) * 255
    if image.dtype.kind == "u" and image.dtype.itemsize <= 2:
        return np.ascontiguousarray(image, image.dtype.newbyteorder("="))
    if image.dtype.kind not in "iuf":
        raise DataError(f"{where}: pixels are {image.dtype}; expected 8-bit or 16-bit integers or float32")
    with np.errstate(over="ignore"):  # values out of the range of float32 become infinite and are reported below
        image = np.ascontiguousarray(image, np.float32)
    bad = image.size - np.count_nonzero(np.isfinite(image))
    if bad:
        raise DataError(f"{where}: {bad} of {image.size} values are NaN or infinite; expected finite pixels")
    return image


def whole_ids(where, labels):
    """Converts ids that a tool stored as floats to integers.

    Args:
        where: name of the label map in error messages.
        labels: array of any shape and dtype.

    Returns:
        Floats become int64 of the same values; all other dtypes are returned as they are.

    Raises:
        DataError: a float is not a whole number, or is too large for its dtype to tell it from the next one.
    """
    if labels.dtype.kind != "f":
        return labels
    wrong = labels[labels != np.rint(labels)]  # includes NaN
    if wrong.size or not np.isfinite(labels).all():
        found = wrong[0] if wrong.size else labels[~np.isfinite(labels)][0]
        raise DataError(
            f"{where}: mask is {labels.dtype} with the value {found:g}; expected integer ids, 0 for background "
            "(uint8 or uint16, or floats that are whole numbers)"
        )
    exact = 2 ** (np.finfo(labels.dtype).nmant + 1)  # from it on, neighbouring ids are stored as one number
    highest = np.abs(labels).max(initial=0)
    if highest >= exact:
        raise DataError(
            f"{where}: mask has the id {highest:.0f}, but {labels.dtype} tells ids apart only below {exact}; "
            "expected integer ids (uint16 or int32)"
        )
    return labels.astype(np.int64)
