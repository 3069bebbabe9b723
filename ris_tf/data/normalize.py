"""Normalise images of any dtype to the network's input range, identically in training and in prediction."""

import numpy as np

from ris_tf.data.white import white_of

LOW, HIGH = 1.0, 99.8  # percentiles that are mapped to 0 and 1 in grey images
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_MEAN = np.array([123.68, 116.779, 103.939], np.float32) / 255  # mean colour of ImageNet, RGB


def mean_colour(channels):
    """Mean colour of ImageNet as float32 [channels], or its luma for one channel.

    Networks pretrained on ImageNet see this colour as "no signal".
    """
    return _MEAN if channels == 3 else _MEAN @ _LUMA[:, None]


def normalize(image, channels):
    """Normalises one whole image. Do not pass a crop, because its percentiles would differ from those of the image.

    Args:
      image: uint8, uint16, bool or float, [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (alpha is dropped).
      channels: 1 or 3. 1 converts the image to grey and maps its 1st and 99.8th percentiles to 0 and 1, so that
        exposure and bit depth do not matter. 3 keeps the colours and maps 0 and white to 0 and 1; for images of 10,
        12 or 14 bits in uint16 and for floats above 1, see `white.white_of`.

    Returns:
      float32 [H, W, channels], clipped to [0, 2] for one channel and to [0, 1] for three.

    Raises:
      ValueError: the array has an unsupported shape or dtype, or contains NaN or infinity.
    """
    return scale(image, channels, levels(image, channels))


def levels(image, channels):
    """The two pixel values that are mapped to 0 and 1: (low, high), float. Arguments are the same as in `normalize`."""
    image = _checked(image)
    if image.dtype.kind == "f":  # a single NaN or infinity would spoil the whole normalised image
        bad = image.size - np.count_nonzero(np.isfinite(image))
        if bad:
            raise ValueError(f"{bad} of {image.size} values are NaN or infinite; expected finite pixels")
    if channels == 1:
        return tuple(float(level) for level in np.percentile(_grey(image), (LOW, HIGH)))
    return 0.0, white_of([image])


def scale(image, channels, levels):
    """Normalises an image, or a part of it, with the `levels` of the whole image; otherwise the same as `normalize`."""
    image, (low, high) = _checked(image), levels
    if channels == 1:
        grey = (_grey(image) - low) / max(float(high - low), 1e-6)
        return np.clip(grey, 0.0, 2.0)[..., None]
    return np.broadcast_to(np.clip(image.astype(np.float32) / high, 0.0, 1.0), (*image.shape[:2], channels)).copy()


def _checked(image):
    """Checks shape and dtype; returns the image as [H, W, 1] or [H, W, 3] with its dtype unchanged."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size or image.dtype.kind not in "buif":
        raise ValueError(
            "image must be [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of numbers. "
            f"Received: shape {image.shape}, dtype {image.dtype}"
        )
    # Signed integers and those of more than 16 bits are refused: their range does not say which value is white.
    if image.dtype.kind == "i" or image.dtype.kind == "u" and image.dtype.itemsize > 2:
        raise ValueError(f"image must be uint8, uint16, bool or float (white is 1). Received: dtype {image.dtype}")
    return image[..., :3] if image.shape[2] == 4 else image


def _grey(image):
    """Luma of an image: float32 [H, W]."""
    grey = image.astype(np.float32)
    return grey[..., 0] if grey.shape[2] == 1 else grey @ _LUMA
