"""Resize images and label maps for training."""

import numpy as np
from PIL import Image


def _fitted(height, width, size):
    scale = min(size[0] / height, size[1] / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit_within(image, size):
    """Resizes an image, float32 [H, W, C], to the largest size that fits into `size`, (height, width).

    The aspect ratio is kept. Reduction averages over areas; enlargement is bilinear.
    """
    height, width = _fitted(*image.shape[:2], size)
    if (height, width) == image.shape[:2]:
        return image
    resample = Image.Resampling.BOX if height < image.shape[0] else Image.Resampling.BILINEAR
    planes = [Image.fromarray(image[..., c]).resize((width, height), resample) for c in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def fit_labels(labels, size):
    """Resizes an integer label map [H, W] to the same size as `fit_within`, by nearest neighbour; returns int32."""
    height, width = _fitted(*labels.shape, size)
    image = Image.fromarray(labels.astype(np.int32))
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST))
