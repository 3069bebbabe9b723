"""Files of several planes: refused with the choice named, and read with it. Also OME-Zarr, zarr and npy arrays."""

import importlib.util
import uuid

import numpy as np
import tifffile
from scenes.stacks import write_ome_zarr

from ris_tf.data.images.planes import Choice
from valid import ALPHA, COLOUR, COLOUR16, GREY, GREY16, HEIGHT, WIDTH, Input

_STACK = np.stack([GREY16[::-1], GREY16, GREY16[:, ::-1], GREY16[::-1, ::-1]])  # GREY is plane 1
_FIRST, _FIRST16 = COLOUR.transpose(2, 0, 1), COLOUR16.transpose(2, 0, 1)


def _line(**lengths):
    words = {"z": "planes along z", "t": "planes along t", "channel": "channels", "page": "pages"}
    counts = " and ".join(f"{length} {words[flag]}" for flag, length in lengths.items())
    return f"has {counts}; choose one with " + " and ".join(f"--{flag}=0..{n - 1}" for flag, n in lengths.items())


def _several(file, write, choice, **lengths):
    return Input(file, write, GREY, refused=_line(**lengths), choice=choice)


def _tiffs():
    def written(array, **options):
        return lambda path: tifffile.imwrite(path, array, photometric="minisblack", **options)

    hyper = np.stack([_STACK, _STACK[::-1]])[:, :, None]  # [2, 4, 1, H, W]
    hyper = np.concatenate([hyper, hyper[:, ::-1]], axis=2)  # [T = 2, Z = 4, C = 2, H, W]; t 0, z 1, c 0 is GREY
    ids = [uuid.UUID(int=k + 1).urn for k in range(3)]
    data = "".join(
        f'<TiffData FirstT="{t}" IFD="0" PlaneCount="1"><UUID FileName="t{t}.ome.tif">{one}</UUID></TiffData>'
        for t, one in enumerate(ids)
    )
    spread = (
        f'<?xml version="1.0"?><OME xmlns="http://www.openmicroscopy.org/Schemas/OME/2016-06" UUID="{ids[1]}"><Image '
        f'ID="Image:0"><Pixels ID="Pixels:0" DimensionOrder="XYZCT" Type="uint16" SizeX="{WIDTH}" SizeY="{HEIGHT}" '
        f'SizeZ="1" SizeC="1" SizeT="3"><Channel ID="Channel:0:0"/>{data}</Pixels></Image></OME>'
    )

    def with_thumbnails(path):
        with tifffile.TiffWriter(path) as writer:
            for plane in _STACK[:2]:
                writer.write(plane, metadata=None, photometric="minisblack")
                writer.write(plane[::4, ::4], metadata=None, photometric="minisblack", subfiletype=1)

    return {
        "ImageJ, z": _several("a.tif", written(_STACK, imagej=True, metadata={"axes": "ZYX"}), Choice(z=1), z=4),
        "ImageJ, t": _several("a.tif", written(_STACK, imagej=True, metadata={"axes": "TYX"}), Choice(t=1), t=4),
        "ImageJ, composite": _several(
            "a.tif", written(_STACK[:3], imagej=True, metadata={"axes": "CYX", "mode": "composite"}), Choice(channel=1),
            channel=3,
        ),
        "ImageJ, hyperstack": _several(
            "a.tif", written(hyper, imagej=True, metadata={"axes": "TZCYX"}), Choice(z=1, t=0, channel=0), t=2, z=4,
            channel=2,
        ),
        "OME, z": _several("a.ome.tif", written(_STACK, metadata={"axes": "ZYX"}), Choice(z=1), z=4),
        "OME, channels, bioio": _several("a.ome.tif", written(_STACK[:2], metadata={"axes": "CYX"}), Choice(channel=1),
                                         channel=2),
        "OME, one of several files": Input("t1.ome.tif", written(GREY16, metadata=None, description=spread), GREY),
        "pages": _several("a.tif", written(_STACK, metadata=None), Choice(page=1), page=4),
        "stack of tifffile": _several("a.tif", written(_STACK), Choice(page=1), page=4),
        "pages with thumbnails": _several("a.tif", with_thumbnails, Choice(page=1), page=2),
        "channels of a pixel": _several(
            "a.tif", written(np.moveaxis(_STACK, 0, -1).copy(), planarconfig="contig", metadata=None),
            Choice(channel=1), channel=4,
        ),
    }  # fmt: skip


