"""Decode image files to the arrays they hold: Pillow for PNG and JPEG, tifffile for TIFF, NumPy for npy.

`readers.py` checks and converts what comes out of here.
"""

import itertools
import logging
import math
import stat
import struct
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path

import imagecodecs
import numpy as np
import tifffile
from PIL import Image, ImageOps

from ris_tf.data.packed import exceeds
from ris_tf.errors import DataError, RisError

# tifffile logs dozens of lines for one broken header; what keeps the pixels from being read is raised as well.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_Decoder = Callable[[Path], np.ndarray]
MAX_PIXELS = 2**26  # of one image, such as 8192 x 8192; a header that says more is refused before anything is decoded
MAX_BYTES = 12 * MAX_PIXELS  # of the decoded array: as float32 RGB
_MANY_PAGES = 1000
_NPY_START = b"\x93NUM"
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, both byte orders


def decode_image(path: Path) -> np.ndarray:
    """Decodes an image: palettes and CMYK to RGB, alpha dropped, white-is-zero inverted, JPEG upright.

    Returns:
        [H, W], [H, W, 1] or [H, W, 3] of the stored dtype; bool for a bilevel TIFF.

    Raises:
        DataError: the file is missing, no regular file, empty, broken, of another format, or holds several pages, other
            channels or more than MAX_PIXELS.
    """
    return _decode(path, _pillow_image, _tiff_image, _npy_image)


def decode_labels(path: Path) -> np.ndarray:
    """Decodes a label map: the numbers in the file, which for a palette are its indices.

    Returns:
        [H, W], or [H, W, C] when the file has colours, of the stored dtype.

    Raises:
        DataError: as `decode_image`, and for JPEG.
    """
    return _decode(path, _pillow_labels, _tiff_labels, _npy_labels)


def _decode(path: Path, from_pillow: _Decoder, from_tiff: _Decoder, from_npy: _Decoder) -> np.ndarray:
    """Decodes a file by what it starts with, not by its suffix, and gives every failure as a DataError."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # a pipe or device might never end
            raise DataError(f"{path}: is no regular file; expected a PNG, JPEG, TIFF or npy image")
        with path.open("rb") as stream:
            start = stream.read(4)
        if not start:
            raise DataError(f"{path}: file is empty (0 bytes); expected a PNG, JPEG, TIFF or npy image")
        decode = from_tiff if start in TIFF_STARTS else from_npy if start == _NPY_START else from_pillow
        with warnings.catch_warnings():  # Pillow's and tifffile's: what matters is raised, here or by them
            warnings.simplefilter("ignore")
            array = decode(path)
        if not array.size:
            raise DataError(f"{path}: image has no pixels (shape {array.shape})")
        return array
    except RisError:
        raise
    except Exception as error:  # broken files make the decoders raise nearly anything, from SyntaxError to IndexError
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{path}: {error.strerror}; expected a readable image file") from error
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "not recognised"
        elif isinstance(error, MemoryError):
            reason = "needs more memory than there is"
        elif isinstance(error, Image.DecompressionBombError):
            reason = f"exceeds limit of {MAX_PIXELS:,} pixels"
        elif isinstance(error, (OSError, SyntaxError, ValueError, RuntimeError)):
            reason = (str(error) or type(error).__name__).splitlines()[0]
        else:
            reason = "broken structure"  # a slip inside the decoder, whose own words would tell the user nothing
        raise DataError(
            f"{path}: cannot be read ({reason}); expected a complete PNG, JPEG, TIFF or npy image"
        ) from error


def _check_size(path: Path, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Raises DataError if a header says [H, W] or [H, W, C] of more than MAX_PIXELS, or of more bytes."""
    height, width = shape[:2]
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{path}: image is {width}x{height} (width x height); expected at most {MAX_PIXELS:,} pixels, so cut it up"
        )
    if math.prod(shape) * itemsize > MAX_BYTES:
        raise DataError(
            f"{path}: pixels take {math.prod(shape) * itemsize:,} bytes; expected at most {MAX_BYTES:,}, so cut it up"
        )


def _png_depth(path: Path) -> int:
    with path.open("rb") as stream:
        return stream.read(25)[24]  # the PNG header: bits of one sample


def _png_data(content: bytes) -> Iterator[bytes]:
    """The packed pixels of a PNG, piece by piece."""
    place = 8
    while place + 8 <= len(content):
        length, kind = struct.unpack_from(">I4s", content, place)
        if kind == b"IDAT":
            yield content[place + 8 : place + 8 + length]
        place += length + 12


def _pillow_image(path: Path) -> np.ndarray:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        _check_size(path, (image.height, image.width))
        if image.format != "PNG":
            image = ImageOps.exif_transpose(image)
        elif image.mode in ("RGB", "RGBA", "LA") and _png_depth(path) == 16:
            content = path.read_bytes()
            # libpng would unpack all of it, and to no end; pixels take 8 bytes at most
            if exceeds(_png_data(content), 9 * image.width * image.height + 2**20):
                raise DataError(f"{path}: holds more data than its header says; save it again")
            image.load()  # checks the whole file; the pixels come from imagecodecs because Pillow cuts them to 8 bits
            return _without_alpha(imagecodecs.png_decode(content))
        if image.mode in ("1", "L", "LA"):
            return np.array(image.convert("L"))
        if image.mode.startswith("I"):
            return np.array(image).astype(np.uint16)  # older Pillow gives 16-bit PNG as int32
        if "transparency" in image.info:
            image = image.convert("RGBA")  # straight to RGB, Pillow warns about the transparent colours of a palette
        return np.array(image.convert("RGB"))


