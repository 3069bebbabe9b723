"""Masks of a foreground taken for label maps: all objects have one id, and a network would learn one object."""

import numpy as np
from scipy import ndimage

_LEAST = 12  # pixels of a piece that counts: specks are slips of the brush
_MANY = 3  # pieces: more than something in front of an object cuts it into


def pieces(labels):
    """Separate pieces of the only object of a label map.

    Args:
      labels: int [H, W], 0 background, below 0 ignored.

    Returns:
      int; None unless there is exactly one object.
    """
    inside = labels > 0
    if not inside.any() or np.ptp(labels[inside]):
        return None
    numbered, _ = ndimage.label(inside, np.ones([3, 3]))
    return int(np.count_nonzero(np.bincount(numbered.ravel())[1:] >= _LEAST))


def warning(of_images):
    """A line about label maps that seem to be masks of the foreground, None for others.

    Args:
      of_images: list of what `pieces` gave for each image.
    """
    if None in of_images or not of_images or np.median(of_images) < _MANY:
        return None
    return (
        f"every label map holds one object, in {np.median(of_images):g} separate pieces (median): are these masks of "
        "the foreground? expected another number for every object, see docs/data.md"
    )