def _tiffs_in_colours():
    """Channels that are the colours of one image, which only the user knows."""

    def written(array, **options):
        return lambda path: tifffile.imwrite(path, array, photometric="minisblack", **options)

    return {
        "ImageJ, composite of red, green and blue": Input(
            "a.tif", written(_FIRST16, imagej=True, metadata={"axes": "CYX", "mode": "composite"}), COLOUR,
            refused=_line(channel=3), choice=Choice(channel="rgb"),
        ),
        "ImageJ, colours in time": Input(
            "a.tif", written(np.stack([_FIRST[:, ::-1], _FIRST]), imagej=True, metadata={"axes": "TCYX"}), COLOUR,
            refused=_line(t=2, channel=3), choice=Choice(t=1, channel="rgb"),
        ),
        "OME, red, green and blue": Input(
            "a.ome.tif", written(_FIRST16, metadata={"axes": "CYX"}, tile=(16, 16), compression="zlib"), COLOUR,
            refused=f"{_line(channel=3)}, or all of them with --channel=all, or --channel=rgb if they are its colours",
            choice=Choice(channel="rgb"),
        ),
        "OME, three channels of 12 bits": Input(
            "a.ome.tif", written(_FIRST16 >> 4, metadata={"axes": "CYX"}, rowsperstrip=5), COLOUR, 2 / 4095,
            refused=_line(channel=3), choice=Choice(channel="rgb"),
        ),
        "pages of red, green and blue": Input(
            "a.tif", written(_FIRST, metadata=None), COLOUR, refused=_line(page=3), choice=Choice(channel="rgb")
        ),
        "red, green, blue and infrared, GDAL": Input(
            "a.tif", written(np.concatenate([_FIRST16, _STACK[:1]]), planarconfig="separate", metadata=None), COLOUR,
            refused=_line(channel=4), choice=Choice(channel="rgb"),
        ),
        "red, green, blue and infrared of a pixel": Input(
            "a.tif", written(np.dstack([COLOUR16, GREY16]), planarconfig="contig", metadata=None, tile=(16, 16)),
            COLOUR, refused=_line(channel=4), choice=Choice(channel="rgb"),
        ),
    }  # fmt: skip


def _arrays():
    def saved(array):
        return lambda path: np.save(path, array)

    def plain(array, picture, error=1e-6):
        return Input("a.npy", saved(array), picture, error)

    colours = f"{_line(channel=3)}, or all of them with --channel=all, or --channel=rgb if they are its colours"
    return {
        "grey": plain(GREY, GREY),
        "rgb": plain(COLOUR, COLOUR),
        "rgba": plain(np.dstack([COLOUR, ALPHA]), COLOUR),
        "columns first in memory": plain(np.asfortranarray(COLOUR), COLOUR),
        "big-endian": plain(COLOUR16.astype(">u2"), COLOUR),
        "floats": plain(COLOUR / 255, COLOUR, 1e-6),
        "int64": plain(COLOUR.astype(np.int64), COLOUR),
        "booleans": plain(GREY > 100, (GREY > 100) * np.uint8(255)),
        "a channel": plain(GREY[..., None], GREY),
        "a plane": plain(GREY[None], GREY),
        "two channels, Cellpose": _several(
            "a.npy", saved(np.dstack([GREY16[::-1], GREY16])), Choice(channel=1), channel=2
        ),
        "two channels first": _several("a.npy", saved(_STACK[:2]), Choice(channel=1), channel=2),
        "four stains": _several("a.npy", saved(np.moveaxis(_STACK, 0, -1)), Choice(channel=1), channel=4),
        "stack": _several("a.npy", saved(np.concatenate([_STACK, _STACK])), Choice(page=1), page=8),
        "film in colours": Input(
            "a.npy", saved(np.stack([COLOUR[::-1], COLOUR])), COLOUR, refused=_line(page=2), choice=Choice(page=1)
        ),
        "colours first, PyTorch": Input(
            "a.npy", saved(_FIRST), COLOUR, refused=colours, choice=Choice(channel="rgb")
        ),
    }  # fmt: skip


