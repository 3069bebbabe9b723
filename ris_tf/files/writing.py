"""Atomic file writing: each file or folder is written under a temporary name and renamed once it is complete."""

import contextlib
import csv
import io
import json
import os
import shutil

import numpy as np
import tifffile
from PIL import Image


@contextlib.contextmanager
def replacing(path, previous=None):
    """Context manager that yields a temporary path; if the block ends without an error, that file becomes `path`.

    The temporary path has the same file name. The data are flushed to disk before the file is renamed, so that after a
    power failure either the old file or the new one is there.

    Args:
      path: Path in an existing folder.
      previous: Path to which the present file at `path` is moved; None overwrites it.

    Raises:
      OSError: raised by the block, or the file cannot be written. It always names `path`, because the error of a full
        disk names no file.
    """
    folder = path.with_name(f".{path.name}.tmp")  # a folder, because the writer may create other files beside this one
    try:
        folder.mkdir(exist_ok=True)
        temporary = folder / path.name
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        if previous is not None and path.exists():
            os.replace(path, previous)
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror or str(error), str(path)) from error
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _sync_folder(folder):
    with contextlib.suppress(OSError):  # some systems cannot open folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder):
    """Removes temporary files and folders left behind by processes that were killed while writing."""
    for left in [*folder.glob(".*.tmp"), *folder.glob(".*.tmp.keras")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def write_bytes(path, data):
    """Writes bytes to a Path in an existing folder."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path, text):
    """Writes text as UTF-8. Undecodable bytes, which may occur in file names, are written as \\udcXX."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_table(path, rows, columns=None):
    """Writes rows as CSV with a header.

    Args:
      path: Path in an existing folder.
      rows: list of dicts with the same keys.
      columns: the keys, needed if `rows` may be empty.
    """
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


@contextlib.contextmanager
def open_table(path, columns):
    """Context manager for writing a CSV table row by row, if it is too long to keep in memory.

    Yields a csv.DictWriter that has already written the header. The file appears at `path` when the block ends without
    an error.
    """
    with open_text(path) as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        yield writer


@contextlib.contextmanager
def open_list(path):
    """Context manager for writing a JSON list piece by piece, if it is too long to keep in memory.

    Yields a function that appends the items of a list. The file appears at `path` when the block ends without an error.
    """
    with open_text(path) as stream:
        separator = "["

        def add(items):
            nonlocal separator
            for item in items:
                stream.write(separator + json.dumps(item))
                separator = ", "

        yield add
        stream.write("[]\n" if separator == "[" else "]\n")


@contextlib.contextmanager
def open_text(path):
    """Context manager for writing text piece by piece, encoded as in `write_text`.

    Yields a text stream. The file appears at `path` when the block ends without an error.
    """
    with (
        replacing(path) as temporary,
        temporary.open("w", encoding="utf-8", errors="backslashreplace", newline="") as stream,
    ):
        yield stream


def write_png(path, array):
    """Writes uint8 [H, W, 3] or [H, W], or uint16 [H, W], as PNG."""
    buffer = io.BytesIO()
    Image.fromarray(np.ascontiguousarray(array)).save(buffer, "PNG")
    write_bytes(path, buffer.getvalue())


@contextlib.contextmanager
def whole_folder(path):
    """Context manager that yields a temporary folder; if the block ends without an error, it is renamed to `path`.

    Args:
      path: Path that does not exist yet.
    """
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_tiff(path, labels, pixel_size=None):
    """Writes a label map as compressed TIFF: uint16, or int32 if an id is above 65,535.

    Args:
        path: Path in an existing folder.
        labels: int32 [H, W].
        pixel_size: size of a pixel in micrometres, stored as the resolution of the file; None stores none.
    """
    buffer = io.BytesIO()
    small = labels.max(initial=0) <= np.iinfo(np.uint16).max
    kind = {"photometric": "minisblack", "compression": "zlib", "metadata": {"axes": "YX"}}
    tifffile.imwrite(buffer, labels.astype(np.uint16 if small else np.int32), **kind, **resolution(pixel_size))
    write_bytes(path, buffer.getvalue())


def resolution(pixel_size):
    """Keyword arguments with which tifffile stores the pixel size in micrometres; empty for None."""
    if not pixel_size:
        return {}
    return {"resolution": (1e4 / pixel_size, 1e4 / pixel_size), "resolutionunit": "CENTIMETER"}
