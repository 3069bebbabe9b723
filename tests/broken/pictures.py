"""Invalid and unusual image and mask files: {name: (file name, function that writes it to a path)}."""

import io
import lzma
import os
import struct
import zlib

import numpy as np
import tifffile
from PIL import Image

_RNG = np.random.default_rng(0)
_GREY = _RNG.integers(0, 255, (40, 48), np.uint8)
_COLOUR = _RNG.integers(0, 255, (40, 48, 3), np.uint8)
_IDS = np.kron(np.arange(20, dtype=np.uint16).reshape(4, 5), np.ones((10, 8), np.uint16))[:, :48]
_KEPT = (1, 8, 20, 33, 0.1, 0.3, 0.5, 0.7, 0.9, 0.99)  # what is kept of a file: bytes (int) or a share of it (float)


def _saved(array, kind, **options):
    """A valid file of an array, as bytes."""
    stream = io.BytesIO()
    if kind == "tif":
        tifffile.imwrite(stream, array, **options)
    elif kind == "npy":
        np.save(stream, array, allow_pickle=True)
    else:
        Image.fromarray(array).save(stream, {"jpg": "JPEG"}.get(kind, kind.upper()), **options)
    return stream.getvalue()


def png(width, height, depth=8, colour=0, packed=b"", chunks=()):
    """A PNG file with any header and any data, as bytes."""

    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, 0))
    body = b"".join(chunk(kind, body) for kind, body in chunks) + chunk(b"IDAT", packed)
    return b"\x89PNG\r\n\x1a\n" + header + body + chunk(b"IEND", b"")


def tiff(width, height, compression=1, data=bytes(4096), bits=8, samples=1, following=0, more=()):
    """A TIFF file of one strip with any header and any data, as bytes."""
    tags = [(256, 4, width), (257, 4, height), (258, 3, bits), (259, 3, compression), (262, 3, 1), (273, 4, None)]
    tags = sorted([*tags, (277, 3, samples), (278, 4, height), (279, 4, len(data)), *more])
    start = 8 + 2 + 12 * len(tags) + 4
    result = b"II*\0" + struct.pack("<IH", 8, len(tags))
    for tag, kind, value in tags:
        value = start if value is None else value
        result += struct.pack("<HHI", tag, kind, 1) + struct.pack("<I" if kind == 4 else "<H2x", value)
    return result + struct.pack("<I", following) + data


def zeros(length):
    """Compresses `length` zeros (a whole number of MiB) with zlib to about a thousandth; each MiB is its own block."""
    packer = zlib.compressobj(9)
    start, block = (packer.compress(bytes(2**20)) + packer.flush(zlib.Z_FULL_FLUSH) for _ in range(2))
    checksum = length % 65521 << 16 | 1  # Adler-32 of zeros
    return start + block * ((length >> 20) - 1) + b"\x03\0" + struct.pack(">I", checksum)


def npy(header):
    """A .npy file with any header and 64 bytes of data, as bytes."""
    text = header.encode().ljust(118) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(text)) + text + bytes(64)


def _many_pages():
    """A TIFF file with 100,000 pages."""
    pages = [struct.pack("<HHHIII", 1, 256, 4, 1, 64, 8 + 18 * (n + 1)) for n in range(100_000)]
    return b"II*\0" + struct.pack("<I", 8) + b"".join(pages)


def _cut_and_flipped(files):
    """Truncated copies, and copies with bits flipped, of valid files."""
    found = {}
    for name, (suffix, content) in files.items():
        for kept in _KEPT:
            length = kept if isinstance(kept, int) else int(kept * len(content))
            found[f"{name}, {kept} kept"] = suffix, content[:length]
        for seed in range(6):
            rng, bad = np.random.default_rng(seed), bytearray(content)
            for place in rng.integers(0, min(len(bad), 200 if seed % 2 else len(bad)), 4):
                bad[place] ^= int(rng.integers(1, 255))
            found[f"{name}, bits flipped {seed}"] = suffix, bytes(bad)
    return found