def _zarrs():
    if not importlib.util.find_spec("zarr"):
        return {}
    import zarr

    def array(stored, version=3, names=None, **options):
        chunks = {"chunks": (16,) * stored.ndim} | options

        def write(path):
            named = {"dimension_names": names} if version == 3 else {}
            made = zarr.create_array(
                str(path), shape=stored.shape, dtype=stored.dtype, zarr_format=version, **named, **chunks
            )
            made[:] = stored
            if names and version == 2:
                made.attrs["_ARRAY_DIMENSIONS"] = list(names)  # xarray

        return write

    def ome(stored, axes, version, **more):
        return lambda path: write_ome_zarr(zarr, path, stored, axes, version, **more)

    def plate(path):  # bioformats2raw: a group of images
        zarr.open_group(str(path), mode="w", zarr_format=2).attrs["bioformats2raw.layout"] = 3
        write_ome_zarr(zarr, path / "0", GREY16, "yx", "0.4")

    labels = {"omero": {"channels": [{"label": name} for name in ("Red", "Green", "Blue")]}}
    colours = f"{_line(channel=3)}, or all of them with --channel=all, or --channel=rgb if they are its colours"
    found = {
        "array": Input("a.zarr", array(GREY16), GREY),
        "array, version 2": Input("a.zarr", array(GREY16, version=2), GREY),
        "colours": Input("a.zarr", array(COLOUR, chunks=(16, 16, 3)), COLOUR),
        "colours apart": Input("a.zarr", array(COLOUR, chunks=(16, 16, 1)), COLOUR),
        "shards": Input("a.zarr", array(GREY16, chunks=(8, 8), shards=(24, 40)), GREY),
        "OME 0.4": Input("a.zarr", ome(GREY16, "yx", "0.4"), GREY),
        "OME 0.5": Input("a.zarr", ome(GREY16, "yx", "0.5"), GREY),
        "OME, axes of length 1": Input("a.zarr", ome(GREY16[None, None, None], "tczyx", "0.4"), GREY),
        "OME, colours last": Input("a.zarr", ome(COLOUR, "yxc", "0.4"), COLOUR),
        "OME, channels called red, green, blue": Input("a.zarr", ome(_FIRST, "cyx", "0.4", **labels), COLOUR),
        "OME, three channels": Input(
            "a.zarr", ome(_FIRST, "cyx", "0.5"), COLOUR, refused=colours, choice=Choice(channel="rgb")
        ),
        "OME, z": _several("a.zarr", ome(_STACK, "zyx", "0.5"), Choice(z=1), z=4),
        "OME, t and c": _several(
            "a.zarr", ome(_STACK.reshape(2, 2, HEIGHT, WIDTH), "tcyx", "0.4"), Choice(t=0, channel=1), t=2, channel=2
        ),
        "xarray": _several("a.zarr", array(_STACK, 2, ("time", "y", "x")), Choice(t=1), t=4),
        "dimension names": _several("a.zarr", array(_STACK, 3, ("z", "y", "x")), Choice(z=1), z=4),
        "no names": _several("a.zarr", array(_STACK), Choice(page=1), page=4),
        "images in a group": Input(
            "a.zarr", plate, None, refused="is a zarr group without multiscales; give the folder of an image"
        ),
    }
    return found


def inputs():
    """{name: Input}; without zarr if that is not installed."""
    kinds = {"stack": _tiffs(), "channels": _tiffs_in_colours(), "npy": _arrays(), "zarr": _zarrs()}
    return {f"{kind}: {name}": one for kind, found in kinds.items() for name, one in found.items()}
