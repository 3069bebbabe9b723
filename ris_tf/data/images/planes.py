"""Choose planes of images with several: pages, channels, a z-stack, a time series. Indices count from 0.

`tiff_pages`, `zarr_arrays` and `npy_arrays` find the axes of a file. Here a user's choice is checked against them. A
file with several planes is never read without a choice.
"""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ris_tf.errors import DataError, UsageError

ALL = "all"  # as an index: every plane along an axis, one after another
RGB = "rgb"  # as a channel: an axis of three or four channels is red, green and blue (and alpha)
_SHORT = {"t": "t", "z": "z", "channel": "c", "page": "page"}  # flag: what names of results contain, in this order
_WORDS = {"t": "planes along t", "z": "planes along z", "channel": "channels", "page": "pages"}


class Choice(NamedTuple):
    """Which planes to read: for each axis an index from 0, ALL, or None if nothing was chosen; RGB for `channel`."""

    page: int | str | None = None
    channel: int | str | None = None
    z: int | str | None = None
    t: int | str | None = None


class Axis(NamedTuple):
    """An axis of planes.

    Attributes:
        flag: the field of Choice that chooses along it. Axes without a name are counted together, as "page".
        length: number of planes along it, at least 2.
        rgb: whether its planes may be the colours of one image, which `channel=RGB` then says.
    """

    flag: str
    length: int
    rgb: bool = False


def parse(flag: str, text: str | None) -> int | str | None:
    """Reads the value of a flag.

    Args:
        flag: name of a field of Choice.
        text: value as given by the user; None if the flag was not given.

    Returns:
        A value for that field of Choice.

    Raises:
        UsageError: the value is not a number from 0, "all", or "rgb" for a channel.
    """
    words = (ALL, RGB) if flag == "channel" else (ALL,)
    if text is None or text in words:
        return text
    if not (text.isascii() and text.isdigit()) or len(text) > 9:
        raise UsageError(f"--{flag}={text}: expected a number counted from 0, or {' or '.join(words)}")
    return int(text)


def expand(path: Path, axes: Sequence[Axis], choice: Choice, several: bool = True) -> dict[str, Choice]:
    """Lists the planes of a file that a choice stands for.

    Args:
        path: Path of the file, for messages.
        axes: its axes.
        choice: the choice; ALL is allowed.
        several: whether the message about a missing choice mentions ALL.

    Returns:
        {ending of the names of the results: Choice without ALL}, such as {"_z0": Choice(z=0), "_z1": Choice(z=1)}. For
        a file with a single plane, the only key is "".

    Raises:
        DataError: an axis of the file is not chosen, or has no plane with the index.
    """
    axes = {axis.flag: axis for axis in axes}
    colours = next((flag for flag, axis in axes.items() if axis.rgb and choice.channel == RGB), None)
    _check(path, [axis for flag, axis in axes.items() if flag != colours], choice, several)
    chosen = {flag: getattr(choice, flag) for flag in _SHORT if flag in axes and flag != colours}
    ranges = [range(axes[flag].length) if index == ALL else [index] for flag, index in chosen.items()]
    found, rest = {}, Choice(*(None if index == ALL else index for index in choice))
    for indices in itertools.product(*ranges):
        one = dict(zip(chosen, indices, strict=True))
        found["".join(f"_{_SHORT[flag]}{index}" for flag, index in one.items())] = rest._replace(**one)
    return found


def pick(path: Path, axes: Sequence[Axis], choice: Choice | None) -> dict[str, int | str]:
    """Finds the index along each axis of a file.

    Args:
        path: Path of the file, for messages.
        axes: its axes.
        choice: a choice without ALL; None if the caller offers none.

    Returns:
        {flag: index}, for all axes except one that holds the colours; then the channel is RGB.

    Raises:
        DataError: several planes are left.
    """
    if choice is None:
        if axes:
            colours = ", or its colours as an RGB image" if any(axis.rgb for axis in axes) else ""
            raise DataError(
                f"{path}: has {_counts(axes)}; expected a single 2-D image; save each plane as a separate file{colours}"
                f"; ris-data convert {_some(axes)} does so for a data set"
            )
        return {}
    (one,) = expand(path, axes, choice, several=False).values()
    return {flag: index for flag, index in one._asdict().items() if index is not None}


def within(axes: Sequence[Axis], choice: Choice | None) -> Choice | None:
    """The part of a choice that a file with these axes has: for label maps, which may have fewer than their images."""
    flags = [axis.flag for axis in axes]
    return choice and Choice(**{flag: index for flag, index in choice._asdict().items() if flag in flags})


def check_colours(path: Path, shape: Sequence[int], choice: Choice | None) -> None:
    """Raises DataError if a channel was chosen and the image, of the shape (H, W, C), has colours."""
    if choice and shape[2] == 3 and isinstance(choice.channel, int):
        raise DataError(f"{path}: is an RGB image, whose colours are read together; leave out --channel")


def _check(path, axes, choice, several):
    """Raises DataError unless each axis is chosen, and every index lies within its axis.

    The message mentions ALL if `several` is True.
    """
    left = [axis for axis in axes if getattr(choice, axis.flag) is None]
    if left:
        some = _some(left, " and ")
        every = ", or all of them with " + " and ".join(f"--{axis.flag}={ALL}" for axis in left) if several else ""
        colours = f", or --channel={RGB} if they are its colours" if any(axis.rgb for axis in left) else ""
        raise DataError(f"{path}: has {_counts(left)}; choose one with {some}{every}{colours}")
    lengths = {axis.flag: axis.length for axis in axes}
    for flag, index in choice._asdict().items():
        length = lengths.get(flag, 1)
        if index == RGB and flag in lengths:
            raise DataError(f"{path}: has {length} channels; expected --channel=0..{length - 1} or {ALL}, not {RGB}")
        if isinstance(index, int) and index >= length:
            known = f"expected 0..{length - 1}, counted from 0" if length > 1 else f"leave out --{flag}"
            few = f"has {length} {_WORDS[flag]}" if length > 1 else f"has no axis for --{flag}"
            raise DataError(f"{path}: {few}; {known}, not --{flag}={index}")


def _some(axes, between=" "):
    return between.join(f"--{axis.flag}=0..{axis.length - 1}" for axis in axes)


def _counts(axes):
    return " and ".join(f"{axis.length} {_WORDS[axis.flag]}" for axis in axes)
