"""Writing files that are never seen half-written: to a temporary name first, then renamed."""

import contextlib
import csv
import io
import os
import shutil

import numpy as np
from PIL import Image


def write_bytes(path, data):
    """Writes bytes to a Path whose folder exists."""
    temporary = path.with_name(f".{path.name}.tmp")
    try:
        temporary.write_bytes(data)
        os.replace(temporary, path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path, text):
    """Writes text as UTF-8."""
    write_bytes(path, text.encode())


def write_table(path, rows):
    """Writes a list of dicts with the same keys as CSV, a header line first."""
    buffer = io.StringIO()
    writer = csv.DictWriter(buffer, list(rows[0]), lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    write_text(path, buffer.getvalue())


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
