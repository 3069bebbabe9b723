"""Masks -> masks that keep to the edges of the image, by a fully connected CRF (pydensecrf2, an optional library)."""

import importlib
import math

import numpy as np
from PIL import Image

from ris_tf.errors import UsageError

_FAINT = 0.05  # a mask's CRF sees only the box around what is above this
_CERTAIN = 1e-3  # probabilities are clipped this far from 0 and 1, or no edge could overrule the network
_MOST = 512 * 512  # pixels of one CRF; a larger box is reduced first


def library():
    """The module pydensecrf.densecrf; imported on first use, as it is no dependency.

    Raises:
      UsageError: it is not installed.
    """
    try:
        return importlib.import_module("pydensecrf.densecrf")
    except ImportError as error:
        raise UsageError("--crf needs pydensecrf2; pip install 'ris-tf[crf]'") from error


def refine(masks, image, crf):
    """Refines each mask by a two-label fully connected CRF of its own, with mean field (Kraehenbuehl & Koltun 2011).

    The unary energy is -log of the mask's probability; the pairwise energy is Potts, with a smoothness kernel
    exp(-|dx|^2 / 2 smooth_distance^2) and a bilateral one exp(-|dx|^2 / 2 bilateral_distance^2 - |dI|^2 / 2
    bilateral_colour^2), both normalised symmetrically.

    For speed a mask's CRF runs on a box alone: where the mask is above 0.05, and the longer of the two distances
    around it. Outside the box the mask stays as it is. A box of more than 512x512 pixels is reduced, with the
    distances, by a whole factor, and the result enlarged.

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
    """Slices of the box around what is true and `margin` more; None where nothing is."""
    slices = []
    for axis in (1, 0):
        found = np.flatnonzero(inside.any(axis))
        if not found.size:
            return None
        slices.append(slice(max(found[0] - margin, 0), found[-1] + 1 + margin))
    return tuple(slices)


def _mean_field(dense, mask, image, crf):
    """Mask float32 [h, w] and image float32 [h, w, C] -> probability float32 [h, w]."""
    factor = math.ceil(math.sqrt(mask.size / _MOST))
    small = [math.ceil(length / factor) for length in mask.shape]
    if factor > 1:
        image = np.stack([_resized(channel, small) for channel in np.moveaxis(image, 2, 0)], 2)
    probability = _resized(mask, small) if factor > 1 else mask
    inside = np.clip(probability.ravel(), _CERTAIN, 1 - _CERTAIN)
    place = np.indices(small, np.float32).reshape(2, -1) * factor  # [2, N], pixels of the mask as it came
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
