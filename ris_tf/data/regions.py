"""Images too large to hold: regions of TIFF and zarr, read by the tiles, strips or chunks that they are stored in."""

import functools
import importlib
import json
import math
import os

import numpy as np
import tifffile

from ris_tf.data.decoding import MAX_BYTES, MAX_PIXELS, TIFF_STARTS, only_page
from ris_tf.data.pixels import converted
from ris_tf.errors import DataError, RisError, UsageError

MAX_SIDE = 2**17  # pixels; memory grows with the width alone
_CACHE = 3 * 2**27  # bytes of decoded pieces that are kept: a row of them for images up to MAX_SIDE wide
_MAX_PIECE = 2**26  # bytes of one piece, decoded
_STRIP = 2**20  # bytes, about, of a piece of what is not packed
_ZARR_FILES = ("zarr.json", ".zgroup", ".zarray")
# What zarr may decode with; others, such as numcodecs' pickle, can run what the file says.
_CODECS = {"blosc", "bytes", "bz2", "crc32c", "default", "delta", "gzip", "lz4", "lzma", "regular", "sharding_indexed"}
_CODECS |= {"shuffle", "transpose", "zlib", "zstd", "v2"}
_NO_CODECS = ("attributes", "dtype", "data_type", "dimension_names", "fill_value")  # fields of zarr's metadata


