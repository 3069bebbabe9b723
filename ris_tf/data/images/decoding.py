"""Decode image files to NumPy arrays: PNG and JPEG with Pillow, TIFF with tifffile, npy with NumPy.

`files.py` checks and converts the decoded arrays.
"""

import functools
import logging
import math
import stat
import warnings
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image

from ris_tf.data.images import npy_arrays, pickled, png_chunks
from ris_tf.data.images.packed import exceeds
from ris_tf.data.images.planes import Choice, within
from ris_tf.data.images.tiff_colours import to_rgb
from ris_tf.data.images.tiff_pages import Plane, axes_of, chosen_plane
from ris_tf.data.images.tiff_values import Values, missing_value
from ris_tf.errors import DataError, RisError, UsageError
from ris_tf.optional import import_optional

# tifffile logs dozens of lines for one broken header; errors that matter are raised as exceptions anyway.
logging.getLogger("tifffile").setLevel(logging.CRITICAL)

_Decoder = Callable[[Path], np.ndarray]
MAX_PIXELS = 2**26  # per image, such as 8192 x 8192; larger images are refused by their header, before decoding
MAX_BYTES = 12 * MAX_PIXELS  # of the decoded array: MAX_PIXELS of float32 RGB
TIFF_STARTS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")  # classic and BigTIFF, both byte orders


def decode_image(path: Path, choice: Choice | None = None) -> np.ndarray:
    """Decodes an image.

    Palettes and CMYK are converted to RGB, alpha is dropped, and TIFFs whose zero is white are inverted. Pixels are
    where they are stored, whatever the orientation says (see `orientation`).

    Args:
        path: Path of the image.
        choice: the plane to read of a TIFF or npy array with several.

    Returns:
        [H, W], [H, W, 1] or [H, W, 3] of the stored dtype; bool for a bilevel TIFF, float32 in [0, 1] for colours of
        which the file says that they have 9 to 15 bits.

    Raises:
        DataError: the file is missing, empty, broken, not a regular file or of another format, or it contains several
            planes and no choice, an unsupported number of channels, or more than MAX_PIXELS.
    """
    tiff, npy = (functools.partial(decode, choice=choice) for decode in (_tiff_image, _npy_image))
    return _decode(path, _pillow_image, tiff, npy)


def decode_labels(path: Path, choice: Choice | None = None) -> np.ndarray:
    """Decodes a label map to the numbers stored in the file; for an image with a palette, these are the indices.

    Args:
        path: Path of the label map.
        choice: the plane to read of a TIFF or npy array with several. Axes that the label map lacks are ignored.

    Returns:
        [H, W], or [H, W, C] if the file has colours, of the stored dtype.

    Raises:
        DataError: same as in `decode_image`, or the file is a JPEG.
    """
    tiff, npy = (functools.partial(decode, choice=choice) for decode in (_tiff_labels, _npy_labels))
    return _decode(path, _pillow_labels, tiff, npy)


def _decode(path: Path, from_pillow: _Decoder, from_tiff: _Decoder, from_npy: _Decoder) -> np.ndarray:
    """Decodes a file; the format is detected from its first bytes, not its suffix. Every failure is a DataError."""
    try:
        mode = path.stat().st_mode
        if not stat.S_ISREG(mode) and not stat.S_ISDIR(mode):  # reading from a pipe or device might never end
            raise DataError(f"{path}: is not a regular file; expected a PNG, JPEG, TIFF or npy image")
        with path.open("rb") as stream:
            start = stream.read(4)
        if not start:
            raise DataError(f"{path}: file is empty (0 bytes); expected a PNG, JPEG, TIFF or npy image")
        decode = from_tiff if start in TIFF_STARTS else from_npy if start == npy_arrays.START else from_pillow
        with warnings.catch_warnings():  # from Pillow and tifffile; everything that matters is raised as an exception
            warnings.simplefilter("ignore")
            array = decode(path)
        if not array.size:
            raise DataError(f"{path}: image has no pixels (shape {array.shape}); expected at least one")
        return array
    except RisError:
        raise
    except Exception as error:  # on broken files, decoders raise almost anything, from SyntaxError to IndexError
        if isinstance(error, OSError) and error.errno is not None:
            raise DataError(f"{path}: {error.strerror}; expected a readable image file") from error
        if "requires the 'imagecodecs' package" in str(error):  # tifffile's words, in a light installation
            raise UsageError(f"{path}: its compression needs imagecodecs; pip install imagecodecs") from error
        if isinstance(error, Image.UnidentifiedImageError):
            reason = "format not recognised"
        elif isinstance(error, MemoryError):
            reason = "needs more memory than is available"
        elif isinstance(error, Image.DecompressionBombError):
            reason = f"exceeds the limit of {MAX_PIXELS:,} pixels"
        elif isinstance(error, (OSError, SyntaxError, ValueError, RuntimeError)):
            reason = (str(error) or type(error).__name__).splitlines()[0]
        else:
            reason = "broken structure"  # an error inside the decoder; its own message would not help the user
        raise DataError(
            f"{path}: cannot be read ({reason}); expected a complete PNG, JPEG, TIFF or npy image"
        ) from error


