"""Whether the pixels of a TIFF with JPEG 2000 compression are RGB or YCbCr. Its colour tag says RGB in both cases."""

import struct
from pathlib import Path

import numpy as np
import tifffile

from ris_tf.errors import DataError

_APERIO, _LOSSY, _RGB = 33003, 33004, (33005, 34712)  # numbers of the compression
_CODING, _COMMENT, _TILE = 0xFF52, 0xFF64, 0xFF90  # markers in a codestream; the first tile ends its header
_HEADER = 2**16  # bytes that are read of a codestream


def is_ycbcr(path: Path, page: tifffile.TiffPage) -> bool:
    """Whether the pixels that tifffile decodes are YCbCr and not what the colour tag says.

    Aperio's scanners store YCbCr as compression 33003, and Bio-Formats stores RGB. libvips stores YCbCr as compression
    33004, and others RGB; the codestreams do not differ.

    Args:
        path: Path of the TIFF, for messages.
        page: page of the open TIFF.

    Raises:
        DataError: they may be either.
    """
    kind = int(page.compression)
    if kind not in (_APERIO, _LOSSY) or page.samplesperpixel != 3 or page.planarconfig != 1:
        return False
    if page.software.startswith("tifffile"):
        return False
    mixed, comment = _header(page)
    if kind == _APERIO and not mixed and page.description.startswith("Aperio") and page.dtype == np.uint8:
        return True
    # The codestream itself mixes red, green and blue, so that its pixels are RGB; but libvips mixes YCbCr.
    if mixed and not comment.startswith(b"Created by OpenJPEG"):
        return False
    raise DataError(
        f"{path}: colours are compressed with JPEG 2000 (TIFF compression {kind}), and the file does not say whether "
        "they are RGB or YCbCr; save it again with another compression, such as LZW"
    )


def _header(page):
    """Whether a codestream mixes its first three channels, and the comment of its writer."""
    index = next(index for index, count in enumerate(page.databytecounts) if count)
    file = page.parent.filehandle
    file.seek(page.dataoffsets[index])
    content = file.read(min(page.databytecounts[index], _HEADER))
    place, mixed, comment = 2, False, b""
    while place + 4 <= len(content):
        marker, length = struct.unpack_from(">HH", content, place)
        if marker == _TILE:
            break
        if marker == _CODING:
            mixed = content[place + 8 : place + 9] == b"\1"
        if marker == _COMMENT:
            comment = content[place + 6 : place + 2 + length]
        place += 2 + max(length, 2)
    return mixed, comment
