"""Refines masks at the edges of the image with a fully connected CRF (pydensecrf2, an optional library)."""

import math

import numpy as np
from PIL import Image

from ris_tf.optional import import_optional

_FAINT = 0.05  # the CRF of a mask sees only the box around pixels above this value
_CERTAIN = 1e-3  # probabilities are kept this far from 0 and 1; otherwise no edge could overrule the network
_MOST = 512 * 512  # largest number of pixels of one CRF; a larger box is reduced first


def library():
    """Returns the module pydensecrf.densecrf. It is imported on first use, because it is an optional dependency.

    Raises:
      UsageError: pydensecrf2 is not installed.
    """
    return import_optional("pydensecrf.densecrf", "--crf", "pydensecrf2", "'ris-tf[crf]'")


def refine(masks, image, crf):
    """Refines each mask with its own two-label fully connected CRF and mean field (Kraehenbuehl & Koltun 2011).

    The unary energy is -log of the mask's probability; the pairwise energy is Potts, with a smoothness kernel
    exp(-|dx|^2 / 2 smooth_distance^2) and a bilateral one exp(-|dx|^2 / 2 bilateral_distance^2 - |dI|^2 / 2
    bilateral_colour^2), both normalised symmetrically.

    For speed, the CRF of a mask runs only on a box. The box holds the pixels where the mask is above 0.05, and around
    them a margin as wide as the longer of the two distances. Outside the box the mask is unchanged. A box of more than
    512x512 pixels is reduced by a whole factor, together with the distances, and the result is enlarged again.

    Args:
      masks: float32 [T, H, W] in [0, 1].
      image: float32 [H, W, C], normalised.
      crf: `config.predict.crf`.

    Returns:
      float32 [T, H, W] in [0, 1].

    Raises:
      UsageError: pydensecrf2 is not installed.
    """
    dense = library()
    margin = math.ceil(max(crf.smooth_distance, crf.bilateral_distance))
    refined = np.array(masks, np.float32)
    for mask in refined:
        box = _box(mask > _FAINT, margin)
        if box is not None:
            mask[box] = _mean_field(dense, mask[box], image[box], crf)
    return refined


def _box(inside, margin):
    """Slices of the bounding box of the true pixels, enlarged by `margin` pixels; None if no pixel is true."""
    slices = []
    for axis in (1, 0):
        found = np.flatnonzero(inside.any(axis))
        if not found.size:
            return None
        slices.append(slice(max(found[0] - margin, 0), found[-1] + 1 + margin))
    return tuple(slices)


def _mean_field(dense, mask, image, crf):
    """Runs one CRF: mask float32 [h, w] and image float32 [h, w, C] -> probability float32 [h, w]."""
    factor = math.ceil(math.sqrt(mask.size / _MOST))
    small = [math.ceil(length / factor) for length in mask.shape]
    if factor > 1:
        image = np.stack([_resized(channel, small) for channel in np.moveaxis(image, 2, 0)], 2)
    probability = _resized(mask, small) if factor > 1 else mask
    inside = np.clip(probability.ravel(), _CERTAIN, 1 - _CERTAIN)
    place = np.indices(small, np.float32).reshape(2, -1) * factor  # [2, N], in pixels of the unreduced mask
    colour = image.reshape(-1, image.shape[2]).T  # [C, N]
    field = dense.DenseCRF(inside.size, 2)
    field.setUnaryEnergy(-np.log(np.stack([1 - inside, inside])))
    field.addPairwiseEnergy(place / np.float32(crf.smooth_distance), crf.smooth_weight)
    bilateral = [place / crf.bilateral_distance, colour / crf.bilateral_colour]
    field.addPairwiseEnergy(np.concatenate(bilateral).astype(np.float32), crf.bilateral_weight)
    probability = np.array(field.inference(crf.iterations))[1].reshape(small)
    return _resized(probability, mask.shape) if factor > 1 else probability


def _resized(plane, size):
    plane = Image.fromarray(np.ascontiguousarray(plane, np.float32))
    return np.asarray(plane.resize((size[1], size[0]), Image.Resampling.BILINEAR))
