"""Find the image in a zarr folder, and what its axes are: an array, or OME-Zarr of any version (NGFF 0.1 to 0.5)."""

import json
import math

import numpy as np

from ris_tf.data.images.planes import RGB, Axis, pick
from ris_tf.errors import DataError
from ris_tf.optional import import_optional
from ris_tf.wording import counted

# Codecs that zarr may use. Others, such as the pickle codec of numcodecs, can run code stored in the file.
_CODECS = {"blosc", "bytes", "bz2", "crc32c", "default", "delta", "gzip", "lz4", "lzma", "regular", "sharding_indexed"}
_CODECS |= {"shuffle", "transpose", "zlib", "zstd", "v2"}
_NO_CODECS = ("attributes", "dtype", "data_type", "dimension_names", "fill_value")  # metadata fields without codecs
_FLAGS = {"t": "t", "time": "t", "z": "z", "c": "channel", "channel": "channel"}  # flags by the names or types of axes
_SAMPLES = ("s", "rgb", "rgba", "samples")  # names of an axis that holds colours
_COLOURS = (["r", "g", "b"], ["red", "green", "blue"])  # labels of channels that are colours
_BEFORE_AXES = "tczyx"  # axes of every image before version 0.3, which does not list them


def zarr_library():
    """Returns the module zarr. It is imported on first use, because it is an optional dependency.

    Raises:
        UsageError: zarr is not installed.
    """
    return import_optional("zarr", "a zarr image", "the library zarr", "'ris-tf[large]'")


class ZarrImage:
    """The array of an image at its highest resolution, with the meaning of its axes.

    Args:
        path: Path of the folder of a zarr array or OME-Zarr image.

    Attributes:
        axes: list of `planes.Axis`, those along which there are several planes.

    Raises:
        DataError: the folder holds no image, uses an unknown codec, or its metadata do not fit the array.
        UsageError: zarr is not installed.
    """

    def __init__(self, path):
        self._path = path
        self._node, names, labels = _opened(path)
        shape = self._node.shape
        self._rows, self._columns, self._colours = _picture(path, self._node, names)
        fixed = [axis for axis in range(len(shape)) if axis not in (self._rows, self._columns, self._colours)]
        flags = [_FLAGS.get(names[axis], "page") if names else "page" for axis in fixed]
        flags = [flag if flags.count(flag) == 1 else "page" for flag in flags]
        self._fixed = {flag: [a for a, f in zip(fixed, flags, strict=True) if f == flag] for flag in flags}
        if labels in _COLOURS and self._colours is None and shape[self._fixed.get("channel", [0])[0]] == len(labels):
            (self._colours,) = self._fixed.pop("channel", [None])
        lengths = {flag: math.prod(shape[axis] for axis in axes) for flag, axes in self._fixed.items()}
        colours = None if self._colours is not None else next(filter(self._may_be_rgb, ("channel", "page")), None)
        self.axes = [Axis(flag, length, flag == colours) for flag, length in lengths.items() if length > 1]

    def _may_be_rgb(self, flag):
        several = [length for axis in self._fixed.get(flag, ()) if (length := self._node.shape[axis]) > 1]
        return several in ([3], [4])

    def plane(self, choice):
        """What `regions.Regions` needs to read a plane.

        Args:
            choice: `planes.Choice`, or None.

        Returns:
            The arguments shape, dtype, piece, load and planes.

        Raises:
            DataError: several planes are left.
        """
        node, colours, index = self._node, self._colours, pick(self._path, self.axes, choice)
        flag = next((axis.flag for axis in self.axes if axis.rgb), None)
        if flag and index.get("channel") == RGB:
            (colours,) = (axis for axis in self._fixed[flag] if node.shape[axis] > 1)
        start = [0] * node.ndim
        for flag, axes in self._fixed.items():
            rest = index.get(flag, 0)
            for axis in reversed(axes):
                if axis != colours:
                    rest, start[axis] = divmod(rest, node.shape[axis])
        kept = [axis for axis in (self._rows, self._columns, colours) if axis is not None]
        order = [sorted(kept).index(axis) for axis in kept]
        size = [node.chunks[axis] for axis in kept[:2]]
        shape = [*(node.shape[axis] for axis in kept), 1][:3]
        # If the colours are in separate chunks, each colour has pieces of its own.
        planes = colours is not None and node.chunks[colours] < shape[2]

        def load(plane, i, j):
            place = list(start)
            for axis, first, length in zip(kept[:2], (i * size[0], j * size[1]), size, strict=True):
                place[axis] = slice(first, first + length)
            if colours is not None:
                place[colours] = slice(None) if plane is None else slice(plane, plane + 1)
            piece = np.asarray(node[tuple(place)]).transpose(order)
            return piece if colours is not None else piece[..., None]

        return shape, node.dtype, size, load, planes


