"""Writes label maps strip by strip, without holding them in memory: tiled TIFF and OME-Zarr."""

import shutil

import numpy as np
import tifffile

from ris_tf.data.images.zarr_arrays import zarr_library
from ris_tf.files.writing import replacing, resolution, whole_folder

TILE = 512  # side of a tile or chunk, pixels
_CLASSIC = 2**32 - 2**25  # bytes that a classic TIFF can address, minus some for its tables


def label_dtype(count):
    """Returns the dtype of a label map: uint16, or int32 for more than 65,535 objects."""
    return np.dtype(np.uint16 if count <= np.iinfo(np.uint16).max else np.int32)


def write_tiled_tiff(path, strips, shape, count, pixel_size=None):
    """Writes a label map as a compressed, tiled TIFF; as BigTIFF if it might not fit into a classic TIFF.

    Args:
        path: Path whose folder exists.
        strips: iterable of integer [TILE, W], from the top of the image; the last strip may have fewer rows.
        shape: (height, width).
        count: number of objects; determines the dtype, see `label_dtype`.
        pixel_size: side of a pixel in micrometres, stored as the resolution of the file; None to store none.
    """
    dtype = label_dtype(count)
    kind = {"photometric": "minisblack", "compression": "zlib", "metadata": {"axes": "YX"}, "tile": (TILE, TILE)}
    big = np.prod(shape, dtype=np.int64) * dtype.itemsize > _CLASSIC
    with replacing(path) as temporary, tifffile.TiffWriter(temporary, bigtiff=bool(big)) as file:
        file.write(_tiles(strips, dtype), shape=shape, dtype=dtype, **kind, **resolution(pixel_size))


def write_ome_zarr(path, strips, shape, count, pixel_size=None):
    """Writes a label map as OME-Zarr: version 0.4, one resolution, chunks of TILE x TILE pixels.

    Args:
        path, strips, shape, count, pixel_size: see `write_tiled_tiff`.

    Raises:
        UsageError: zarr is not installed.
    """
    library, step = zarr_library(), pixel_size or 1.0
    unit = {"unit": "micrometer"} if pixel_size else {}
    image = {
        "version": "0.4",
        "name": path.stem,
        "axes": [{"name": axis, "type": "space", **unit} for axis in "yx"],
        "datasets": [{"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [step, step]}]}],
    }
    with whole_folder(path) as folder:
        group = library.open_group(str(folder), mode="w", zarr_format=2)
        group.attrs.update({"multiscales": [image], "image-label": {"version": "0.4"}})
        keys = {"name": "v2", "separator": "/"}
        chunks = tuple(min(TILE, length) for length in shape)
        array = group.create_array("0", shape=shape, chunks=chunks, dtype=label_dtype(count), chunk_key_encoding=keys)
        row = 0
        for strip in strips:
            array[row : row + len(strip)] = strip
            row += len(strip)
        shutil.rmtree(path, ignore_errors=True)  # the result of an earlier run


def strips_of(labels):
    """Yields the strips of a label map that is in memory, integer [H, W]."""
    return (labels[row : row + TILE] for row in range(0, len(labels), TILE))


def _tiles(strips, dtype):
    """Yields the tiles [TILE, TILE] of all strips, padded with 0 at the right and bottom."""
    for strip in strips:
        missing = (-length % TILE for length in strip.shape)
        padded = np.pad(strip.astype(dtype), [(0, length) for length in missing])
        yield from np.split(padded, padded.shape[1] // TILE, axis=1)
