"""Write images and label maps without loss, in the formats that the readers and other tools read."""

import imagecodecs
import numpy as np
import tifffile

from ris_tf.files.writing import write_bytes


def write_image(stem, image):
    """Writes an image as PNG or, if it is float32, as TIFF.

    Args:
      stem: Path without suffix; its folders are made.
      image: [H, W, 1 or 3], uint8, uint16 or float32.

    Returns:
      the Path of the file.
    """
    pixels = image[..., 0] if image.shape[2] == 1 else image
    return _write(stem, pixels, image.dtype in (np.uint8, np.uint16))


def write_labels(stem, labels):
    """Writes a label map as PNG of 16 bits or, if it has ignored pixels or ids above 65,535, as TIFF of int32.

    Args:
      stem: Path without suffix; its folders are made.
      labels: int32 [H, W], -1 for ignored pixels.

    Returns:
      the Path of the file.
    """
    short = labels.min() >= 0 and labels.max() < 2**16
    return _write(stem, labels.astype(np.uint16) if short else labels, short)


def _write(stem, pixels, as_png):
    stem.parent.mkdir(parents=True, exist_ok=True)
    path = stem.with_name(f"{stem.name}.{'png' if as_png else 'tif'}")
    if as_png:
        write_bytes(path, imagecodecs.png_encode(np.ascontiguousarray(pixels)))
    else:
        tifffile.imwrite(path, pixels, photometric="minisblack" if pixels.ndim == 2 else "rgb", compression="zlib")
    return path