def _opened(path):
    """Returns an array, the names of its axes in lower case (None if unknown), and the labels of its channels."""
    library = zarr_library()
    node, listed, labels = library.open(str(path), mode="r"), None, []
    if isinstance(node, library.Group):
        attributes = {**node.attrs, **node.attrs.get("ome", {})}
        found = attributes.get("multiscales")
        if not found:
            raise DataError(
                f"{path}: is a zarr group without multiscales; give the folder of an image or array inside it"
            )
        node, listed = node[found[0]["datasets"][0]["path"]], found[0].get("axes")
        if listed is None and node.ndim == len(_BEFORE_AXES):
            listed = _BEFORE_AXES
        labels = [str(entry.get("label", "")).lower() for entry in attributes.get("omero", {}).get("channels", [])]
    listed = listed or getattr(node.metadata, "dimension_names", None) or node.attrs.get("_ARRAY_DIMENSIONS")
    # Values in the metadata that are not plain JSON are codecs; they are replaced by their ids.
    fields = json.dumps(node.metadata.to_dict(), default=lambda codec: {"id": getattr(codec, "codec_id", str(codec))})
    used = _named(json.loads(fields))
    if not used <= _CODECS:
        other = sorted(used - _CODECS)[0]
        raise DataError(f"{path}: zarr is compressed with {other}; expected one of {', '.join(sorted(_CODECS))}")
    names = [_name(axis) for axis in listed] if listed else None
    if names and len(names) != node.ndim:
        found = f"{counted(len(names), 'axis', 'axes')} for an array of {node.ndim}"
        raise DataError(f"{path}: lists {found}; expected a name for each axis")
    return node, names, labels


def _name(axis):
    """Name of an axis in lower case; its type if that says more: "t" or "c" for an axis of any name."""
    if not isinstance(axis, dict):
        return str(axis or "").lower()
    name = str(axis.get("name", "")).lower()
    return {"time": "t", "channel": "c"}.get(axis.get("type"), name) if name not in _SAMPLES else name


def _picture(path, node, names):
    """The axes of a zarr array that are rows, columns and colours (None without colours).

    Colours are the last axis, of three or four numbers, unless it has a name that says otherwise.

    Raises:
        DataError: there are fewer than two axes, or their names do not say which are rows and columns.
    """
    shape, last = node.shape, node.ndim - 1
    if last < 1:
        raise DataError(f"{path}: zarr has the shape {'x'.join(map(str, shape))}; expected [H, W] or more axes")
    if not names or not any(names):
        if last >= 2 and shape[last] in (3, 4) and max(shape[:-2]) > 4:
            return last - 2, last - 1, last
        return last - 1, last, None
    if names.count("y") != 1 or names.count("x") != 1:
        raise DataError(f"{path}: has the axes {', '.join(names)}; expected one named y and one named x")
    rows, columns = names.index("y"), names.index("x")
    samples = [axis for axis, name in enumerate(names) if name in _SAMPLES and shape[axis] in (3, 4)]
    interleaved = last > max(rows, columns) and names[last] in ("c", "channel") and shape[last] in (3, 4)
    if interleaved and node.dtype == np.uint8:
        samples.append(last)
    return rows, columns, samples[0] if samples else None


def _named(fields):
    """Names of the codecs in the metadata of a zarr array, in version 2 or 3 of the format."""
    found = set()
    if isinstance(fields, dict):
        for key in ("id", "name"):
            if isinstance(fields.get(key), str):
                found.add(fields[key].removeprefix("numcodecs."))
        fields = [fields[key] for key in fields if key not in _NO_CODECS]
    for part in fields if isinstance(fields, list) else ():
        found |= _named(part)
    return found
