"""Images of phones, slide scanners, microscopes and GIS whose metadata say several things at once."""

import io
import struct

import numpy as np
import tifffile
from PIL import Image

from ris_tf.data.images.planes import Choice
from valid import COLOUR, COLOUR16, GREY, GREY16, Input
from valid.png import png

_FINE = {"quality": 97, "subsampling": 0}
_TILES = {"tile": (16, 16), "compression": "zlib"}


def _exif(orientation, thumbnail=1):
    """EXIF data of a phone, with a thumbnail that has an orientation of its own."""
    small = io.BytesIO()
    Image.fromarray(COLOUR[::4, ::4]).save(small, "JPEG")
    first = struct.pack(">H", 2) + struct.pack(">HHI4s", 271, 2, 4, b"Ph1\0")
    first += struct.pack(">HHIHH", 274, 3, 1, orientation, 0)
    place = 8 + len(first) + 4
    second = struct.pack(">H", 3) + struct.pack(">HHIHH", 274, 3, 1, thumbnail, 0)
    at = place + 2 + 3 * 12 + 4
    second += struct.pack(">HHII", 513, 4, 1, at) + struct.pack(">HHII", 514, 4, 1, len(small.getvalue()))
    content = b"MM\0*" + struct.pack(">I", 8) + first + struct.pack(">I", place) + second + struct.pack(">I", 0)
    return b"Exif\0\0" + content + small.getvalue()


def _jpeg(exif, before=b"", orientation=1):
    """A JPEG whose EXIF data stand behind other segments."""

    def write(path):
        content = io.BytesIO()
        Image.fromarray(COLOUR).save(content, "JPEG", **_FINE)
        segment = b"\xff\xe1" + struct.pack(">H", len(exif) + 2) + exif
        path.write_bytes(b"\xff\xd8" + before + segment + content.getvalue()[2:])

    return Input("IMG_4711.jpeg", write, COLOUR, 0.05, orientation=orientation)


def _phones():
    profile = b"\xff\xe2" + struct.pack(">H", 2 + 3000) + b"ICC_PROFILE\0\1\1" + bytes(2986)
    words = b"http://ns.adobe.com/xap/1.0/\0<x:xmpmeta tiff:Orientation='8'/>"
    words = b"\xff\xe1" + struct.pack(">H", len(words) + 2) + words

    def pair(path):
        exif, frames = Image.Exif(), [Image.fromarray(array) for array in (COLOUR, COLOUR[::-1])]
        exif[274] = 6
        frames[0].save(path, "MPO", save_all=True, append_images=frames[1:], quality=97, exif=exif)

    ten = np.rint((COLOUR16 >> 6) * (65535 / 1023)).astype(np.uint16)
    return {
        "HEIC saved as JPEG, orientation 6": _jpeg(_exif(6), orientation=6),
        "only the thumbnail is turned": _jpeg(_exif(1, thumbnail=6)),
        "orientation behind a colour profile": _jpeg(_exif(3), profile, 3),
        "XMP before EXIF says otherwise": _jpeg(_exif(6), words, 6),
        "orientation 0": _jpeg(_exif(0)),
        "two pictures, orientation 6": Input("a.jpg", pair, COLOUR, 0.16, orientation=6),
        "10 bits spread over 16": Input(
            "a.png", lambda path: path.write_bytes(png(ten, 16, sBIT=b"\x0a" * 3)), COLOUR, 2 / 1023
        ),
    }


def _pages(*pages, **options):
    def write(path):
        with tifffile.TiffWriter(path, **options) as writer:
            for array, more in pages:
                writer.write(array, **more)

    return write


def _microscopes():
    black = {"photometric": "minisblack"}
    channels = np.stack([GREY16[::-1], GREY16, GREY16[:, ::-1]])
    small = {**_TILES, **black, "subfiletype": 1}
    stack = np.stack([channels, channels[:, ::-1]])  # [T = 2, C = 3, H, W]
    units = {"unit": "micron", "spacing": 2.0, "finterval": 0.5, "loop": False}
    line = "has 3 channels; choose one with --channel=0..2"
    tags = [(50838, 4, 2, [12, 8], True), (50839, 1, 20, b"IJIJlabl\0\0\0\1\0\0\0\0\0\0\0\0", True)]
    return {
        "OME, channels of a pyramid, ZEN": Input(
            "a.ome.tif",
            _pages(
                (channels, {**_TILES, **black, "subifds": 1, "metadata": {"axes": "CYX"}}),
                (channels[:, ::2, ::2], small),
                ome=True,
            ),
            GREY,
            refused=line,
            choice=Choice(channel=1),
        ),
        "ImageJ, hyperstack in micrometres": Input(
            "a.tif",
            lambda path: tifffile.imwrite(
                path, stack, imagej=True, **black, resolution=(5, 5), metadata={"axes": "TCYX", **units}
            ),
            GREY,
            refused="has 2 planes along t and 3 channels; choose one with --t=0..1 and --channel=0..2",
            choice=Choice(t=0, channel=1),
        ),
        "ImageJ, tags that tell nothing": Input(
            "a.tif", lambda path: tifffile.imwrite(path, GREY16, **black, metadata=None, extratags=tags), GREY
        ),
        "colours and a macro, QuPath": Input(
            "a.ome.tif",
            _pages(
                (COLOUR, {**_TILES, "photometric": "rgb", "subifds": 1, "metadata": {"axes": "YXS"}}),
                (COLOUR[::2, ::2], {**_TILES, "photometric": "rgb", "subfiletype": 1}),
                ome=True,
            ),
            COLOUR,
        ),
        "byte order mark of big-endian, Leica": Input(
            "a.tif", lambda path: tifffile.imwrite(path, stack[0, 1], byteorder=">", rowsperstrip=3, **black), GREY
        ),
    }


def _maps():
    holed = COLOUR16.copy()
    holed[:5] = 65535
    right = COLOUR.copy()
    right[:5] = 0
    missing = [(42113, 2, 0, "65535", True)]
    bands = np.concatenate([COLOUR16.transpose(2, 0, 1), GREY16[None]])
    cog = {**_TILES, "photometric": "rgb", "metadata": None, "extratags": missing}
    planar = {**_TILES, "photometric": "minisblack", "planarconfig": "separate", "metadata": None}
    holes = bands.copy()
    holes[:, :5] = 65535
    return {
        "COG with overviews, without data": Input(
            "a.tif", _pages((holed, cog), (holed[::2, ::2], {**cog, "subfiletype": 1})), right
        ),
        "four bands of 16 bits, without data": Input(
            "a.tif",
            lambda path: tifffile.imwrite(path, holes, **planar, extratags=missing),
            right,
            refused="has 4 channels; choose one with --channel=0..3, or all of them with --channel=all, or "
            "--channel=rgb if they are its colours",
            choice=Choice(channel="rgb"),
        ),
        "orthophoto with a mask in alpha": Input(
            "a.tif",
            lambda path: tifffile.imwrite(
                path, np.dstack([COLOUR, (GREY > 0) * np.uint8(255)]), photometric="rgb", extrasamples=[2], **_TILES
            ),
            COLOUR,
        ),
    }


def inputs():
    """{name: Input}."""
    kinds = {"phone": _phones(), "microscope": _microscopes(), "map": _maps()}
    return {f"{kind}: {name}": one for kind, found in kinds.items() for name, one in found.items()}
