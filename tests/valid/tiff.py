"""TIFF files of one image, as scanners, microscopes, libraries and programs write them."""

import numpy as np
import tifffile
from broken.pictures import tiff as by_hand
from PIL import Image

from valid import ALPHA, COLOUR, COLOUR16, GREY, GREY16, HEIGHT, WIDTH, Input
from valid.xml import ome

_LOSSLESS = ("zlib", "lzw", "zstd", "lzma", "packbits", "png", "lerc", "jpegxl", "jpeg2000")
_RGB, _BLACK = {"photometric": "rgb"}, {"photometric": "minisblack"}


def _tifffile(array, picture, error=1e-6, file="a.tif", **options):
    options = {**(_RGB if array.ndim == 3 else _BLACK), **options}
    return Input(file, lambda path: tifffile.imwrite(path, array, **options), picture, error)


def _pillow(image, picture, error=1e-6, **options):
    return Input("a.tif", lambda path: image.save(path, **options), picture, error)


def _pages(*pages, file="a.tif"):
    """A file of several pages, of which the picture is COLOUR; each is (array, options)."""

    def write(path):
        with tifffile.TiffWriter(path) as writer:
            for array, options in pages:
                writer.write(array, **{**_RGB, **options})

    return Input(file, write, COLOUR)


def _lsb_first(path):
    """libtiff's `tiffcp -f lsb2msb`: the bits of each byte from the lowest on."""
    flipped = np.packbits(np.unpackbits(GREY[..., None], axis=2)[..., ::-1], axis=2)
    path.write_bytes(by_hand(WIDTH, HEIGHT, data=flipped.tobytes(), more=[(266, 3, 2)]))


def _numbers():
    """Numbers of every kind and depth."""
    share, dark = COLOUR / 255, COLOUR16 >> 8
    found = {
        "grey": _tifffile(GREY, GREY),
        "rgb": _tifffile(COLOUR, COLOUR),
        "16-bit grey": _tifffile(GREY16, GREY),
        "16-bit rgb": _tifffile(COLOUR16, COLOUR),
        "16-bit signed grey, CT": _tifffile(GREY.astype(np.int16) - 1024, GREY),
        "8-bit signed grey": _tifffile((GREY.astype(int) - 128).astype(np.int8), GREY),
        "32-bit grey": _tifffile(GREY16.astype(np.uint32), GREY),
        "32-bit signed grey, Pillow": _pillow(Image.fromarray(GREY.astype(np.int32)), GREY),
        "half precision": _tifffile((GREY / 255).astype(np.float16), GREY, 1e-3),
        "double precision": _tifffile(COLOUR.astype(np.float64), COLOUR),
        "floats of Pillow": _pillow(Image.fromarray(GREY.astype(np.float32)), GREY),
        "bilevel": _tifffile(GREY > 100, (GREY > 100) * np.uint8(255), **_BLACK),
        "bilevel, 0 is white": _tifffile(GREY <= 100, (GREY > 100) * np.uint8(255), photometric="miniswhite"),
        "bilevel, Pillow": _pillow(Image.fromarray(GREY > 100), (GREY > 100) * np.uint8(255)),
        "fax": _pillow(Image.fromarray(GREY > 100), (GREY > 100) * np.uint8(255), compression="group4"),
        "4-bit grey": _tifffile(GREY >> 4, (GREY >> 4) * 17, bitspersample=4),
        "0 is white": _tifffile(255 - GREY, GREY, photometric="miniswhite"),
        "0 is white, 16 bits": _tifffile(65535 - GREY16, GREY, photometric="miniswhite"),
        "0 is white, floats": _tifffile((1 - GREY / 255).astype(np.float32), GREY, 1e-4, photometric="miniswhite"),
        "0 is white, signed, ImageJ": _tifffile(-GREY.astype(np.int16), GREY, 1e-4, photometric="miniswhite"),
        "no depth but 12 bits in uint16": _tifffile(COLOUR16 >> 4, COLOUR, 2 / 4095),
        "largest value stated": _tifffile(
            COLOUR16 >> 4, COLOUR, 2 / 4095, extratags=[(281, 3, 3, [int((COLOUR16 >> 4).max())] * 3, True)]
        ),
        "dark, 12 significant bits of OME": Input(
            "a.ome.tif",
            lambda path: tifffile.imwrite(path, dark, **_RGB, metadata=None, description=ome(dark, bits=12)),
            dark / 4095,
        ),
        "dark, 12 significant bits, tifffile": _tifffile(
            dark, dark / 4095, file="a.ome.tif", metadata={"SignificantBits": 12}
        ),
        "16 significant bits, Bio-Formats": Input(
            "a.ome.tif",
            lambda path: tifffile.imwrite(
                path, COLOUR16 >> 4, **_RGB, metadata=None, description=ome(COLOUR16, bits=16)
            ),
            COLOUR,
            2 / 4095,
        ),
        "12 significant bits, but shifted": Input(
            "a.ome.tif",
            lambda path: tifffile.imwrite(path, COLOUR16, **_RGB, metadata=None, description=ome(COLOUR16, bits=12)),
            COLOUR,
        ),
    }
    for bits in (9, 10, 12, 14):
        low = 16 - bits
        found[f"{bits} bits packed"] = _tifffile(COLOUR16 >> low, COLOUR, 2 / (2**bits - 1), bitspersample=bits)
        found[f"{bits} bits packed, grey"] = _tifffile(GREY16 >> low, GREY, 2 / (2**bits - 1), bitspersample=bits)
    for bits in (10, 12, 14):
        found[f"{bits} bits in uint16, grey"] = _tifffile(GREY16 >> (16 - bits), GREY, 2 / (2**bits - 1))
        found[f"{bits} bits in uint16"] = _tifffile(COLOUR16 >> (16 - bits), COLOUR, 2 / (2**bits - 1))
    for top in (1, 255, 4095, 65535):
        found[f"floats from 0 to {top}"] = _tifffile(np.float32(share * top), COLOUR, 1e-4)
    return found