def _bombs():
    """Small files that claim, or expand to, huge images."""
    many = zeros(3 * 2**30)
    return {
        "png of 100 megapixels": ("png", png(10_000, 10_000)),
        "png of 100 megapixels with all data": ("png", png(10_000, 10_000, packed=zeros(96 << 20))),
        "png of 4 gigapixels": ("png", png(65_535, 65_535)),
        "png of the largest width": ("png", png(2**31 - 1, 1)),
        "png with 3 GB in a small image": ("png", png(64, 64, packed=many)),
        "png with 3 GB of text": ("png", png(64, 64, chunks=[(b"zTXt", b"a\0\0" + many)])),
        "png with 3 GB of profile": ("png", png(64, 64, chunks=[(b"iCCP", b"a\0\0" + many)])),
        "png 16 bit with 3 GB": ("png", png(64, 64, 16, 2, many)),
        "tif of 400 megapixels": ("tif", tiff(20_000, 20_000)),
        "tif of 2^64 pixels": ("tif", tiff(2**32 - 1, 2**32 - 1)),
        "tif with 3 GB in a small image": ("tif", tiff(64, 64, 8, many)),
        "tif with 128 MB of lzma": ("tif", tiff(64, 64, 34925, lzma.compress(bytes(2**27), preset=0))),
        "tif with huge tiles": ("tif", tiff(64, 64, 8, many, more=((322, 4, 65536), (323, 4, 65536)))),
        "tif with 65,535 channels": ("tif", tiff(1000, 1000, samples=65_535)),
        "tif with 100,000 pages": ("tif", _many_pages()),
        "tif with a page linked to itself": ("tif", tiff(64, 64, following=8)),
        "tif with a page beyond its end": ("tif", tiff(64, 64, following=2**31)),
        "npy of 10^12 numbers": ("npy", npy("{'descr': '|u1', 'fortran_order': False, 'shape': (1000000, 1000000)}")),
        "npy with a deep shape": ("npy", npy(f"{{'descr': '|u1', 'fortran_order': False, 'shape': {'(' * 60}}}")),
        "jpg of 4 gigapixels": ("jpg", _saved(_GREY, "jpg").replace(b"\0\x28\0\x30", b"\xff\xff\xff\xff", 1)),
    }


def _others():
    """Files of other formats, with invalid headers, or with unusual pixels."""
    return {
        "empty": ("png", b""),
        "text": ("png", b"no image"),
        "html": ("jpg", b"<!DOCTYPE html><html>404</html>"),
        "gif": ("png", _saved(_GREY, "gif")),
        "bmp": ("png", _saved(_GREY, "bmp")),
        "zip": ("png", b"PK\x05\x06" + bytes(18)),
        "png of width 0": ("png", png(0, 10)),
        "png of height 0": ("png", png(10, 0)),
        "png of bit depth 3": ("png", png(40, 40, 3)),
        "png of colour type 7": ("png", png(40, 40, 8, 7)),
        "png without palette": ("png", png(40, 40, 8, 3, zlib.compress(bytes(41 * 40)))),
        "png with wrong checksum": ("png", _saved(_GREY, "png").replace(b"IHDR\0", b"IHDR\1")),
        "png with alpha": ("png", _saved(np.dstack([_COLOUR, _GREY]), "png")),
        "png of one pixel": ("png", _saved(_GREY[:1, :1], "png")),
        "png of one row": ("png", _saved(_GREY[:1], "png")),
        "tif of width 0": ("tif", tiff(0, 10)),
        "tif of 7 bits": ("tif", tiff(64, 64, bits=7)),
        "tif with unknown compression": ("tif", tiff(64, 64, 9999)),
        "tif with three pages": ("tif", _saved(np.stack([_GREY] * 3), "tif", photometric="minisblack")),
        "tif without tags": ("tif", b"II*\0" + struct.pack("<IH", 8, 0) + bytes(4)),
        "tif with first page beyond its end": ("tif", b"II*\0" + struct.pack("<I", 10**9)),
        "tif of NaN": ("tif", _saved(np.full((40, 48), np.nan, np.float32), "tif")),
        "tif of infinity": ("tif", _saved(np.full((40, 48), np.inf, np.float32), "tif")),
        "tif of 10^300": ("tif", _saved(np.full((40, 48), 1e300), "tif")),
        "tif of complex numbers": ("tif", _saved(np.zeros((40, 48), np.complex64), "tif")),
        "tif of 5 channels": ("tif", _saved(np.zeros((40, 48, 5), np.uint8), "tif", photometric="rgb")),
        "npy of objects": ("npy", _saved(np.array([{}], object), "npy")),
        "npy of text": ("npy", _saved(np.array([["a"]]), "npy")),
        "npy with one axis": ("npy", _saved(np.zeros(7), "npy")),
        "npy with four axes": ("npy", _saved(np.zeros((4, 4, 4, 4)), "npy")),
        "npy without pixels": ("npy", _saved(np.zeros((0, 4), np.uint8), "npy")),
        "npy of dates": ("npy", _saved(np.zeros((40, 48), "datetime64[s]"), "npy")),
        "npy with code in its header": ("npy", npy("__import__('os').abort()")),
        "npy of NaN": ("npy", _saved(np.full((40, 48), np.nan), "npy")),
    }


