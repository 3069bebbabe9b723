"""Read regions of TIFF and zarr images that are too large for memory, by decoding only the stored tiles or chunks."""

import functools
import math
import os

import numpy as np
import tifffile

from ris_tf.data.images import npy_arrays, tiff_pieces
from ris_tf.data.images.decoding import MAX_BYTES, MAX_PIXELS, TIFF_STARTS
from ris_tf.data.images.pixels import converted
from ris_tf.data.images.tiff_pages import axes_of, chosen_plane
from ris_tf.data.images.zarr_arrays import ZarrImage
from ris_tf.errors import DataError, RisError

MAX_SIDE = 2**17  # pixels; the memory needed grows only with the width
_CACHE = 3 * 2**27  # bytes of decoded pieces to keep: a full row of pieces for images up to MAX_SIDE wide
_MAX_PIECE = 2**26  # bytes, largest decoded size of one piece
_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")


class Regions:
    """An image that is read region by region.

    Args:
        path: Path of the image, for messages.
        shape: (height, width, channels) as stored.
        dtype: dtype of the stored pixels.
        piece: (height, width) of the tiles, strips or chunks that the image is stored in.
        load: function (channel, row, column) that returns one piece as [h, w, channels], or None if it is not stored.
            Row and column count pieces. If `planes` is True, it is called for each channel and returns [h, w, 1];
            otherwise channel is None.
        planes: whether each channel is stored in separate pieces.
        values: `tiff_values.Values` that converts the stored numbers; None if they need no conversion.
        blank: number in the pieces that are None.

    Attributes:
        shape: (height, width, channels) of the image as it is read; channels is 1 or 3, because alpha is dropped.

    Raises:
        DataError: the size, the number of channels, the dtype or the size of the pieces is not supported.
    """

    def __init__(self, path, shape, dtype, piece, load, planes=False, values=None, blank=0):
        self._path, self._kind, self._piece, self._values, self._blank = path, dtype, piece, values, blank
        self._channels = shape[2]
        kept = {1: 1, 2: 1, 3: 3, 4: 3}.get(shape[2])  # channels without alpha
        if kept is None or dtype.kind not in "buif":
            found = f"{shape[2]} channels of {dtype}"
            raise DataError(f"{path}: image has {found}; expected 1 (grey) or 3 (RGB) channels of integers or floats")
        if not 8 <= min(shape[:2]) <= max(shape[:2]) <= MAX_SIDE:
            raise DataError(
                f"{path}: image is {shape[1]}x{shape[0]} (width x height); expected sides of 8 to {MAX_SIDE:,} pixels"
            )
        each = math.prod(piece) * (1 if planes else shape[2]) * max(dtype.itemsize, 1)
        if each > _MAX_PIECE:
            raise DataError(
                f"{path}: image is stored in pieces of {piece[1]}x{piece[0]} pixels; expected at most "
                f"{_MAX_PIECE:,} bytes each; save it in tiles or chunks, such as 512x512"
            )
        self.shape = (*shape[:2], kept)
        self._planes = range(kept) if planes else (None,)
        self._limits = functools.cache(self._limits_of_all)
        self._load = functools.lru_cache(max(1, _CACHE // each))(load)

    def read(self, rows, columns):
        """Reads a region.

        Args:
            rows, columns: slices within the image, step 1.

        Returns:
            [h, w, 1] or [h, w, 3] uint8, uint16 or float32, the same values as from `files.read_image`.

        Raises:
            DataError: pixels cannot be decoded, or are NaN or infinite.
        """
        region = self._stored(rows, columns)
        return converted(self._path, self._values.shown(region, self._limits) if self._values else region)

    def _stored(self, rows, columns):
        top, left = rows.start, columns.start
        region = np.full((rows.stop - top, columns.stop - left, self.shape[2]), self._blank, self._kind)
        height, width = self._piece
        for plane in self._planes:
            target = region if plane is None else region[..., plane : plane + 1]
            for i in range(top // height, -(-rows.stop // height)):
                for j in range(left // width, -(-columns.stop // width)):
                    piece = self._decoded(plane, i, j)
                    if piece is None:
                        continue
                    y, x = i * height - top, j * width - left  # upper left corner of the piece within the region
                    piece = piece[max(-y, 0) : len(region) - y, max(-x, 0) : region.shape[1] - x, : target.shape[2]]
                    y, x = max(y, 0), max(x, 0)
                    target[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
        return region

    def _limits_of_all(self):
        height, width, _ = self.shape
        tops = range(0, height, self._piece[0])
        parts = (self._stored(slice(top, min(top + self._piece[0], height)), slice(0, width)) for top in tops)
        lows, highs = zip(*map(self._values.limits, parts), strict=True)
        return min(lows), max(highs)

    def _decoded(self, *piece):
        try:
            return self._load(*piece)
        except RisError:
            raise
        except Exception as error:  # decoders raise almost anything for broken data
            raise DataError(f"{self._path}: cannot be read ({_reason(error)}); copy or save it again") from error


def is_large(path, choice=None):
    """Whether a plane of an image is a TIFF or zarr with more pixels or bytes than can be read at once.

    Args:
        path, choice: see `open_regions`.

    Raises:
        UsageError, DataError: for zarr, same as in `open_regions`.
    """
    if is_zarr(path):
        height, width, channels = open_regions(path, choice).shape
        return height * width > MAX_PIXELS or height * width * channels * 4 > MAX_BYTES
    if not _is_tiff(path):
        return False
    try:
        with tifffile.TiffFile(path) as tiff:
            plane = chosen_plane(path, tiff, choice)
            page = plane.pages[0]
            pixels, stored = page.imagelength * page.imagewidth, page.samplesperpixel * len(plane.pages)
            return pixels > MAX_PIXELS or pixels * stored * ((page.bitspersample + 7) // 8) > MAX_BYTES
    except Exception:  # the problem is reported when the image is read
        return False


def can_be_regions(path):
    """Whether an image has a format that can be read by regions: TIFF or zarr."""
    return is_zarr(path) or _is_tiff(path)


def is_zarr(path):
    """Whether a Path is the folder of a zarr array or group."""
    return os.path.isdir(path) and any(os.path.isfile(path / name) for name in _ZARR_FILES)


def stack_axes(path):
    """Axes along which an image has several planes, list of `planes.Axis`; empty for PNG and JPEG.

    Raises:
        DataError, UsageError: same as in `open_regions`.
    """
    try:
        if is_zarr(path):
            return ZarrImage(path).axes
        if _starts_with(path, (npy_arrays.START,)):
            return npy_arrays.axes_of(path, npy_arrays.opened(path))
        if not _is_tiff(path):
            return []
        with tifffile.TiffFile(path) as tiff:
            return axes_of(path, tiff)
    except RisError:
        raise
    except Exception as error:  # see `open_regions`
        raise _unreadable(path, error) from error


def open_regions(path, choice=None):
    """Opens a large image. Only its header is read.

    Args:
        path: Path of a TIFF, or of the folder of a zarr array or OME-Zarr image. The highest resolution
            is used.
        choice: `planes.Choice` of the plane to read, if there are several.

    Returns:
        Regions.

    Raises:
        DataError: the image cannot be read, its number of channels is not supported, or several planes are left.
        UsageError: the image is a zarr and the library zarr is not installed.
    """
    try:
        return Regions(path, *ZarrImage(path).plane(choice)) if is_zarr(path) else _open_tiff(path, choice)
    except RisError:
        raise
    except Exception as error:  # the libraries raise almost anything for broken files
        raise _unreadable(path, error) from error


def _unreadable(path, error):
    return DataError(f"{path}: cannot be read ({_reason(error)}); expected a complete TIFF, zarr or npy image")


def _reason(error):
    """One line on why decoding failed."""
    if isinstance(error, OSError | ValueError | RuntimeError):
        return " ".join(str(error).split())[:100] or type(error).__name__
    return "broken structure"  # an error inside the library; its own message would not help the user


def _is_tiff(path):
    return _starts_with(path, TIFF_STARTS)


def _starts_with(path, starts):
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) in starts
    except OSError:
        return False


def _open_tiff(path, choice):
    tiff = tifffile.TiffFile(path)  # stays open, because the regions are read from it later
    return Regions(path, **tiff_pieces.pieces(path, tiff, chosen_plane(path, tiff, choice)))
