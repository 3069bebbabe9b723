"""JPEG files of phones, cameras and programs, and files of formats that are not read."""

import imagecodecs
import numpy as np
from PIL import Image

from valid import COLOUR, GREY, GREY16, Input

_LOSSY = 0.05  # share of white; chroma that is halved blurs more
_FINE = {"quality": 97, "subsampling": 0}
_UNKNOWN = "cannot be read (format not recognised); expected a complete PNG, JPEG, TIFF or npy image"


def _saved(array, picture, error=_LOSSY, mode=None, **options):
    image = Image.fromarray(array) if mode is None else Image.fromarray(array).convert(mode)
    return Input("a.jpg", lambda path: image.save(path, **{**_FINE, **options}), picture, error)


def _exif(orientation):
    """What phones write: a maker, an orientation, a sub-IFD of the camera, and a place."""
    exif = Image.Exif()
    exif[271], exif[274] = "Phone", orientation
    exif.get_ifd(0x8769).update({36867: "2026:01:01 12:00:00", 40962: COLOUR.shape[1], 40963: COLOUR.shape[0]})
    exif.get_ifd(0x8825).update({1: "N", 2: (48.0, 8.0, 0.0)})
    return exif


def _motion(path):
    """A motion photo: a film behind the picture."""
    Image.fromarray(COLOUR).save(path, **_FINE)
    path.write_bytes(path.read_bytes() + b"\0\0\0\x18ftypmp42" + bytes(5000))


def _several(path):
    """MPO, as stereo cameras and phones with previews write it."""
    frames = [Image.fromarray(array) for array in (COLOUR, COLOUR[::-1, ::-1])]
    frames[0].save(path, "MPO", save_all=True, append_images=frames[1:], quality=97)


def _other(name, content):
    return Input(name, lambda path: path.write_bytes(content), None, refused=_UNKNOWN)


def _pillow(name):
    return Input(name, lambda path: Image.fromarray(COLOUR).save(path), None, refused=_UNKNOWN)


def inputs():
    """{name: Input}."""
    found = {
        "rgb": _saved(COLOUR, COLOUR),
        "rgb, chroma halved": _saved(COLOUR, COLOUR, 0.16, subsampling=2),
        "grey": _saved(GREY, GREY),
        "progressive": _saved(COLOUR, COLOUR, progressive=True),
        "restart markers": _saved(COLOUR, COLOUR, restart_marker_rows=1),
        "cmyk": _saved(COLOUR, COLOUR, mode="CMYK"),
        "rgb without chroma, cjpeg -rgb": _saved(COLOUR, COLOUR, keep_rgb=True),
        "colour profile": _saved(COLOUR, COLOUR, icc_profile=b"profile" * 20000),  # in several segments
        "motion photo": Input("a.jpg", _motion, COLOUR, _LOSSY),
        "several pictures": Input("a.jpg", _several, COLOUR, 0.16),
        "lossless": Input("a.jpg", lambda path: path.write_bytes(imagecodecs.ljpeg_encode(GREY)), GREY),
        "capital letters": _saved(COLOUR, COLOUR)._replace(file="IMG_0001.JPG", write=_saved(COLOUR, COLOUR).write),
        "12-bit": _other("a.jpg", imagecodecs.jpeg8_encode(GREY16 >> 4, bitspersample=12)),
    }
    for orientation in range(1, 9):
        one = _saved(COLOUR, COLOUR, exif=_exif(orientation))
        found[f"phone, orientation {orientation}"] = one._replace(orientation=orientation)
    others = {
        "bmp": _pillow("a.bmp"),
        "gif": _pillow("a.gif"),
        "webp": _pillow("a.webp"),
        "ppm": _pillow("a.ppm"),
        "jpeg 2000": _other("a.jp2", imagecodecs.jpeg2k_encode(COLOUR)),
        "jpeg xl": _other("a.jxl", imagecodecs.jpegxl_encode(COLOUR)),
        "avif": _other("a.avif", imagecodecs.avif_encode(COLOUR)),
        "heic of a phone": _other("a.heic", b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEmiafMiHBheic" + bytes(2000)),
        "heic named as jpeg": _other("a.jpg", b"\0\0\0\x24ftypheic\0\0\0\0mif1MiHEmiafMiHBheic" + bytes(2000)),
        "npz": Input("a.npz", lambda path: np.savez(path, image=GREY), None, refused=_UNKNOWN),
    }
    return {f"jpeg: {name}": one for name, one in found.items()} | {
        f"other: {name}": one for name, one in others.items()
    }
