"""Check the decompressed size of zlib data without keeping it, so that a small file cannot exhaust the memory."""

import zlib
from collections.abc import Iterable

_BLOCK = 2**20  # bytes decompressed at a time


def exceeds(pieces: Iterable[bytes], most: int) -> bool:
    """Whether a zlib stream, given in pieces, decompresses to more than `most` bytes.

    Raises:
        zlib.error: the data are not a zlib stream.
    """
    total, unpacking = 0, zlib.decompressobj()
    for piece in pieces:
        while piece and not unpacking.eof:
            total += len(unpacking.decompress(piece, _BLOCK))
            piece = unpacking.unconsumed_tail
            if total > most:
                return True
    return False