def _storage():
    """Every way to store the same numbers."""
    planar = {**_RGB, "planarconfig": "separate"}
    first = COLOUR.transpose(2, 0, 1)
    found = {
        "strips of a row": _tifffile(COLOUR16, COLOUR, rowsperstrip=1),
        "tiles": _tifffile(COLOUR, COLOUR, tile=(16, 16)),
        "tile beyond the image": _tifffile(GREY16, GREY, tile=(64, 64), compression="zlib"),
        "planes": _tifffile(first, COLOUR, **planar),
        "tiled planes of 16 bits": _tifffile(
            first.astype(np.uint16) * 257, COLOUR, **planar, tile=(16, 16), compression="zlib", predictor=2
        ),
        "big-endian": _tifffile(COLOUR16, COLOUR, byteorder=">"),
        "BigTIFF, big-endian": _tifffile(GREY16, GREY, byteorder=">", bigtiff=True, compression="lzw"),
        "lowest bit first": Input("a.tif", _lsb_first, GREY),
        "predictor": _tifffile(COLOUR16, COLOUR, compression="lzw", predictor=2),
        "predictor of floats": _tifffile((COLOUR / 255).astype(np.float32), COLOUR, compression="zlib", predictor=3),
        "webp": _tifffile(COLOUR, COLOUR, compression="webp", compressionargs={"lossless": True}),
        "jpeg": _tifffile(COLOUR, COLOUR, 0.16, compression="jpeg", compressionargs={"level": 97}),
        "jpeg in tiles": _tifffile(
            COLOUR, COLOUR, 0.16, compression="jpeg", tile=(16, 16), compressionargs={"level": 97}
        ),
        "jpeg, Pillow": _pillow(Image.fromarray(COLOUR), COLOUR, 0.16, compression="jpeg", quality=97),
        "grey jpeg": _tifffile(GREY, GREY, 0.05, compression="jpeg", compressionargs={"level": 97}),
        "alpha": _tifffile(np.dstack([COLOUR, ALPHA]), COLOUR, extrasamples=["unassalpha"]),
        "grey with alpha": _tifffile(
            np.dstack([GREY, ALPHA]), GREY, **_BLACK, planarconfig="contig", extrasamples=["unassalpha"]
        ),
        "lzw, Pillow": _pillow(Image.fromarray(COLOUR), COLOUR, compression="tiff_lzw"),
        "palette": _pillow(quantized := Image.fromarray(COLOUR).quantize(200), np.asarray(quantized.convert("RGB"))),
        "cmyk": _pillow(Image.fromarray(COLOUR).convert("CMYK"), COLOUR),
        "OME": _tifffile(COLOUR, COLOUR, file="a.ome.tif"),
        "OME, Bio-Formats": Input(
            "a.ome.tif",
            lambda path: tifffile.imwrite(path, GREY16, metadata=None, description=ome(GREY16, bits=16)),
            GREY,
        ),
        "OME with axes of length 1": _tifffile(
            GREY16[None, None, None], GREY, file="a.ome.tif", **_BLACK, metadata={"axes": "TCZYX"}
        ),
        "ImageJ": _tifffile(GREY16, GREY, imagej=True, metadata={"min": 0, "max": 4095}),
        "ImageJ, rgb": _tifffile(COLOUR, COLOUR, imagej=True),
        "ImageJ, hyperstack of one, StarDist": _tifffile(
            GREY16[None, None, None], GREY, **_BLACK, imagej=True, metadata={"axes": "TZCYX"}
        ),
        "resolution": _tifffile(GREY, GREY, resolution=(25400, 25400), resolutionunit=2),
    }
    for compression in _LOSSLESS:
        found[compression] = _tifffile(COLOUR, COLOUR, compression=compression)
    for orientation in range(2, 9):
        tags = [(274, "H", 1, orientation, True)]
        turned = _tifffile(COLOUR, COLOUR, extratags=tags, compression="lzw")
        found[f"orientation {orientation}"] = turned._replace(orientation=orientation)
    return found


