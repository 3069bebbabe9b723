"""Read the masks in NAME_seg.npy of Cellpose, a pickled dict, without running code that the file may contain.

Unpickling calls what a file names. Here the names that NumPy writes for arrays, types and numbers lead to the harmless
stand-ins below, pathlib's paths become text, and every other name is refused. Arrays are made from checked fields.
"""

import io
import math
import pickle
import pickletools
from pathlib import Path

import numpy as np

from ris_tf.errors import DataError

_MAX_BYTES = 2**31  # of a file; Cellpose also stores the image and the flows
_CORE = ("numpy.core.multiarray", "numpy._core.multiarray")
_PATHS = ("pathlib", "pathlib._local")
_OPCODES = {
    "PROTO", "FRAME", "STOP", "MARK", "POP", "POP_MARK", "NONE", "NEWTRUE", "NEWFALSE", "BININT", "BININT1",
    "BININT2", "LONG1", "LONG4", "BINFLOAT", "SHORT_BINBYTES", "BINBYTES", "BINBYTES8", "BINUNICODE",
    "SHORT_BINUNICODE", "BINUNICODE8", "EMPTY_LIST", "APPEND", "APPENDS", "EMPTY_TUPLE", "TUPLE", "TUPLE1", "TUPLE2",
    "TUPLE3", "EMPTY_DICT", "SETITEM", "SETITEMS", "BINPUT", "LONG_BINPUT", "MEMOIZE", "BINGET", "LONG_BINGET",
    "GLOBAL", "STACK_GLOBAL", "REDUCE", "NEWOBJ", "BUILD",
}  # fmt: skip


class _Dtype:
    """Stands for numpy.dtype."""

    def __init__(self, code, *_):
        self.code, self.order = code, "|"

    def __setstate__(self, state):
        self.order = state[1]


class _Array:
    """Stands for an array that is filled by `__setstate__`, and for numpy.ndarray."""

    def __init__(self, *_):
        self.state = None

    def __setstate__(self, state):
        self.state = state


def _scalar(*_):
    """Stands for a number of NumPy, such as the estimated diameter; it is not needed."""


def _path(*parts):
    """Stands for the name of the image; it is not needed."""


class _Unpickler(pickle.Unpickler):
    def find_class(self, module, name):
        if (module, name) == ("numpy", "dtype"):
            return _Dtype
        if (module, name) == ("numpy", "ndarray") or (module in _CORE and name == "_reconstruct"):
            return _Array
        if module in _CORE and name == "scalar":
            return _scalar
        if module in _PATHS and name in ("PosixPath", "WindowsPath", "PurePosixPath", "PureWindowsPath"):
            return _path
        raise pickle.UnpicklingError(f"names {module}.{name}")


def holds_objects(path: Path) -> bool:
    """Whether an npy file stores pickled objects rather than numbers.

    Raises:
        OSError, ValueError: the file cannot be read, or its header is invalid.
    """
    with path.open("rb") as stream:
        return _dtype(stream).hasobject


def _dtype(stream):
    """Reads the header of an npy file; afterwards the stream is at the data."""
    version = np.lib.format.read_magic(stream)
    read = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
    return read(stream)[2]


def read_masks(path: Path) -> np.ndarray:
    """Reads "masks" from the dict in an npy file.

    Returns:
        the array of numbers under "masks", [H, W].

    Raises:
        DataError: the file is too large, has other content, names anything but arrays of numbers, or has masks in 3-D.
    """
    expected = "expected the NAME_seg.npy of Cellpose; save the masks as PNG or TIFF, or with numpy.save"
    if path.stat().st_size > _MAX_BYTES:
        raise DataError(f"{path}: has {path.stat().st_size:,} bytes; expected at most {_MAX_BYTES:,}; {expected}")
    try:
        with path.open("rb") as stream:
            _dtype(stream)
            content = stream.read()
        _check(content)
        (found,) = _only(_Unpickler(io.BytesIO(content)).load())
        masks = _array(found["masks"])
    except Exception as error:  # a broken pickle raises almost anything
        reason = str(error).splitlines()[0][:80] if isinstance(error, pickle.UnpicklingError) else "no array of masks"
        raise DataError(
            f"{path}: holds pickled objects from which no masks can be read safely ({reason}); {expected}"
        ) from error
    if masks.ndim != 2:
        shape = "x".join(map(str, masks.shape))
        raise DataError(f"{path}: 'masks' has the shape {shape}; expected ids [H, W]; save each plane separately")
    return masks


def _check(content):
    """Raises UnpicklingError for a pickle with an unknown operation, or with a place in its memory that is too large.

    Python would allocate as many places as such a number says.
    """
    for count, (operation, argument, _) in enumerate(pickletools.genops(content), 1):
        if operation.name not in _OPCODES:
            raise pickle.UnpicklingError(f"uses {operation.name}")
        if operation.name in ("BINPUT", "LONG_BINPUT") and argument > count:
            raise pickle.UnpicklingError(f"uses {operation.name} {argument}")


def _only(found):
    """The elements of the outer array, which NumPy makes of the dict; they may also be there themselves."""
    return found.state[4] if isinstance(found, _Array) else [found]


def _array(stored):
    _, shape, dtype, fortran, content = stored.state
    if dtype.code[:1] not in "biuf" or dtype.code[1:] not in ("1", "2", "4", "8") or dtype.order not in "<>|=":
        raise ValueError
    flat = np.frombuffer(content, np.dtype(f"{dtype.order}{dtype.code}"))
    if len(flat) != math.prod(shape) or min(shape, default=1) < 1:
        raise ValueError
    return flat.reshape(shape, order="F" if fortran else "C")
