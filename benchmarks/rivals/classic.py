"""Rival without training: threshold and watershed from scikit-image, with parameters searched on validation data."""

import itertools

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_local, threshold_otsu
from skimage.measure import label
from skimage.segmentation import watershed

from ris_tf.evaluation import metrics


def segment(image, sigma=1.0, distance=5, local=False):
    """Segments an image; the objects are its bright or its dark pixels, depending on which are fewer.

    Args:
      image: [H, W] or [H, W, C].
      sigma: standard deviation of the Gaussian smoothing, pixels.
      distance: smallest distance between the centres of two objects, pixels.
      local: whether the threshold adapts to the surroundings of each pixel.

    Returns:
      int labels [H, W].
    """
    grey = image.mean(axis=-1) if image.ndim == 3 else image
    smooth = gaussian(grey.astype(np.float32), sigma)
    cut = threshold_local(smooth, 101) if local else threshold_otsu(smooth)
    foreground = smooth > cut
    if foreground.mean() > 0.5:
        foreground = ~foreground
    depth = gaussian(ndimage.distance_transform_edt(foreground), 1.0)
    peaks = peak_local_max(depth, min_distance=distance, labels=label(foreground))
    markers = np.zeros(grey.shape, np.int32)
    markers[tuple(peaks.T)] = np.arange(1, len(peaks) + 1)
    return watershed(-depth, markers, mask=foreground)


def tuned(images, labels):
    """Searches the keyword arguments of `segment` with the highest pooled AP at IoU 0.5.

    Args:
      images: list of [H, W] or [H, W, C].
      labels: list of int [H, W], the true label maps.

    Returns:
      dict.
    """

    def figure(parameters):
        rows = [metrics.evaluate_image(t, segment(i, **parameters)) for i, t in zip(images, labels, strict=True)]
        return metrics.summarise(rows)["ap_0.5"]

    choices = itertools.product((0.5, 1.0, 2.0), (3, 5, 8, 12), (False, True))
    return max((dict(zip(("sigma", "distance", "local"), c, strict=True)) for c in choices), key=figure)
