"""Writing files that are never seen half-written: to a temporary name first, then renamed."""

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
    """A temporary path of the same suffix; the file written there becomes `path` once the block ends without an error.

    It is on the disk before it gets its name, so that a loss of power leaves the old file or the new one.

    Args:
      path: Path whose folder exists.
      previous: Path for the file that is at `path` now; None replaces it.

    Raises:
      OSError: as the block raises; names `path`, for that of a full disk names no file.
    """
    folder = path.with_name(f".{path.name}.tmp")  # a folder, for what else the writer may put beside the file
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
    with contextlib.suppress(OSError):  # not every system opens folders
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def sweep(folder):
    """Removes what writers that were killed have left in a folder."""
    for left in [*folder.glob(".*.tmp"), *folder.glob(".*.tmp.keras")]:
        shutil.rmtree(left) if left.is_dir() else left.unlink(missing_ok=True)


def write_bytes(path, data):
    """Writes bytes to a Path whose folder exists."""
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_text(path, text):
    """Writes text as UTF-8; what UTF-8 has no form for, bytes of a file's name, as \\udcXX."""
    write_bytes(path, text.encode(errors="backslashreplace"))


def write_table(path, rows, columns=None):
    """Writes a list of dicts with the same keys, which are `columns` where there may be none, as CSV with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, columns or list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


@contextlib.contextmanager
def open_table(path, columns):
    """A csv.DictWriter of a table too long to hold, whose header is written; the file is there once the block ends."""
    with _renamed(path) as stream:
        writer = csv.DictWriter(stream, columns, lineterminator="\n")
        writer.writeheader()
        yield writer


@contextlib.contextmanager
def open_list(path):
    """A function that adds a list's items to a JSON list too long to hold; the file is there once the block ends."""
    with _renamed(path) as stream:
        separator = "["

        def add(items):
            nonlocal separator
            for item in items:
                stream.write(separator + json.dumps(item))
                separator = ", "

        yield add
        stream.write("[]\n" if separator == "[" else "]\n")


@contextlib.contextmanager
def _renamed(path):
    """A stream for text, written as by `write_text`, that gets its name once the block ends without an error."""
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
    """A temporary folder that becomes the Path `path`, which must not exist, once the block ends without an error."""
    temporary = path.with_name(f".{path.name}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    try:
        temporary.mkdir(parents=True)
        yield temporary
        os.replace(temporary, path)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_tiff(path, labels, pixel_size=None):
    """Writes a label map as compressed TIFF: uint16, or int32 where there are more than 65,535 objects.

    Args:
        path: Path whose folder exists.
        labels: int32 [H, W].
        pixel_size: micrometres, stored as the file's resolution; None for none.
    """
    buffer = io.BytesIO()
    small = labels.max(initial=0) <= np.iinfo(np.uint16).max
    kind = {"photometric": "minisblack", "compression": "zlib", "metadata": {"axes": "YX"}}
    tifffile.imwrite(buffer, labels.astype(np.uint16 if small else np.int32), **kind, **resolution(pixel_size))
    write_bytes(path, buffer.getvalue())


def resolution(pixel_size):
    """Arguments of tifffile that store the micrometres of a pixel; none for None."""
    if not pixel_size:
        return {}
    return {"resolution": (1e4 / pixel_size, 1e4 / pixel_size), "resolutionunit": "CENTIMETER"}
