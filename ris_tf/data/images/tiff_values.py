"""What the stored numbers of a TIFF stand for: which are black and white, and which mean "no data"."""

import functools
from collections.abc import Callable
from xml.etree import ElementTree

import numpy as np
import tifffile

_NO_DATA = 42113  # tag of GDAL; its text is the number that stands for "no data"


class Values:
    """Converts the stored numbers of a page to those that other images have.

    Zero becomes black if it is white. Pixels of less than 8 bits are stretched to 0..255. Colours of 9 to 15 bits
    become float32 in [0, 1]. Pixels without data become black: 0 in unsigned integers, otherwise the lowest number of
    the image. All other pixels keep their dtype.

    Args:
        page: page of the TIFF.
        colour: whether the image has colours.
    """

    def __init__(self, page: tifffile.TiffPage, colour: bool):
        self._missing, self._bits, self._stated = missing_value(page), page.bitspersample, _significant_bits(page)
        self._inverted = page.photometric == tifffile.PHOTOMETRIC.MINISWHITE
        self._colour = colour

    def shown(self, stored: np.ndarray, limits: Callable[[], tuple[float, float]] | None = None) -> np.ndarray:
        """Converts stored numbers.

        Args:
            stored: [H, W] or [H, W, C], the whole image or a part of it.
            limits: function that returns the `limits` of the whole image; None if `stored` is the whole image.

        Returns:
            array of the same shape.
        """
        limits = limits or functools.partial(self.limits, stored)
        pixels, bits = stored, self._bits
        if self._colour and self._stated and limits()[1] < 2**self._stated:
            bits = self._stated
        if self._inverted and pixels.dtype.kind in "bu":
            pixels = ~pixels if pixels.dtype == bool else pixels.dtype.type(2**bits - 1) - pixels
        elif self._inverted:  # no number is known to be black, so the image keeps its limits
            pixels = np.float32(sum(limits())) - pixels
        if pixels.dtype.kind == "u" and isinstance(bits, int):
            if bits < 8:
                pixels = np.round(pixels * (255 / (2**bits - 1))).astype(np.uint8)
            elif self._colour and bits not in (8, 16, 32, 64):  # grey is stretched by its percentiles
                pixels = pixels / np.float32(2**bits - 1)
        without = self._without(stored)
        if without is not None and without.any():
            lowest = 0 if stored.dtype.kind in "bu" else limits()[0]
            black = lowest if np.isfinite(lowest) else 0
            pixels = np.where(without, pixels.dtype.type(black), pixels)
        return pixels

    def limits(self, stored: np.ndarray) -> tuple[float, float]:
        """The lowest and the highest stored number that stand for data; infinity and -infinity if none do."""
        without = self._without(stored)
        some = stored if without is None else stored[~np.broadcast_to(without, stored.shape)]
        return (float(some.min()), float(some.max())) if some.size else (np.inf, -np.inf)

    def _without(self, stored):
        """Where there are no data: bool, [H, W] or [H, W, 1]; None if the TIFF does not say which number that is."""
        if self._missing is None:
            return None
        found = np.isnan(stored) if np.isnan(self._missing) else stored == self._missing
        return found.all(axis=2, keepdims=True) if found.ndim == 3 else found


def missing_value(page: tifffile.TiffPage) -> float | None:
    """The number that stands for "no data", which may be NaN; None if the TIFF names none that its dtype can hold."""
    try:
        value = float(page.tags.valueof(_NO_DATA).replace(",", "."))
    except (AttributeError, ValueError):
        return None
    return value if page.dtype.kind == "f" or value.is_integer() else None


def _significant_bits(page):
    """The bits of 16 that hold a value, 9 to 15, if the OME-XML says so; otherwise None.

    Bio-Formats states 16 bits for every image that is stored in 16; there may be fewer. The tag MaxSampleValue is not
    read: it is the largest number in the image and, by the standard, does not say how the image looks.
    """
    if page.bitspersample != 16 or not page.parent.is_ome:
        return None
    try:
        pixels = ElementTree.fromstring(page.parent.ome_metadata).iterfind(".//{*}Pixels")
        stated = {int(one.get("SignificantBits", 16)) for one in pixels}
    except (ElementTree.ParseError, ValueError):
        return None
    return min(stated) if len(stated) == 1 and 8 < min(stated) < 16 else None
