"""Detects foreground masks that are used as label maps.

In a foreground mask all objects share one id, so a network would learn to find a single object per image.
"""

import numpy as np
from scipy import ndimage

_LEAST = 12  # pixels; smaller pieces are specks, probably annotation errors, and are not counted
_MANY = 3  # pieces; an occluded object usually falls into fewer


def pieces(labels):
    """Counts the connected pieces of the only object in a label map.

    Args:
      labels: int [H, W]; 0 is background, negative values are ignored pixels.

    Returns:
      int, number of pieces (8-connected, at least 12 pixels each); None unless there is exactly one object.
    """
    inside = labels > 0
    if not inside.any() or np.ptp(labels[inside]):
        return None
    numbered, _ = ndimage.label(inside, np.ones([3, 3]))
    return int(np.count_nonzero(np.bincount(numbered.ravel())[1:] >= _LEAST))


def warning(of_images):
    """Returns a one-line warning if the label maps look like foreground masks, otherwise None.

    Args:
      of_images: list with the result of `pieces` for each image.
    """
    if None in of_images or not of_images or np.median(of_images) < _MANY:
        return None
    return (
        f"every label map holds one object, in {np.median(of_images):g} separate pieces (median); these look like "
        "foreground masks; expected a different number for each object, see docs/data.md"
    )