def _check_size(path: Path, shape: tuple[int, ...], itemsize: int = 1) -> None:
    """Raises DataError if the shape in a header, [H, W] or [H, W, C], exceeds MAX_PIXELS or MAX_BYTES."""
    height, width = shape[:2]
    if height * width > MAX_PIXELS:
        raise DataError(
            f"{path}: image is {width}x{height} (width x height); expected at most {MAX_PIXELS:,} pixels; "
            "cut it into smaller images"
        )
    if math.prod(shape) * itemsize > MAX_BYTES:
        raise DataError(
            f"{path}: pixels take {math.prod(shape) * itemsize:,} bytes; expected at most {MAX_BYTES:,}; "
            "cut it into smaller images"
        )


def _png_depth(path: Path) -> int:
    with path.open("rb") as stream:
        return png_chunks.depth(stream.read(png_chunks.START))


def _check_one(path: Path, image: Image.Image) -> None:
    """Raises DataError for an animated PNG. The further pictures of a JPEG are previews, or a second view."""
    if image.format == "PNG" and image.n_frames > 1:
        raise DataError(
            f"{path}: is an animated PNG of {image.n_frames} pictures; expected a single image; save each picture as a "
            "separate file"
        )


def _pillow_image(path: Path) -> np.ndarray:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        _check_size(path, (image.height, image.width))
        _check_one(path, image)
        if image.format == "PNG" and image.mode in ("RGB", "RGBA", "LA") and _png_depth(path) == 16:
            content = path.read_bytes()
            # libpng would decompress all of it, without a limit. A pixel has at most 8 bytes.
            if exceeds(png_chunks.chunks(content, b"IDAT"), 9 * image.width * image.height + 2**20):
                raise DataError(f"{path}: contains more pixel data than its header says; save the image again")
            image.load()  # checks the whole file; imagecodecs decodes it, because Pillow reduces the pixels to 8 bits
            library = import_optional("imagecodecs", f"{path}: colours of 16 bits:", "imagecodecs", "imagecodecs")
            pixels = _without_alpha(library.png_decode(content))
            spread = pixels.shape[2] == 3 and png_chunks.is_spread(content, pixels)
            return pixels / np.float32(65535) if spread else pixels
        if image.mode in ("1", "L", "LA"):
            return np.array(image.convert("L"))
        if image.mode.startswith("I"):
            return np.array(image).astype(np.uint16)  # older versions of Pillow return a 16-bit PNG as int32
        if "transparency" in image.info:
            image = image.convert("RGBA")  # converting directly to RGB, Pillow warns about transparent palette colours
        return np.array(image.convert("RGB"))


def _pillow_labels(path: Path) -> np.ndarray:
    with Image.open(path, formats=("PNG", "JPEG")) as image:
        if image.format != "PNG":
            raise DataError(f"{path}: mask is a JPEG, whose compression changes ids; expected PNG or TIFF")
        _check_size(path, (image.height, image.width))
        _check_one(path, image)
        labels = np.array(image)
        depth = _png_depth(path)
        if image.mode == "L" and depth < 8:
            labels //= 255 // (2**depth - 1)  # Pillow scales 2-bit and 4-bit grey to 0..255
        return labels


