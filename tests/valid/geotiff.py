"""GeoTIFF files as GDAL writes them, with bands, and with a number that means "no data"."""

import numpy as np
import tifffile

from ris_tf.data.images.planes import Choice
from valid import COLOUR, COLOUR16, GREY, GREY16, Input

_PLACE = [(33550, 12, 3, [0.5, 0.5, 0.0], True), (33922, 12, 6, [0.0, 0.0, 0.0, 5e5, 5e6, 0.0], True)]
_KEYS = [(34735, 3, 8, [1, 1, 0, 1, 1024, 0, 1, 1], True)]
_ROWS = np.s_[:5]  # without data


def _geotiff(array, picture, error=1e-6, missing=None, **options):
    tags = [*_PLACE, *_KEYS, *([(42113, 2, 0, f"{missing}", True)] if missing is not None else [])]
    options = {"metadata": None, "photometric": "minisblack", "planarconfig": "contig", **options, "extratags": tags}
    if array.ndim == 2:
        options.pop("planarconfig")
    return Input("a.tif", lambda path: tifffile.imwrite(path, array, **options), picture, error)


def _holed(array, value):
    holed = array.copy()
    holed[_ROWS] = value
    return holed


def _sparse(value):
    """Some tiles were never written (SPARSE_OK): their offsets and lengths are 0."""
    one = _geotiff(GREY, _holed(GREY, 0), missing=value, tile=(16, 16), compression="zlib")
    one.picture[:16] = 0

    def write(path):
        one.write(path)
        with tifffile.TiffFile(path, mode="r+b") as tiff:
            for number in (324, 325):
                tag = tiff.pages[0].tags[number]
                tag.overwrite([0, 0, 0, *tag.value[3:]])

    return one._replace(write=write)


def inputs():
    """{name: Input}."""
    share = (GREY / 255).astype(np.float32)
    lowest = _holed(GREY, GREY[5:].min())
    bands = np.dstack([COLOUR16, GREY16])
    planes = {"planarconfig": "separate", "compression": "zlib"}
    choose = "has {} channels; choose one with --channel=0..{}, or all of them with --channel=all"
    blue_first = np.ascontiguousarray(COLOUR[..., ::-1])
    found = {
        "grey": _geotiff(GREY, GREY),
        "16-bit rgb": _geotiff(COLOUR16, COLOUR),
        "16-bit rgb in bands": _geotiff(COLOUR16.transpose(2, 0, 1), COLOUR, **planes),
        "blue, green, red": _geotiff(blue_first, blue_first, photometric="rgb"),
        "reflectance in int16": _geotiff((GREY16 // 8).astype(np.int16), GREY, 2e-4),
        "tiled, BigTIFF": _geotiff(COLOUR, COLOUR, photometric="rgb", tile=(16, 16), bigtiff=True, compression="zstd"),
        "12 bits (NBITS)": _geotiff(COLOUR16 >> 4, COLOUR, 2 / 4095, bitspersample=12),
        "no data is 0": _geotiff(_holed(GREY16, 0), _holed(GREY, 0), missing="0"),
        "no data is 65535": _geotiff(_holed(GREY16, 65535), _holed(GREY, 0), missing="65535"),
        "no data is 255, rgb": _geotiff(_holed(COLOUR, 255), _holed(COLOUR, 0), missing="255", photometric="rgb"),
        "no data is 65535, bands": _geotiff(
            _holed(COLOUR16, 65535).transpose(2, 0, 1), _holed(COLOUR, 0), missing="65535", **planes
        ),
        "no data is -9999": _geotiff(_holed(share, -9999), lowest, missing="-9999", tile=(16, 16), compression="lzw"),
        "no data is the lowest float": _geotiff(
            _holed(share, np.finfo(np.float32).min), lowest, missing="-3.4028234663852886e+38"
        ),
        "no data is NaN": _geotiff(_holed(share, np.nan), lowest, missing="nan", rowsperstrip=3, compression="zlib"),
        "no data is -32768": _geotiff(_holed(GREY.astype(np.int16), -32768), lowest, missing="-32768"),
        "no data is below what it can be": _geotiff(GREY, GREY, missing="-9999"),
        "sparse": _sparse(None),
        "sparse, no data is 7": _sparse(7),
        "red, green, blue and infrared as RGB": _geotiff(bands, COLOUR, photometric="rgb", extrasamples=[0]),
    }
    several = {
        "red, green, blue and infrared": (_geotiff(bands, GREY, extrasamples=[0, 0, 0]), 4, 3),
        "infrared in a band": (_geotiff(bands.transpose(2, 0, 1), GREY, **planes, extrasamples=[0, 0, 0]), 4, 3),
        "two bands": (_geotiff(np.dstack([GREY16, GREY16[::-1]]), GREY[::-1], extrasamples=[0]), 2, 1),
    }
    for name, (one, count, band) in several.items():
        found[name] = one._replace(refused=choose.format(count, count - 1), choice=Choice(channel=band))
    return {f"geotiff: {name}": one for name, one in found.items()}
