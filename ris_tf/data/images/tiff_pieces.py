"""Load the pieces of a TIFF: its tiles or strips, or rows of an uncompressed image."""

import functools
import math

import numpy as np

from ris_tf.data.images.decoding import check_two_channels
from ris_tf.data.images.tiff_colours import to_rgb
from ris_tf.data.images.tiff_values import Values
from ris_tf.errors import DataError

_STRIP = 2**20  # bytes, approximate size of the strips in which an uncompressed TIFF is read


def pieces(path, tiff, plane):
    """How a plane is read in pieces.

    Args:
        path: Path of the TIFF, for messages.
        tiff: the TIFF, which stays open while pieces are read.
        plane: `tiff_pages.Plane`.

    Returns:
        dict, the arguments of `regions.Regions` except `path`.

    Raises:
        DataError: the TIFF is truncated, or its colours or channels are not supported.
    """
    page, *others = plane.pages
    colours = to_rgb(path, page)
    if plane.samples is None:
        check_two_channels(path, page.samplesperpixel, page.extrasamples)
    size, load, planes = _loader(path, tiff, page, plane.samples)
    shape = (page.imagelength, page.imagewidth, plane.channels)
    found = {"shape": shape, "dtype": page.dtype, "piece": size, "blank": page.nodata}
    if colours:
        convert = functools.partial(_converted, colours, load, size, page, planes)
        return {**found, "shape": (*shape[:2], 3), "dtype": np.dtype(np.uint8), "load": convert}
    found["values"] = Values(page, plane.channels > 2)
    if not others:
        return {**found, "load": load, "planes": planes}
    sizes, loads, _ = zip((size, load, planes), *(_loader(path, tiff, other, None) for other in others), strict=True)
    if len(set(sizes)) > 1:
        raise DataError(f"{path}: its colours are stored in pieces of different sizes; save it as an RGB image")
    return {**found, "load": lambda channel, i, j: loads[channel](None, i, j), "planes": True}


def _converted(colours, load, size, page, planes, _, i, j):
    """A piece of which the colours become RGB."""
    channels = range(page.samplesperpixel) if planes else (None,)
    parts = [load(channel, i, j) for channel in channels]
    if any(part is None for part in parts):  # the writer left it out
        return colours(np.full((*size, page.samplesperpixel), page.nodata, page.dtype))
    return colours(np.concatenate(parts, axis=2))


def _loader(path, tiff, page, samples):
    """Size of the pieces of a page, the function that loads one, and whether each channel has pieces of its own."""
    planes = page.axes == "SYX"
    if page.is_final and not planes and page.dtype.kind != "b":  # as in memory: strips of any height can be read
        return *_rows(path, tiff, page, samples or slice(None)), False
    return *_stored(tiff, page, samples or slice(None), planes), planes


def _rows(path, tiff, page, samples):
    shape = (page.imagelength, page.imagewidth, page.samplesperpixel)
    line = math.prod(shape[1:]) * page.dtype.itemsize
    height, stored = max(1, _STRIP // line), page.dtype.newbyteorder(tiff.byteorder)
    end = page.dataoffsets[0] + shape[0] * line
    if end > tiff.filehandle.size:
        raise DataError(f"{path}: file is truncated ({tiff.filehandle.size} of {end} bytes); copy or save it again")

    def load(_, i, __):
        first, count = i * height, min(height, shape[0] - i * height)
        numbers = count * math.prod(shape[1:])
        piece = np.fromfile(path, stored, numbers, offset=page.dataoffsets[0] + first * line)
        return piece.reshape(count, *shape[1:]).astype(page.dtype)[..., samples]

    return (height, shape[1]), load


def _stored(tiff, page, samples, planes):
    width, length = page.imagewidth, page.imagelength
    size = (page.tilelength, page.tilewidth) if page.is_tiled else (min(page.rowsperstrip, length), width)
    down, across = -(-length // size[0]), -(-width // size[1])
    decode, tables = page.decode, page.jpegtables  # both may read from the file, so before its position is set

    def load(plane, i, j):
        chosen = range(page.samplesperpixel)[samples]
        index = ((chosen[plane or 0] if planes else 0) * down + i) * across + j
        count = page.databytecounts[index]
        if not count:
            return None  # the writer left this piece out
        tiff.filehandle.seek(page.dataoffsets[index])
        piece, _, _ = decode(tiff.filehandle.read(count), index, jpegtables=tables)
        return None if piece is None else piece[0] if planes else piece[0][..., samples]

    return size, load
