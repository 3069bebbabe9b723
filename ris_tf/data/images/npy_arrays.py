"""Find the image in an npy array. Only the lengths of its axes tell which are rows, columns, colours and planes."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from ris_tf.data.images.planes import RGB, Axis, Choice, pick
from ris_tf.errors import DataError

START = b"\x93NUM"  # of a file
_FEW = 4  # an axis of at most this length holds colours or channels


def opened(path: Path) -> np.ndarray:
    """The array of a file; its numbers are read when they are needed.

    Raises:
        OSError, ValueError: the file cannot be read, or holds pickled objects.
    """
    return np.load(path, mmap_mode="r", allow_pickle=False)


def axes_of(path: Path, array: np.ndarray) -> list[Axis]:
    """Axes along which an array has several planes.

    Raises:
        DataError: the array has fewer than two axes, or its lengths do not tell which axis counts the planes.
    """
    names = _names(path, array)
    lengths = {
        name: math.prod(length for length, other in zip(array.shape, names, strict=True) if other == name)
        for name in names
        if name not in "yxs"
    }
    return [
        Axis(name, length, name == "channel" and length in (3, 4)) for name, length in lengths.items() if length > 1
    ]


def plane_of(path: Path, array: np.ndarray, choice: Choice | None) -> np.ndarray:
    """One plane of an array: [H, W], or [H, W, C] with colours.

    Args:
        path: Path of its file, for messages.
        array: array of any shape.
        choice: the plane, see `planes.pick`.

    Raises:
        DataError: see `axes_of`; or several planes are left.
    """
    chosen, names = pick(path, axes_of(path, array), choice), _names(path, array)
    colours = next((n for n, name in enumerate(names) if name == "s"), None)
    if chosen.get("channel") == RGB:
        colours = names.index("channel")
    rest, place = chosen.get("page", 0), []
    for axis in reversed(range(array.ndim)):
        index = slice(None)
        if names[axis] == "page":
            rest, index = divmod(rest, array.shape[axis])
        elif names[axis] == "channel" and axis != colours:
            index = chosen.get("channel", 0)
        place.insert(0, index)
    plane = array[tuple(place)]
    return np.moveaxis(plane, 0, -1) if colours is not None and colours < names.index("y") else plane


def _names(path: Path, array: np.ndarray) -> Sequence[str]:
    """A name for each axis: y, x, s for colours, and flags of `planes.Choice`."""
    shape = array.shape
    if len(shape) == 2:
        return "yx"
    words = "x".join(map(str, shape))
    if len(shape) < 2:
        raise DataError(f"{path}: array has the shape {words}; expected [H, W] or [H, W, 3], or a stack of these")
    if shape[-1] <= _FEW:
        colours = shape[-1] in (1, 3) or (shape[-1] == 4 and array.dtype == np.uint8)
        return [*["page"] * (len(shape) - 3), "y", "x", "s" if colours else "channel"]
    if len(shape) > 3 or _FEW < shape[0] < min(shape[1:]):
        return [*["page"] * (len(shape) - 2), "y", "x"]
    if shape[0] <= _FEW:
        return ["channel", "y", "x"]
    if shape[2] < min(shape[:2]):
        return ["y", "x", "channel"]
    raise DataError(
        f"{path}: array has the shape {words}, and no axis is shorter than the others; expected [H, W], [H, W, 3], or "
        "planes as the first axis; save each plane as a separate file"
    )
