"""Synthetic images of bright discs, and a stand-in for a network that finds every bright blob."""

import numpy as np
from scipy import ndimage

from ris_tf.inference.looks import Look


def perfect_look(config, seen=None):
    """A stand-in for `RIS.look` that finds every bright blob of a tile, the largest first.

    Args:
      config: config of a model; its `model.steps` limits the number of blobs.
      seen: None, or a list to which every tile is appended.

    Returns:
      function of tiles, giving masks at stride 2 and scores: 0.9 for a blob, 0.1 for steps after the last one.
    """
    steps = config.model.steps

    def look(tiles):
        batch, height, width, _ = tiles.shape
        masks = np.zeros((batch, steps, height // 2, width // 2), np.float32)
        scores = np.full((batch, steps), 0.1, np.float32)
        for b, tile in enumerate(tiles[..., 0]):
            if seen is not None:
                seen.append(tile)
            labels, count = ndimage.label(tile > 0.5)
            areas = np.bincount(labels.ravel(), minlength=count + 1)[1:]
            for t, index in enumerate(np.argsort(-areas)[:steps]):
                inside = (labels == index + 1).astype(np.float32)
                masks[b, t] = inside.reshape(height // 2, 2, width // 2, 2).mean(axis=(1, 3))
                scores[b, t] = 0.9
        return masks, scores

    return look


def mosaic(height, width, pitch, radius, seed=0):
    """Bright discs on a jittered grid.

    Args:
      height, width: of the image, pixels.
      pitch: distance of the grid's points, pixels.
      radius: of the discs, pixels.
      seed: int.

    Returns:
      image, float32 [H, W] of 0 and 1; and the number of discs, int.
    """
    rng = np.random.default_rng(seed)
    image = np.zeros((height, width), np.float32)
    rows, columns = np.indices(image.shape)
    count = 0
    for y in range(pitch // 2, height - pitch // 2 + 1, pitch):
        for x in range(pitch // 2, width - pitch // 2 + 1, pitch):
            slack = pitch / 2 - radius - 2
            dy, dx = rng.uniform(-slack, slack, 2) if slack > 0 else (0, 0)
            image[(rows - y - dy) ** 2 + (columns - x - dx) ** 2 < radius**2] = 1
            count += 1
    return image, count


def perfect_windows(config, views=None):
    """Same as `perfect_look`, but it can also look at windows of a view; each view is appended to `views`."""
    find = perfect_look(config)

    def encode(view):
        if views is not None:
            views.append(view[0])
        return {"image": view, "coarse": view[:, ::8, ::8]}

    def find_in(maps):
        np.testing.assert_array_equal(maps["coarse"], maps["image"][:, ::8, ::8])  # cut at the same place
        return find(maps["image"])

    return Look(find, encode, find_in, config.model.size, 32)
