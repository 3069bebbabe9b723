"""How much packed data hold, found without keeping any of it, so that a small file cannot fill the memory."""

import zlib
from collections.abc import Iterable

_BLOCK = 2**20  # bytes unpacked at a time


def exceeds(pieces: Iterable[bytes], most: int) -> bool:
    """Whether a zlib stream, given in pieces, unpacks to more than `most` bytes.

    Raises:
        zlib.error: it is no such stream.
    """
    total, unpacking = 0, zlib.decompressobj()
    for piece in pieces:
        while piece and not unpacking.eof:
            total += len(unpacking.decompress(piece, _BLOCK))
            piece = unpacking.unconsumed_tail
            if total > most:
                return True
    return False
