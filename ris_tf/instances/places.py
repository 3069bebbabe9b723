"""Which region of interest each object lies in. NumPy only."""

import numpy as np


def place_of(labels, masks):
    """Finds the region in which most of an object's pixels lie.

    Args:
        labels: integer `[H, W]`; 0 is background, 1..N are objects.
        masks: list of R regions, bool `[H, W]`, which may overlap.

    Returns:
        int64 `[N]`, index of the region with most of the object's pixels, or R if most lie in none. Of several with as
        many, it is the first.
    """
    count = int(labels.max(initial=0)) + 1
    outside = ~np.logical_or.reduce(masks) if masks else np.ones(labels.shape, bool)
    inside = [np.bincount(np.maximum(labels[mask], 0), minlength=count) for mask in (*masks, outside)]
    return np.argmax(inside, axis=0)[1:]
