"""When a picture was taken: the time in the EXIF data of a JPEG or PNG, or in the tag DateTime of a TIFF."""

import datetime
import os
import warnings
from pathlib import Path

import tifffile
from PIL import Image

from ris_tf.data.images.decoding import TIFF_STARTS
from ris_tf.data.images.orientation import PNG_START, png_exif

_ORIGINAL, _CHANGED, _EXIF = 36867, 306, 0x8769  # DateTimeOriginal (in the EXIF part), DateTime, place of that part
_HUNDREDTHS = 37521  # SubSecTimeOriginal, digits after the point
_FORM = "%Y:%m:%d %H:%M:%S"


def taken(path: Path | str) -> datetime.datetime | None:
    """The time at which a picture was taken, without a time zone; None if its file says none. Only headers are read."""
    if not os.path.isfile(path):
        return None
    try:
        with open(path, "rb") as stream, warnings.catch_warnings():
            warnings.simplefilter("ignore")  # Pillow warns about broken EXIF data
            start = stream.read(8)
            if start.startswith(TIFF_STARTS):
                with tifffile.TiffFile(path) as tiff:
                    return _parsed(tiff.pages.first.tags.valueof(_CHANGED))
            if start == PNG_START:
                exif = png_exif(stream)
            else:
                with Image.open(path, formats=("JPEG",)) as image:
                    exif = image.getexif()
            part = exif.get_ifd(_EXIF)
            return _parsed(part.get(_ORIGINAL) or exif.get(_CHANGED), part.get(_HUNDREDTHS) or "")
    except Exception:  # decoders raise almost anything for broken files; `files.read_image` reports what matters
        return None


def _parsed(text, fraction=""):
    moment = datetime.datetime.strptime(str(text).strip("\0 "), _FORM)
    digits = str(fraction).strip("\0 ")
    return moment.replace(microsecond=int(digits[:6].ljust(6, "0"))) if digits.isdecimal() else moment