def _placed():
    """Paths that are not regular, readable files: {name: function(path) that creates one}."""

    def pipe(path):
        os.mkfifo(path)

    def unreadable(path):
        path.write_bytes(_saved(_GREY, "png"))
        path.chmod(0)

    return {
        "folder": lambda path: path.mkdir(),
        "pipe": pipe,
        "endless device": lambda path: path.symlink_to("/dev/zero"),
        "link to itself": lambda path: path.symlink_to(path.name),
        "link to nowhere": lambda path: path.symlink_to("nowhere.png"),
        "unreadable": unreadable,
    }


def _written(files):
    """{name: (suffix, bytes)} -> {name: (file name, function(path) that writes it)}."""
    return {
        name: (f"b.{suffix}", lambda path, content=content: path.write_bytes(content) and None)
        for name, (suffix, content) in files.items()
    }


def images():
    """Invalid and unusual images: {name: (file name, function(path) that writes it)}."""
    whole = {"png": ("png", _saved(_COLOUR, "png")), "jpg": ("jpg", _saved(_COLOUR, "jpg"))}
    whole |= {"tif": ("tif", _saved(_GREY, "tif")), "tif lzw": ("tif", _saved(_GREY, "tif", compression="lzw"))}
    whole |= {"npy": ("npy", _saved(_GREY, "npy"))}
    files = _written({**_cut_and_flipped(whole), **_bombs(), **_others()})
    return {**files, **{name: ("b.png", place) for name, place in _placed().items()}}


def masks():
    """Invalid and unusual label maps: {name: (file name, function(path) that writes it)}."""
    many = np.arange(40 * 48, dtype=np.int32).reshape(40, 48)
    rows = b"".join(b"\0" + row.tobytes() for row in (_IDS > 0).astype(np.uint8))
    palette = png(40, 40, 8, 3, zlib.compress(rows), [(b"PLTE", bytes(6))])
    found = {
        "of another size": ("png", _saved(_IDS[:30], "png")),
        "transposed": ("png", _saved(np.ascontiguousarray(_IDS.T), "png")),
        "inverted": ("png", _saved(np.where(_IDS > 0, 0, 255).astype(np.uint8), "png")),
        "without objects": ("png", _saved(np.zeros((40, 40), np.uint8), "png")),
        "all one object": ("png", _saved(np.ones((40, 40), np.uint8), "png")),
        "with gaps between ids": ("tif", _saved((_IDS * 1000).astype(np.int32), "tif")),
        "with an object per pixel": ("tif", _saved(many[:, :40], "tif")),
        "with ids near 2^31": (
            "tif",
            _saved(np.where(_IDS > 0, 2**31 - 1 - _IDS.astype(np.int64), 0).astype("i4"), "tif"),
        ),
        "with ids beyond 2^31": ("tif", _saved(np.full((40, 40), 2**31, np.uint32), "tif")),
        "with ids beyond 2^63": ("npy", _saved(np.full((40, 40), 2**63, np.uint64), "npy")),
        "with negative ids": ("tif", _saved(np.full((40, 40), -2, np.int32), "tif")),
        "all ignored": ("tif", _saved(np.full((40, 40), -1, np.int32), "tif")),
        "of fractions": ("tif", _saved(np.full((40, 40), 0.5, np.float32), "tif")),
        "of NaN": ("npy", _saved(np.full((40, 40), np.nan), "npy")),
        "in colours": ("png", _saved(_COLOUR[:, :40], "png")),
        "with alpha": ("png", _saved(np.dstack([_COLOUR, _GREY])[:, :40], "png")),
        "with a palette": ("png", palette),
        "as jpg": ("jpg", _saved(_GREY[:, :40], "jpg")),
    }
    whole = {"mask png": ("png", _saved(_IDS, "png")), "mask tif": ("tif", _saved(_IDS, "tif", compression="zlib"))}
    files = _written({**found, **_cut_and_flipped(whole), **_bombs()})
    return {**files, **{f"mask {name}": ("b.png", place) for name, place in _placed().items()}}