def _tiff_pixels(path: Path, plane: Plane) -> np.ndarray:
    """Pixels of a plane of an open TIFF as stored, [H, W, C]."""
    page = plane.pages[0]
    _check_size(path, (page.imagelength, page.imagewidth, page.samplesperpixel * len(plane.pages)), _bytes(page))
    if page.is_tiled:
        _check_size(path, (page.tilelength, page.tilewidth), page.samplesperpixel)
    arrays = [one.asarray() for one in plane.pages]
    array = arrays[0] if len(arrays) == 1 else np.stack(arrays, axis=-1)  # [H, W], [H, W, C] or [C, H, W]
    array = np.moveaxis(array, 0, -1) if page.axes == "SYX" else array.reshape(*array.shape[:2], -1)  # [H, W, C]
    return array if plane.samples is None else array[..., plane.samples]


def _bytes(page: tifffile.TiffPage) -> int:
    return page.dtype.itemsize if page.dtype else 1


def _tiff_image(path: Path, choice: Choice | None) -> np.ndarray:
    with tifffile.TiffFile(path) as tiff:
        plane = chosen_plane(path, tiff, choice)
        page, colours = plane.pages[0], to_rgb(path, plane.pages[0])
        array = _tiff_pixels(path, plane)
    if colours:
        return colours(array)
    array = Values(page, plane.channels > 2).shown(array)
    if plane.samples is None:
        check_two_channels(path, array.shape[2], page.extrasamples)
    return _grey_or_colour(path, array)


def _tiff_labels(path: Path, choice: Choice | None) -> np.ndarray:
    with tifffile.TiffFile(path) as tiff:
        plane = chosen_plane(path, tiff, within(axes_of(path, tiff), choice))
        array, missing = _tiff_pixels(path, plane), missing_value(plane.pages[0])
    if missing is not None:
        array[np.isnan(array) if np.isnan(missing) else array == missing] = 0
    return array[..., 0] if array.shape[2:] == (1,) else array


def _npy_image(path: Path, choice: Choice | None) -> np.ndarray:
    plane = npy_arrays.plane_of(path, npy_arrays.opened(path), choice)
    _check_size(path, plane.shape, plane.dtype.itemsize)
    array = np.array(plane)
    return array if array.ndim == 2 else _grey_or_colour(path, array)


def _npy_labels(path: Path, choice: Choice | None) -> np.ndarray:
    masks = pickled.read_masks(path) if pickled.holds_objects(path) else npy_arrays.opened(path)
    if choice and masks.ndim > 2:
        masks = npy_arrays.plane_of(path, masks, within(npy_arrays.axes_of(path, masks), choice))
    if masks.ndim not in (2, 3):
        raise DataError(f"{path}: array has the shape {masks.shape}; expected ids [H, W]")
    _check_size(path, masks.shape, masks.dtype.itemsize)
    array = np.array(masks)
    return array[..., 0] if array.shape[2:] == (1,) else array


def check_two_channels(path: Path, channels: int, extrasamples: Sequence[int] = ()) -> None:
    """Raises DataError if an image has two channels and no tag of a TIFF says that the second one is alpha."""
    if channels == 2 and not any(extrasamples):
        raise DataError(
            f"{path}: image has 2 channels, 0 and 1, and neither is marked as alpha; expected 1 (grey) or 3 (RGB); "
            "save the channel that shows the objects as a grey image"
        )


def _grey_or_colour(path: Path, array: np.ndarray) -> np.ndarray:
    array = _without_alpha(array)
    if array.shape[2] not in (1, 3):
        raise DataError(f"{path}: image has {array.shape[2]} channels; expected 1 (grey) or 3 (RGB)")
    return array


def _without_alpha(array: np.ndarray) -> np.ndarray:
    return array[..., :-1] if array.shape[-1] in (2, 4) else array
