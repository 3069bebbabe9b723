"""Convert between ids and the colours of PASCAL VOC, in which some tools (CVAT, Datumaro) write masks.

In VOC's table the bits of an id are dealt out to red, green and blue in turn, beginning with the lowest bit of the id
and the highest bit of the channels: 1 is (128, 0, 0), 2 is (0, 128, 0), 3 is (128, 128, 0).
"""

import numpy as np

from ris_tf.errors import DataError

_IDS = 2**16  # ids that are read; later colours of the table differ too little to be told from blurred edges


def _dealt(channel):
    """The bits of a channel at their places in the id, uint8 [...] -> int32 [...], before the shift for the channel."""
    values = channel.astype(np.int32)
    return sum(((values >> (7 - place)) & 1) << (3 * place) for place in range(8))


_TABLE = _dealt(np.arange(256))


def to_ids(colours):
    """Converts colours to the ids that have them in VOC's table: uint8 [..., 3] -> int32 [...], 0 to 2**24 - 1."""
    red, green, blue = (_TABLE[colours[..., channel]] for channel in range(3))
    return red | (green << 1) | (blue << 2)


def checked_ids(file, colours):
    """Same as `to_ids`, for the mask of a file.

    Args:
      file: Path of the file, for messages.
      colours: uint8 [H, W, 3].

    Raises:
      DataError: a colour is not among the first 65,536 of VOC's table.
    """
    ids = to_ids(colours)
    if ids.max(initial=0) >= _IDS:
        colour = tuple(map(int, colours[ids == ids.max()][0]))
        raise DataError(
            f"{file}: mask has the colour {colour}, which is not one of VOC's for objects; expected VOC's colours or "
            "a map of ids"
        )
    return ids