class Regions:
    """An image that is read region by region.

    Args:
        path: Path, for messages.
        shape: (height, width, channels).
        dtype: of the stored pixels.
        piece: (height, width) of the pieces that the image is stored in.
        load: function of (channel or None for all, row of pieces, column of pieces) giving [h, w, channels or 1].
        planes: whether each channel has pieces of its own.

    Attributes:
        shape: (height, width, channels), channels 1 or 3.

    Raises:
        DataError: the size, the channels, the kind of numbers or the pieces are none that can be read.
    """

    def __init__(self, path, shape, dtype, piece, load, planes=False):
        self._path, self._kind, self._piece = path, dtype, piece
        self._channels = shape[2]
        kept = {1: 1, 2: 1, 3: 3, 4: 3}.get(shape[2])  # without alpha
        if kept is None or dtype.kind not in "buif":
            found = f"{shape[2]} channels of {dtype}"
            raise DataError(f"{path}: image has {found}; expected 1 (grey) or 3 (RGB) of integers or floats")
        if not 8 <= min(shape[:2]) <= max(shape[:2]) <= MAX_SIDE:
            raise DataError(
                f"{path}: image is {shape[1]}x{shape[0]} (width x height); expected sides of 8 to {MAX_SIDE:,} pixels"
            )
        each = math.prod(piece) * (1 if planes else shape[2]) * max(dtype.itemsize, 1)
        if each > _MAX_PIECE:
            raise DataError(
                f"{path}: image is stored in pieces of {piece[1]}x{piece[0]} pixels; expected at most "
                f"{_MAX_PIECE:,} bytes each, so save it in tiles or chunks, such as 512x512"
            )
        self.shape = (*shape[:2], kept)
        self._planes = range(kept) if planes else (None,)
        self._load = functools.lru_cache(max(1, _CACHE // each))(load)

    def read(self, rows, columns):
        """Reads a region.

        Args:
            rows, columns: slices within the image, step 1.

        Returns:
            [h, w, 1] or [h, w, 3] uint8, uint16 or float32, as `readers.read_image` gives the whole.

        Raises:
            DataError: pixels cannot be decoded, or are NaN or infinite.
        """
        top, left = rows.start, columns.start
        region = np.zeros((rows.stop - top, columns.stop - left, self.shape[2]), self._kind)
        height, width = self._piece
        for plane in self._planes:
            target = region if plane is None else region[..., plane : plane + 1]
            for i in range(top // height, -(-rows.stop // height)):
                for j in range(left // width, -(-columns.stop // width)):
                    piece = self._decoded(plane, i, j)
                    if piece is None:
                        continue
                    y, x = i * height - top, j * width - left  # where the piece begins
                    piece = piece[max(-y, 0) : len(region) - y, max(-x, 0) : region.shape[1] - x, : target.shape[2]]
                    y, x = max(y, 0), max(x, 0)
                    target[y : y + piece.shape[0], x : x + piece.shape[1]] = piece
        return converted(self._path, region)

    def _decoded(self, *piece):
        try:
            return self._load(*piece)
        except RisError:
            raise
        except Exception as error:  # decoders raise nearly anything for broken data
            raise DataError(f"{self._path}: cannot be read ({_said(error)}); copy or save it again") from error


def is_large(path):
    """Whether an image is a TIFF or zarr of more pixels or bytes than are read whole.

    Raises:
        UsageError, DataError: for a zarr, as of `open_regions`.
    """
    if is_zarr(path):
        height, width, channels = open_regions(path).shape
        return height * width > MAX_PIXELS or height * width * channels * 4 > MAX_BYTES
    if not _is_tiff(path):
        return False
    try:
        with tifffile.TiffFile(path) as tiff:
            page = tiff.pages.first
            pixels = page.imagelength * page.imagewidth
            return pixels > MAX_PIXELS or pixels * page.samplesperpixel * ((page.bitspersample + 7) // 8) > MAX_BYTES
    except Exception:  # whoever reads it will say what is wrong
        return False


def can_be_regions(path):
    """Whether an image is of a format that is read by regions."""
    return is_zarr(path) or _is_tiff(path)


def is_zarr(path):
    """Whether a Path is the folder of a zarr array or group."""
    return os.path.isdir(path) and any(os.path.isfile(path / name) for name in _ZARR_FILES)


def open_regions(path):
    """Opens a large image; only its header is read.

    Args:
        path: Path of a single-page TIFF, grey or RGB, or of the folder of a zarr array or OME-Zarr image, of which the
            highest resolution is taken.

    Returns:
        Regions.

    Raises:
        DataError: it cannot be read, or has another number of dimensions or channels.
        UsageError: it is a zarr and the library zarr is not installed.
    """
    try:
        return _open_zarr(path) if is_zarr(path) else _open_tiff(path)
    except RisError:
        raise
    except Exception as error:  # broken files make the libraries raise nearly anything
        raise DataError(f"{path}: cannot be read ({_said(error)}); expected a complete TIFF or zarr image") from error


def zarr_library():
    """The module zarr; imported on first use, as it is no dependency.

    Raises:
        UsageError: it is not installed.
    """
    try:
        return importlib.import_module("zarr")
    except ImportError as error:
        raise UsageError("zarr images need the library zarr; pip install 'ris-tf[large]'") from error


def _said(error):
    if isinstance(error, OSError | ValueError | RuntimeError):
        return " ".join(str(error).split())[:100] or type(error).__name__
    return "broken structure"  # a slip inside the library, whose own words would tell the user nothing


def _is_tiff(path):
    if not path.is_file():
        return False
    try:
        with path.open("rb") as stream:
            return stream.read(4) in TIFF_STARTS
    except OSError:
        return False


def _open_tiff(path):
    tiff = tifffile.TiffFile(path)  # stays open as long as the regions are read
    page = only_page(path, tiff)
    kinds, jpeg = tifffile.PHOTOMETRIC, page.compression == tifffile.COMPRESSION.JPEG
    if page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB) and not (
        page.photometric == kinds.YCBCR and jpeg
    ):
        raise DataError(f"{path}: TIFF colours are {page.photometric.name}; expected grey or RGB")
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    planes = page.axes == "SYX"
    inverted = page.photometric == kinds.MINISWHITE and page.dtype.kind in "bu"

    def upright(piece):
        if not inverted:
            return piece
        return ~piece if piece.dtype == bool else piece.dtype.type(2**page.bitspersample - 1) - piece

    if page.is_contiguous and not planes and page.dtype.kind != "b":  # not packed: strips of any height can be read
        line = math.prod(shape[1:]) * page.dtype.itemsize
        height = max(1, _STRIP // line)
        stored = page.dtype.newbyteorder(tiff.byteorder)
        end = page.dataoffsets[0] + shape[0] * line
        if end > tiff.filehandle.size:
            raise DataError(f"{path}: file is truncated ({tiff.filehandle.size} of {end} bytes); copy or save it again")

        def load(_, i, __):
            first, count = i * height, min(height, shape[0] - i * height)
            numbers = count * math.prod(shape[1:])
            piece = np.fromfile(path, stored, numbers, offset=page.dataoffsets[0] + first * line)
            return upright(piece.reshape(count, *shape[1:]).astype(page.dtype))

        return Regions(path, shape, page.dtype, (height, shape[1]), load)

    size = (page.tilelength, page.tilewidth) if page.is_tiled else (page.rowsperstrip, shape[1])
    size = (min(size[0], shape[0]) if not page.is_tiled else size[0], size[1])
    down, across = -(-shape[0] // size[0]), -(-shape[1] // size[1])

    def load_packed(plane, i, j):
        index = ((plane or 0) * down + i) * across + j
        count = page.databytecounts[index]
        if not count:
            return None  # left out by the writer: zeros
        tiff.filehandle.seek(page.dataoffsets[index])
        piece, _, _ = page.decode(tiff.filehandle.read(count), index, jpegtables=page.jpegtables)
        return None if piece is None else upright(piece[0])

    return Regions(path, shape, page.dtype, size, load_packed, planes)


def _open_zarr(path):
    library = zarr_library()
    node = library.open(str(path), mode="r")
    if isinstance(node, library.Group):
        found = node.attrs.get("multiscales") or node.attrs.get("ome", {}).get("multiscales")
        if not found:
            raise DataError(f"{path}: is a zarr group without multiscales; give the folder of the array inside it")
        node = node[found[0]["datasets"][0]["path"]]
    # What is no plain value in the metadata is a codec, known by its id.
    fields = json.dumps(node.metadata.to_dict(), default=lambda codec: {"id": getattr(codec, "codec_id", str(codec))})
    used = _named(json.loads(fields))
    if not used <= _CODECS:
        raise DataError(f"{path}: zarr is packed by {sorted(used - _CODECS)[0]}; expected one of {sorted(_CODECS)}")
    axes = _axes(path, node.shape)
    shape = [node.shape[axis] if axis is not None else 1 for axis in axes]
    size = [node.chunks[axis] for axis in axes[:2]]
    # With the channels in chunks of their own, each is a piece.
    planes = axes[2] is not None and node.chunks[axes[2]] < shape[2]

    def load(plane, i, j):
        place = [0] * node.ndim
        for axis, start, length in zip(axes[:2], (i * size[0], j * size[1]), size, strict=True):
            place[axis] = slice(start, start + length)
        if axes[2] is not None:
            place[axes[2]] = slice(None) if plane is None else slice(plane, plane + 1)
        piece = np.asarray(node[tuple(place)])
        if axes[2] is None:
            return piece[..., None]
        return np.moveaxis(piece, 0, -1) if axes[2] < axes[0] else piece

    return Regions(path, shape, node.dtype, size, load, planes)


def _named(fields):
    """Names of the codecs in the metadata of a zarr array, of both versions of the format."""
    found = set()
    if isinstance(fields, dict):
        for key in ("id", "name"):
            if isinstance(fields.get(key), str):
                found.add(fields[key].removeprefix("numcodecs."))
        fields = [fields[key] for key in fields if key not in _NO_CODECS]
    for part in fields if isinstance(fields, list) else ():
        found |= _named(part)
    return found


def _axes(path, shape):
    """Which axes of a zarr are rows, columns and channels (None for none); others must be of length 1."""
    last = len(shape) - 1
    if last >= 2 and shape[last] in (3, 4) and max(shape[:-2], default=1) > 4:
        axes = last - 2, last - 1, last
    else:
        before = [axis for axis in range(last - 1) if shape[axis] > 1]
        axes = last - 1, last, before[0] if before else None
    others = [length for axis, length in enumerate(shape) if axis not in axes]
    if last < 1 or max(others, default=1) > 1:
        found = "x".join(map(str, shape))
        raise DataError(f"{path}: zarr has the shape {found}; expected [H, W], [H, W, C] or [C, H, W]")
    return axes
