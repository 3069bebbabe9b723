"""Planes with known numbers of objects, and the metadata of OME-Zarr written by hand."""

import numpy as np

COUNTS = (5, 9, 7, 11)


def planes(height=60, width=80):
    """uint16 [4, H, W]: plane k shows COUNTS[k] bright discs, at other places in each plane, on noise."""
    rng, rows = np.random.default_rng(0), np.mgrid[:height, :width]
    found = rng.integers(100, 200, (len(COUNTS), height, width)).astype(np.uint16)
    for plane, count in zip(found, COUNTS, strict=True):
        centres = [(y, x) for y in range(8, height - 6, 12) for x in range(8, width - 6, 12)]
        for y, x in rng.permutation(centres)[:count]:
            plane[np.hypot(rows[0] - y, rows[1] - x) < 4] += 3000
    return found


def write_ome_zarr(library, path, stored, axes, version, **attributes):
    """Writes an OME-Zarr image of version "0.4" or "0.5" with two resolutions.

    Args:
        library: the module zarr.
        path: Path of the folder.
        stored: array.
        axes: str, names of its axes.
        version: see above.
        attributes: further metadata, such as "omero".
    """
    types = {"t": "time", "c": "channel"}
    listed = [{"name": axis, "type": types.get(axis, "space")} for axis in axes]
    scales = [[2.0**level if axis in "yx" else 1.0 for axis in axes] for level in range(2)]
    datasets = [
        {"path": f"s{level}", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
        for level, scale in enumerate(scales)
    ]
    image = {"axes": listed, "datasets": datasets}
    old = version == "0.4"
    group = library.open_group(str(path), mode="w", zarr_format=2 if old else 3)
    content = {"multiscales": [{**image, "version": version} if old else image], **attributes}
    group.attrs.update(content if old else {"ome": {"version": version, **content}})
    steps = tuple(slice(None, None, 2) if axis in "yx" else slice(None) for axis in axes)
    chunks = tuple(32 if axis in "yx" else 1 for axis in axes)
    for level, array in enumerate((stored, stored[steps])):
        group.create_array(f"s{level}", shape=array.shape, chunks=chunks, dtype=array.dtype)[:] = array
