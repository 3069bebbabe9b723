"""What the chunks of a PNG say that Pillow does not: depth, significant bits, number of pictures."""

import struct
from collections.abc import Iterator

import numpy as np

_DEPTH = 24  # place of the bit depth in a PNG
START = 25  # bytes of a PNG that `depth` needs


def depth(content: bytes) -> int:
    """Bits per sample."""
    return content[_DEPTH]


def chunks(content: bytes, kind: bytes) -> Iterator[bytes]:
    """Yields the data of every chunk of a kind."""
    place = 8
    while place + 8 <= len(content):
        length, found = struct.unpack_from(">I4s", content, place)
        if found == kind:
            yield content[place + 8 : place + 8 + length]
        place += length + 12


def is_spread(content: bytes, pixels: np.ndarray) -> bool:
    """Whether fewer bits were spread over the 16 of each sample, as the standard wants it; 65,535 is white then.

    The chunk sBIT says how many bits there were. Some programs write it, but do not spread the values.

    Args:
        content: the PNG.
        pixels: its samples, uint16 of any shape.
    """
    bits = max(next(chunks(content, b"sBIT"), b"\0")[:3], default=0)
    if not 1 <= bits < 16:
        return False
    values = (pixels >> (16 - bits)).astype(np.int32)
    spread = np.rint(values * (65535 / (2**bits - 1)))
    return bool((np.abs(spread - pixels) <= 1).all() or (values << (16 - bits) == pixels).all())
