"""Synthetic images of instances by name, seed and index.

Every generator returns ``(image, labels)``: ``image`` is uint8 ``[size, size, 3]`` (RGB, 0..255) and ``labels`` is
uint16 ``[size, size]`` with 0 for the background and 1..n, consecutive, for the instances. A label covers what is
*visible* of its instance after occlusion.
"""

from typing import NamedTuple

import numpy as np

from ris_tf.data.discs import discs, heaps
from ris_tf.data.rosettes import rosettes
from ris_tf.data.tissue import tissue
from ris_tf.data.tokens import tokens
from ris_tf.errors import UsageError

KINDS = {"discs": discs, "heaps": heaps, "rosettes": rosettes, "tissue": tissue, "tokens": tokens}


def sample(kind: str, seed: int, index: int, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Image uint8 [size, size, 3] and labels uint16 [size, size]; the same for the same arguments.

    Raises UsageError if `kind` is not one of KINDS.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of synthetic image {kind!r}; known: {', '.join(KINDS)}")
    return KINDS[kind](np.random.default_rng([seed, index]), size)


class Drawing(NamedTuple):
    """One synthetic image as data sets give theirs: called, it is drawn. It cannot be wrong, as a file can."""

    kind: str
    seed: int
    index: int
    size: int

    def __call__(self):
        """Image uint8 [size, size, 3], labels int32 [size, size]."""
        image, labels = sample(*self)
        return image, labels.astype(np.int32)
