"""Positions of the tiles of a large image. Pure Python, because every runtime needs this module."""

from ris_tf.errors import UsageError


def tile_grid(length, tile, overlap):
    """Places overlapping windows along one axis.

    Args:
        length: number of pixels to cover, int >= 1.
        tile: number of pixels of a window, int >= 1.
        overlap: smallest number of pixels that neighbouring windows share, int in [0, tile).

    Returns:
        list of int, the starts of the windows, ascending and evenly spread, as few as possible. The first start is 0
        and the last window ends at `length`. The list is `[0]` if one window covers everything.

    Raises:
        UsageError: the overlap is negative or not smaller than the tile, or a size is not positive.
    """
    if length < 1 or tile < 1:
        raise UsageError(f"length and tile must be at least 1. Received: {length} and {tile}")
    if not 0 <= overlap < tile:
        raise UsageError(f"overlap must be at least 0 and smaller than the tile ({tile}). Received: {overlap}")
    if tile >= length:
        return [0]
    gaps = -(-(length - tile) // (tile - overlap))  # rounded up
    return [index * (length - tile) // gaps for index in range(gaps + 1)]