def _pillow_labels(path: Path) -> np.ndarray:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        if image.format != "PNG":
            raise DataError(f"{path}: mask is a JPEG, whose compression changes ids; expected PNG or TIFF")
        _check_size(path, (image.height, image.width))
        labels = np.array(image)
        depth = _png_depth(path)
        if image.mode == "L" and depth < 8:
            labels //= 255 // (2**depth - 1)  # Pillow stretches 2 and 4-bit grey to 0..255
        return labels


def _tiff_page(path: Path) -> tuple[np.ndarray, tifffile.TiffPage, np.ndarray | None]:
    """The only page of a TIFF: pixels as stored, [H, W] or [H, W, C]; tags; palette, [3, colours] uint16 or None."""
    with tifffile.TiffFile(path) as tiff:
        page = only_page(path, tiff)
        planes_first = page.axes == "SYX"
        shape = page.shape[1:] + page.shape[:1] if planes_first else page.shape
        _check_size(path, shape, page.dtype.itemsize if page.dtype else 1)
        if page.is_tiled:
            _check_size(path, (page.tilelength, page.tilewidth), page.samplesperpixel)
        array = page.asarray()
        array = np.moveaxis(array, 0, -1) if planes_first else array  # [H, W] or [H, W, C]
        return array, page, page.colormap  # the palette is read from the open file


def only_page(path: Path, tiff: tifffile.TiffFile) -> tifffile.TiffPage:
    """The only page of an open TIFF, all of whose data lie within the file.

    Raises:
        DataError: there are several pages, or the file is truncated.
    """
    if sum(1 for _ in itertools.islice(tiff.pages, _MANY_PAGES)) == _MANY_PAGES:  # to count millions takes long
        raise DataError(f"{path}: TIFF holds {_MANY_PAGES} pages or more; expected a single 2-D image")
    page, series = tiff.pages.first, tiff.series[0]
    if len(tiff.pages) > 1 or len(tiff.series) > 1 or not set(series.axes) <= set("YXS"):
        raise DataError(
            f"{path}: TIFF holds {len(tiff.pages)} pages (shape {'x'.join(map(str, series.shape))}); "
            "expected a single 2-D image, so save each page as a file of its own"
        )
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends, default=0) > tiff.filehandle.size:  # tifffile would fill what is missing with zeros
        raise DataError(
            f"{path}: file is truncated ({tiff.filehandle.size} of {max(ends)} bytes); copy or save it again"
        )
    return page


def _tiff_image(path: Path) -> np.ndarray:
    array, page, palette = _tiff_page(path)
    kinds = tifffile.PHOTOMETRIC
    if page.photometric == kinds.PALETTE:
        colours = palette.T  # [256 or 65536, 3]
        return (colours >> 8 if colours.max() > 255 else colours).astype(np.uint8)[array]
    if page.photometric == kinds.SEPARATED and array.dtype == np.uint8 and array.shape[2:] == (4,):
        return np.array(Image.frombytes("CMYK", array.shape[1::-1], array.tobytes()).convert("RGB"))
    jpeg = page.photometric == kinds.YCBCR and page.compression == tifffile.COMPRESSION.JPEG  # decoded to RGB
    if not jpeg and page.photometric not in (kinds.MINISBLACK, kinds.MINISWHITE, kinds.RGB):
        raise DataError(f"{path}: TIFF colours are {page.photometric.name}; expected grey, RGB or a palette")
    if page.photometric == kinds.MINISWHITE and array.dtype.kind in "bu":
        array = ~array if array.dtype == bool else array.dtype.type(2**page.bitspersample - 1) - array
    if array.ndim == 3:
        if array.shape[2] == 2 and not any(page.extrasamples):
            raise DataError(f"{path}: image has 2 channels; expected 1 (grey) or 3 (RGB), with or without alpha")
        array = _grey_or_colour(path, array)
    return array


def _tiff_labels(path: Path) -> np.ndarray:
    array, _, _ = _tiff_page(path)
    return array[..., 0] if array.shape[2:] == (1,) else array


def _npy_image(path: Path) -> np.ndarray:
    array = _npy(path, "[H, W] or [H, W, C]")
    return array if array.ndim == 2 else _grey_or_colour(path, array)


def _npy_labels(path: Path) -> np.ndarray:
    array = _npy(path, "ids [H, W]")
    return array[..., 0] if array.shape[2:] == (1,) else array


def _npy(path: Path, expected: str) -> np.ndarray:
    mapped = np.load(path, mmap_mode="r", allow_pickle=False)  # the header alone; the pixels stay in the file
    if mapped.ndim not in (2, 3):
        raise DataError(f"{path}: array has the shape {mapped.shape}; expected {expected}")
    _check_size(path, mapped.shape, mapped.dtype.itemsize)
    return np.array(mapped)


def _grey_or_colour(path: Path, array: np.ndarray) -> np.ndarray:
    array = _without_alpha(array)
    if array.shape[2] not in (1, 3):
        raise DataError(f"{path}: image has {array.shape[2]} channels; expected 1 (grey) or 3 (RGB)")
    return array


def _without_alpha(array: np.ndarray) -> np.ndarray:
    return array[..., :-1] if array.shape[-1] in (2, 4) else array
