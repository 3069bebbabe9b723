"""PNG files as programs write them; what Pillow does not write is put together from chunks."""

import struct
import zlib

import imagecodecs
import numpy as np
from PIL import Image, ImageCms

from valid import ALPHA, COLOUR, COLOUR16, GREY, GREY16, Input

_PASSES = ((0, 0, 8, 8), (0, 4, 8, 8), (4, 0, 8, 4), (0, 2, 4, 4), (2, 0, 4, 2), (0, 1, 2, 2), (1, 0, 2, 1))  # of Adam7


def _chunk(kind, body):
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def png(samples, depth=8, interlaced=False, palette=b"", **chunks):
    """A PNG of unsigned samples [H, W] or [H, W, C], as bytes; `chunks` are written before the pixels."""
    colour = 3 if palette else {1: 0, 2: 4, 3: 2, 4: 6}[samples.shape[2] if samples.ndim == 3 else 1]
    parts = [samples[top::down, left::right] for top, left, down, right in _PASSES] if interlaced else [samples]
    rows = []
    for row in (row for part in parts for row in part if row.size):
        if depth < 8:
            bits = (row[:, None] >> np.arange(depth)[::-1]) & 1
            rows.append(b"\0" + np.packbits(bits.astype(np.uint8)).tobytes())
        else:
            rows.append(b"\0" + row.astype(">u2" if depth == 16 else np.uint8).tobytes())
    header = struct.pack(">IIBBBBB", samples.shape[1], samples.shape[0], depth, colour, 0, 0, int(interlaced))
    found = [_chunk(b"IHDR", header), *(_chunk(kind.encode(), body) for kind, body in chunks.items())]
    found += [_chunk(b"PLTE", palette)] if palette else []
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        [*found, _chunk(b"IDAT", zlib.compress(b"".join(rows))), _chunk(b"IEND", b"")]
    )


def _bytes(content, picture, **more):
    return Input("a.png", lambda path: path.write_bytes(content), picture, **more)


def _pillow(image, picture, **options):
    return Input("a.png", lambda path: image.save(path, **options), picture)


def _exif(orientation):
    exif = Image.Exif()
    exif[274] = orientation
    return exif


def inputs():
    """{name: Input}."""
    indexed = Image.fromarray(COLOUR).quantize(200)
    shown = np.asarray(indexed.convert("RGB"))
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    frames = [Image.fromarray(array) for array in (COLOUR, COLOUR[::-1])]
    first, first16 = struct.pack(">3H", *COLOUR[0, 0]), struct.pack(">3H", *COLOUR16[0, 0])
    twelve, dark = COLOUR16 >> 4, COLOUR16 >> 8  # of 12 bits; the second uses a sixteenth of them
    palette = bytes(range(0, 240, 5))
    found = {
        "grey": _pillow(Image.fromarray(GREY), GREY),
        "rgb": _pillow(Image.fromarray(COLOUR), COLOUR),
        "rgba": _pillow(Image.fromarray(np.dstack([COLOUR, ALPHA])), COLOUR),
        "grey with alpha": _pillow(Image.fromarray(np.dstack([GREY, ALPHA]), "LA"), GREY),
        "palette": _pillow(indexed, shown),
        "palette with transparency": _pillow(indexed, shown, transparency=3),
        "bilevel": _pillow(Image.fromarray(GREY > 100), (GREY > 100) * np.uint8(255)),
        "16-bit grey": _pillow(Image.fromarray(GREY16), GREY),
        "12 bits in 16-bit grey, OpenCV": _bytes(png(GREY16 >> 4, 16), GREY, error=2 / 4095),
        "colour profile": _pillow(Image.fromarray(COLOUR), COLOUR, icc_profile=profile, dpi=(300, 300)),
        "gamma": _bytes(png(COLOUR, gAMA=struct.pack(">I", 45455)), COLOUR),
        "text": _bytes(png(COLOUR, tEXt=b"Software\0Fiji"), COLOUR),
        "interlaced": _bytes(png(COLOUR, interlaced=True), COLOUR),
        "interlaced 16-bit": _bytes(png(COLOUR16, 16, interlaced=True), COLOUR),
        "2-bit grey": _bytes(png(GREY >> 6, 2), (GREY >> 6) * 85),
        "4-bit grey": _bytes(png(GREY >> 4, 4), (GREY >> 4) * 17),
        "4-bit palette": _bytes(
            png(GREY >> 4, 4, palette=palette), np.frombuffer(palette, np.uint8).reshape(-1, 3)[GREY >> 4]
        ),
        "16-bit rgb": _bytes(imagecodecs.png_encode(COLOUR16), COLOUR),
        "16-bit rgba": _bytes(imagecodecs.png_encode(np.dstack([COLOUR16, ALPHA.astype(np.uint16) * 257])), COLOUR),
        "16-bit grey with alpha": _bytes(png(np.dstack([GREY16, GREY16]), 16), GREY),
        "rgb with a transparent colour": _bytes(png(COLOUR, tRNS=first), COLOUR),
        "16-bit rgb with a transparent colour": _bytes(png(COLOUR16, 16, tRNS=first16), COLOUR),
        "16-bit grey with a transparent value": _bytes(png(GREY16, 16, tRNS=first16[:2]), GREY),
        "12 bits in 16, OpenCV": _bytes(png(twelve, 16), COLOUR, error=2 / 4095),
        "10 bits in 16, OpenCV": _bytes(png(COLOUR16 >> 6, 16), COLOUR, error=2 / 1023),
        "12 bits spread over 16, pypng": _bytes(
            png(np.rint(twelve * (65535 / 4095)).astype(np.uint16), 16, sBIT=b"\x0c\x0c\x0c"), COLOUR, error=2 / 4095
        ),
        "dark, 12 bits spread over 16, pypng": _bytes(
            png(np.rint(dark * (65535 / 4095)).astype(np.uint16), 16, sBIT=b"\x0c\x0c\x0c"), dark / 4095, error=2 / 4095
        ),
        "dark, 12 bits shifted to 16": _bytes(png(dark << 4, 16, sBIT=b"\x0c" * 3), dark / 4096, error=2 / 4095),
        "12 bits in 16, not spread": _bytes(png(twelve, 16, sBIT=b"\x0c" * 3), COLOUR, error=2 / 4095),
        "5 bits spread over 8, pypng": _bytes(
            png(np.rint((COLOUR >> 3) * (255 / 31)).astype(np.uint8), sBIT=b"\x05" * 3), COLOUR, error=8 / 255
        ),
        "screen": _bytes(png(np.dstack([COLOUR, ALPHA]), sBIT=b"\x08" * 4), COLOUR),
        "JPEG with the ending of PNG": Input(
            "a.png", lambda path: Image.fromarray(COLOUR).save(path, "JPEG", quality=97, subsampling=0), COLOUR, 0.05
        ),
        "animated": Input(
            "a.png",
            lambda path: frames[0].save(path, save_all=True, append_images=frames[1:]),
            None,
            refused="is an animated PNG of 2 pictures; expected a single image",
        ),
    }
    for orientation in (3, 6):
        found[f"orientation {orientation}, ExifTool"] = _pillow(
            Image.fromarray(COLOUR), COLOUR, exif=_exif(orientation)
        )._replace(orientation=orientation)
    return {f"png: {name}": one for name, one in found.items()}
