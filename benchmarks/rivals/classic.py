"""Threshold and watershed of scikit-image, its three parameters searched on validation images."""

import itertools

import numpy as np
from scipy import ndimage
from skimage.feature import peak_local_max
from skimage.filters import gaussian, threshold_local, threshold_otsu
from skimage.measure import label
from skimage.segmentation import watershed

from ris_tf import metrics


def segment(image, sigma=1.0, distance=5, local=False):
    """Instances of bright or dark objects, whichever are fewer pixels.

    Args:
      image: [H, W] or [H, W, C].
      sigma: of the smoothing, pixels.
      distance: least between two objects' centres, pixels.
      local: whether the threshold follows the surroundings.

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
    """The keyword arguments of `segment` with the highest pooled AP at IoU 0.5."""

    def figure(parameters):
        rows = [metrics.evaluate_image(t, segment(i, **parameters)) for i, t in zip(images, labels, strict=True)]
        return metrics.summarise(rows)["ap_0.5"]

    choices = itertools.product((0.5, 1.0, 2.0), (3, 5, 8, 12), (False, True))
    return max((dict(zip(("sigma", "distance", "local"), c, strict=True)) for c in choices), key=figure)
