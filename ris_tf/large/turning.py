"""Turn each tile of a large photograph upright for the network, and its masks back, so that results fit the pixels."""

import numpy as np

from ris_tf.data.images.orientation import as_stored, upright


def turned(look, orientation, size):
    """Makes a look at tiles as they are stored from a look at upright tiles.

    Args:
        look: see `prediction.predict_instances`.
        orientation: how the image is turned to be upright, 1 to 8.
        size: (height, width) of a tile. If it is not square, tiles of an image that lies on its side (5 to 8) do not
            fit the network when they are turned, and `look` is returned as it is.

    Returns:
        function with the same arguments and results as `look`.
    """
    if orientation == 1 or (orientation >= 5 and size[0] != size[1]):
        return look

    def look_upright(tiles):
        masks, scores = look(np.stack([upright(tile, orientation) for tile in tiles]))
        masks = np.moveaxis(np.asarray(masks), 1, -1)  # [B, h, w, T]
        return np.moveaxis(np.stack([as_stored(found, orientation) for found in masks]), -1, 1), scores

    return look_upright
