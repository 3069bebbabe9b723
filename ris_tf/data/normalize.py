"""Image of any dtype and channels -> what the network reads; the same in training and in prediction."""

import numpy as np

LOW, HIGH = 1.0, 99.8  # percentiles that become 0 and 1 in grey images
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)  # ITU-R BT.601
_MEAN = np.array([123.68, 116.779, 103.939], np.float32) / 255  # of ImageNet, RGB


def mean_colour(channels):
    """ImageNet's mean colour, what networks trained there take for nothing: float32 [channels]; its luma for one."""
    return _MEAN if channels == 3 else _MEAN @ _LUMA[:, None]


def normalize(image, channels):
    """Normalises one whole image (never a crop of it, whose percentiles would differ).

    Args:
      image: uint8, uint16, bool or float, [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] (alpha is dropped).
      channels: 1 makes the image grey and maps its 1st and 99.8th percentile to 0 and 1, so that exposure and bit depth
        do not matter; 3 keeps colours, scaled by the dtype's range to [0, 1] (floats beyond 1: by their maximum).

    Returns:
      float32 [H, W, channels]; for one channel clipped to [0, 2], for three within [0, 1].

    Raises:
      ValueError: the array is no such image, or holds NaN or infinity.
    """
    return scale(image, channels, levels(image, channels))


def levels(image, channels):
    """The two values that become 0 and 1, (low, high), float; arguments as of `normalize`."""
    image = _checked(image)
    if image.dtype.kind == "f":  # one value that is none would make all of the image so
        bad = image.size - np.count_nonzero(np.isfinite(image))
        if bad:
            raise ValueError(f"{bad} of {image.size} values are NaN or infinite; expected finite pixels")
    if channels == 1:
        return tuple(float(level) for level in np.percentile(_grey(image), (LOW, HIGH)))
    whole = image.dtype.kind in "iu"
    return 0.0, float(np.iinfo(image.dtype).max) if whole else max(1.0, float(image.max()))


def scale(image, channels, levels):
    """Normalises an image or a part of one by the `levels` of the whole; else as `normalize`."""
    image, (low, high) = _checked(image), levels
    if channels == 1:
        grey = (_grey(image) - low) / max(float(high - low), 1e-6)
        return np.clip(grey, 0.0, 2.0)[..., None]
    return np.broadcast_to(np.clip(image.astype(np.float32) / high, 0.0, 1.0), (*image.shape[:2], channels)).copy()


def _checked(image):
    """[H, W, 1] or [H, W, 3] of the image's dtype."""
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4) or not image.size or image.dtype.kind not in "buif":
        raise ValueError(
            "image must be [H, W], [H, W, 1], [H, W, 3] or [H, W, 4] of numbers. "
            f"Received: shape {image.shape}, dtype {image.dtype}"
        )
    if image.dtype.kind == "i" or image.dtype.kind == "u" and image.dtype.itemsize > 2:  # no range tells their white
        raise ValueError(f"image must be uint8, uint16, bool or float (white is 1). Received: dtype {image.dtype}")
    return image[..., :3] if image.shape[2] == 4 else image


def _grey(image):
    """float32 [H, W]."""
    grey = image.astype(np.float32)
    return grey[..., 0] if grey.shape[2] == 1 else grey @ _LUMA
