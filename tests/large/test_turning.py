"""Tiles of a photograph that is stored turned: the network sees them upright, and the masks fit the stored pixels."""

import numpy as np
import pytest
import tifffile
from PIL import Image, ImageOps

from ris_tf.data.images.regions import open_regions
from ris_tf.large.bands import Bands
from ris_tf.large.turning import turned


@pytest.mark.parametrize("orientation", range(1, 9))
def test_the_look_is_upright_and_its_masks_are_not(orientation):
    tiles = np.random.default_rng(0).random((2, 8, 8, 3)).astype(np.float32)
    exif = Image.Exif()
    exif[274] = orientation
    seen = []

    def look(upright):
        seen.append(upright)
        return np.stack([upright[..., 0], 2 * upright[..., 1]], 1), np.arange(4).reshape(2, 2)

    masks, scores = turned(look, orientation, (8, 8))(tiles)
    np.testing.assert_array_equal(masks, np.stack([tiles[..., 0], 2 * tiles[..., 1]], 1))
    np.testing.assert_array_equal(scores, [[0, 1], [2, 3]])
    for tile, found in zip(tiles, seen[0], strict=True):
        image = Image.fromarray((tile[..., 0] * 255).astype(np.uint8))
        image.getexif().update(exif)
        np.testing.assert_array_equal(
            np.asarray(ImageOps.exif_transpose(image)), (found[..., 0] * 255).astype(np.uint8)
        )


def test_tiles_that_are_not_square_are_turned_only_if_they_fit():
    def look(tiles):
        return tiles[..., 0][:, None], np.ones((len(tiles), 1))

    assert turned(look, 6, (8, 12)) is look
    half = turned(look, 3, (8, 12))
    tiles = np.random.default_rng(0).random((1, 8, 12, 1))
    assert half is not look
    np.testing.assert_array_equal(half(tiles)[0], tiles[..., 0][:, None])


def test_a_large_image_is_looked_at_upright(small, tmp_path):
    small.data.view, small.model.channels = "tiles", 1
    image = np.zeros((300, 200), np.uint8)
    image[:, 100:] = 200  # bright on the right: at the bottom once it is turned
    tags = [(274, "H", 1, 6, True)]
    tifffile.imwrite(tmp_path / "a.tif", image, tile=(64, 64), extratags=tags)
    seen = []

    class Model:
        config = small

        def look(self, tiles):
            seen.extend(np.asarray(tiles)[..., 0])
            return np.zeros((len(tiles), 4, 32, 32), np.float32), np.zeros((len(tiles), 4), np.float32)

    list(Bands(Model(), open_regions(tmp_path / "a.tif"), tmp_path / "a.tif", tmp_path / "parts"))
    mixed = [tile for tile in seen if tile.min() < 0.5 < tile.max()]
    assert mixed and all(tile[0].max() < 0.5 < tile[-1].min() for tile in mixed)
