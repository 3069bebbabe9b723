"""Resizing of images and label maps as training needs them."""

import numpy as np
from PIL import Image


def _fitted(height, width, size):
    scale = min(size[0] / height, size[1] / width)
    return max(1, round(height * scale)), max(1, round(width * scale))


def fit_within(image, size):
    """Resizes float32 [H, W, C] so that it just fits into `size` (height, width), keeping its proportions.

    Reduction averages over areas, enlargement is bilinear.
    """
    height, width = _fitted(*image.shape[:2], size)
    if (height, width) == image.shape[:2]:
        return image
    resample = Image.Resampling.BOX if height < image.shape[0] else Image.Resampling.BILINEAR
    planes = [Image.fromarray(image[..., c]).resize((width, height), resample) for c in range(image.shape[2])]
    return np.stack([np.asarray(plane) for plane in planes], axis=-1)


def fit_labels(labels, size):
    """Resizes an integer label map [H, W] as `fit_within` does, by nearest neighbours; int32."""
    height, width = _fitted(*labels.shape, size)
    image = Image.fromarray(labels.astype(np.int32))
    return np.asarray(image.resize((width, height), Image.Resampling.NEAREST))
