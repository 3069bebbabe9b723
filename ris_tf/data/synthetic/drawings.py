"""Synthetic images with instance labels, identified by kind, seed and index.

Every generator returns ``(image, labels)``: ``image`` is uint8 ``[size, size, 3]`` (RGB, 0..255), and ``labels`` is
uint16 ``[size, size]`` with 0 for the background and consecutive numbers 1..n for the instances. A label covers only
the part of its instance that is *visible*, not what is occluded.
"""

import importlib
from typing import NamedTuple

import numpy as np

from ris_tf.errors import UsageError

# The module in which the function of each kind lies; it is imported when one is drawn, because drawing needs SciPy.
KINDS = {
    **{"discs": "discs", "heaps": "discs", "rosettes": "rosettes", "seedlings": "rosettes"},
    **{"tissue": "tissue", "tokens": "tokens"},
}


def sample(kind: str, seed: int, index: int, size: int = 256) -> tuple[np.ndarray, np.ndarray]:
    """Generates one synthetic image. The same arguments always give the same image.

    Args:
      kind: one of KINDS.
      seed, index: seeds of the random numbers.
      size: side of the image in pixels.

    Returns:
      image uint8 [size, size, 3] and labels uint16 [size, size].

    Raises:
      UsageError: `kind` is not one of KINDS.
    """
    if kind not in KINDS:
        raise UsageError(f"unknown kind of synthetic images {kind!r}; expected one of {', '.join(KINDS)}")
    draw = getattr(importlib.import_module(f"ris_tf.data.synthetic.{KINDS[kind]}"), kind)
    return draw(np.random.default_rng([seed, index]), size)


class Drawing(NamedTuple):
    """The read function of one synthetic sample: calling it generates the image. Unlike a file, it cannot be invalid.

    For kind, seed, index and size, see `sample`.
    """

    kind: str
    seed: int
    index: int
    size: int

    def __call__(self):
        """Returns image uint8 [size, size, 3] and labels int32 [size, size]."""
        image, labels = sample(*self)
        return image, labels.astype(np.int32)