def _levels():
    """Images with smaller copies, labels and masks."""
    tiles, small, smaller = {"tile": (16, 16), "compression": "zlib"}, COLOUR[::2, ::2], COLOUR[::4, ::4]
    reduced, plain = {**tiles, "subfiletype": 1}, {"metadata": None}
    mask = {"photometric": "mask", "subfiletype": 4, **tiles, **plain}
    slide = "Aperio Image Library v12.0.15\n36x24 [0,0 36x24] (16x16) JPEG/RGB Q=97|AppMag = 20|MPP = 0.5"
    return {
        "thumbnail": _pages((COLOUR, plain), (smaller, {"subfiletype": 1, **plain})),
        "thumbnail first": _pages((smaller, {"subfiletype": 1, **plain}), (COLOUR, plain)),
        "pyramid, libvips": _pages((COLOUR, {**tiles, **plain}), (small, {**tiles, **plain})),
        "pyramid, OME": _pages(
            (COLOUR, {**tiles, "subifds": 2, "metadata": {"axes": "YXS"}}), (small, reduced), (smaller, reduced),
            file="a.ome.tif",
        ),
        "overviews, GDAL": _pages((COLOUR, {**tiles, **plain}), (small, {**reduced, **plain})),
        "mask, GDAL": _pages((COLOUR, {**tiles, **plain}), (np.ones((HEIGHT, WIDTH), bool), mask)),
        "slide": _pages(
            (COLOUR, {**tiles, **plain, "description": slide}),
            (smaller, {**plain, "description": "Aperio Image Library v12.0.15\n36x24 -> 9x6 - |AppMag = 20"}),
            (small, {**tiles, **plain, "description": "Aperio Image Library v12.0.15\n36x24 -> 18x12 JPEG/RGB"}),
            (small[:8, :8], {**plain, "subfiletype": 1, "description": "Aperio Image Library v12.0.15\nlabel 8x8"}),
        ),
    }  # fmt: skip


def _colours():
    """Colours that become RGB, in every way to store them."""
    quantized = Image.fromarray(COLOUR).quantize(200)
    index, shown = np.asarray(quantized), np.asarray(quantized.convert("RGB"))
    table = np.zeros((3, 256), np.uint16)
    table[:, :200] = np.asarray(quantized.getpalette()[:600], np.uint16).reshape(200, 3).T * 257
    palette = {"photometric": "palette", "colormap": table}
    inks = np.asarray(Image.fromarray(COLOUR).convert("CMYK"))
    cmyk = {"photometric": "separated", "extrasamples": []}
    mixed = np.asarray(Image.fromarray(COLOUR).convert("YCbCr"))
    slide = {"metadata": None, "software": False, "tile": (16, 16)}
    aperio = {"compression": 33003, "compressionargs": {"mct": False}, "description": "Aperio Image Library v12.0.15"}
    which = "the file does not say whether they are RGB or YCbCr"

    def bio_formats(path):
        """JJ2000, whose comment says so, writes RGB as the compression that libvips uses for YCbCr."""
        tifffile.imwrite(path, COLOUR, **_RGB, **slide, compression=33004)
        content = path.read_bytes()
        assert content.count(b"Created by OpenJPEG") == 6
        path.write_bytes(content.replace(b"Created by OpenJPEG", b"Created by: JJ2000 "))

    return {
        "palette in tiles": _tifffile(index, shown, **palette, tile=(16, 16), compression="lzw"),
        "palette, not compressed": _tifffile(index, shown, **palette),
        "palette in strips, GDAL": _tifffile(index, shown, **palette, rowsperstrip=5, compression="zlib"),
        "cmyk in tiles": _tifffile(inks, COLOUR, **cmyk, tile=(16, 16), compression="zlib"),
        "cmyk, not compressed": _tifffile(inks, COLOUR, **cmyk),
        "cmyk in planes": _tifffile(
            inks.transpose(2, 0, 1), COLOUR, **cmyk, planarconfig="separate", tile=(16, 16), compression="lzw"
        ),
        "jpeg 2000 of Aperio, YCbCr": _tifffile(mixed, COLOUR, 0.02, **slide, **aperio),
        "jpeg 2000 of Aperio, RGB": _tifffile(COLOUR, COLOUR, **slide, compression=33005),
        "jpeg 2000, Bio-Formats": Input("a.tif", bio_formats, COLOUR),
        "jpeg 2000 of Aperio, copied without its words": _tifffile(
            mixed, None, **slide, compression=33003, compressionargs={"mct": False}
        )._replace(refused=which),
        "jpeg 2000, alpha, libvips": _tifffile(
            np.dstack([COLOUR, ALPHA]), COLOUR, **slide, extrasamples=["unassalpha"], compression=33004
        ),
        "grey jpeg 2000, libvips": _tifffile(GREY, GREY, **slide, compression=33004),
        "jpeg 2000, tifffile": _tifffile(COLOUR, COLOUR, compression=33004),
        "jpeg 2000, libvips": _tifffile(mixed, None, **slide, compression=33004)._replace(refused=which),
        "jpeg 2000, 16 bits, libvips": _tifffile(COLOUR16, None, **slide, compression=33004)._replace(refused=which),
    }


def _refused():
    mosaic = {"photometric": "cfa", "extratags": [(33421, 3, 2, [2, 2], True), (33422, 1, 4, b"\0\1\1\2", True)]}
    colours = "TIFF colours are {}; expected grey, RGB, CMYK or a palette"
    return {
        "L*a*b*": _pillow(Image.fromarray(COLOUR).convert("LAB"), None)._replace(refused=colours.format("CIELAB")),
        "YCbCr, not JPEG": _pillow(Image.fromarray(COLOUR).convert("YCbCr"), None)._replace(
            refused=colours.format("YCBCR")
        ),
        "raw of a camera": _tifffile(GREY16 >> 4, None, file="a.dng", **mosaic)._replace(refused=colours.format("CFA")),
    }


def inputs():
    """{name: Input}."""
    found = {**_numbers(), **_storage(), **_levels(), **_colours(), **_refused()}
    return {f"tiff: {name}": one for name, one in found.items()}
