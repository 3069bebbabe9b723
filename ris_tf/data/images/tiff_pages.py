"""Find the images in a TIFF: not its reduced copies and masks, and not the planes that other files hold.

The axes of the planes are those that tifffile finds (`TiffPageSeries.axes`) in the metadata of ImageJ, OME and others.
"""

import copy
import itertools
import math
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple
from xml.etree import ElementTree

import numpy as np
import tifffile

from ris_tf.data.images.planes import RGB, Axis, Choice, pick
from ris_tf.errors import DataError

_MANY_PAGES = 1000  # pages of a TIFF are not read beyond this number
_SLIDES = ("svs", "ndpi", "scn", "bif", "avs", "philips", "qpi")  # kinds of series; the first one is the slide
_FLAGS = {"Z": "z", "T": "t", "C": "channel"}  # flags of tifffile's axes; other axes are counted as pages
_LEAST_FACTOR = 1.9  # between the sides of one level of a pyramid and the next


class Plane(NamedTuple):
    """A plane of a TIFF.

    Attributes:
        pages: its page; or three pages, which are its red, green and blue.
        samples: the samples of a pixel that are read, slice; None if all of them are one grey or colour value.
    """

    pages: list[tifffile.TiffPage]
    samples: slice | None

    @property
    def channels(self) -> int:
        """Number of values of a pixel, with alpha."""
        every = range(self.pages[0].samplesperpixel)
        return len(self.pages) * len(every if self.samples is None else every[self.samples])


class _Planes(NamedTuple):
    axes: list[Axis]
    page: Callable  # {flag: index} -> TiffPage, or None if the file lacks it
    samples: bool  # whether the channels are the samples of a page


def axes_of(path: Path, tiff: tifffile.TiffFile) -> list[Axis]:
    """Axes along which an open TIFF has several planes.

    Raises:
        DataError: the TIFF has too many pages, or stores a volume in a page.
    """
    return _planes(path, tiff).axes


def chosen_plane(path: Path, tiff: tifffile.TiffFile, choice: Choice | None = None) -> Plane:
    """Finds a plane of an open TIFF, and checks that all of its data lie within the file.

    Args:
        path: Path of the TIFF, for messages.
        tiff: the open TIFF.
        choice: which plane, see `planes.pick`.

    Raises:
        DataError: several planes are left, the plane is in another file, or the TIFF is truncated or has no pixels.
    """
    planes = _planes(path, tiff)
    indices = pick(path, planes.axes, choice)
    channel, colours = indices.get("channel"), next((axis.flag for axis in planes.axes if axis.rgb), None)
    if channel == RGB and colours and not planes.samples:
        return Plane([_page(path, tiff, planes, {**indices, colours: index}) for index in range(3)], None)
    picked = slice(0, 3) if channel == RGB else slice(channel, channel + 1) if channel is not None else None
    return Plane([_page(path, tiff, planes, indices)], picked if planes.samples else None)


def _page(path, tiff, planes, indices):
    """The page at the indices, after a check of its data."""
    page = planes.page(indices)
    if page is None:
        where = " ".join(f"--{flag}={index}" for flag, index in indices.items())
        raise DataError(f"{path}: has no plane at {where}, although its metadata lists one; choose another one")
    ends = [start + count for start, count in zip(page.dataoffsets, page.databytecounts, strict=False)]
    if max(ends, default=0) > tiff.filehandle.size:  # tifffile would fill the missing part with zeros
        raise DataError(
            f"{path}: file is truncated ({tiff.filehandle.size} of {max(ends)} bytes); copy or save it again"
        )
    if not any(page.databytecounts):  # a writer that failed; left out in part, the missing pieces are zero
        raise DataError(f"{path}: TIFF holds no pixels, only their size; copy or save it again")
    return page


def _planes(path, tiff):
    every = list(itertools.islice(tiff.pages, _MANY_PAGES))  # reading millions would take long
    if len(every) == _MANY_PAGES:
        raise DataError(f"{path}: TIFF has {_MANY_PAGES} pages or more; expected fewer; save it as several files")
    pages = _images(every)
    found = None if _is_spread(tiff) else _by_metadata(tiff, every, {page.index for page in pages})
    first, alike = pages[0], True
    if found is None:
        axes = [Axis("page", len(pages))] if len(pages) > 1 else []
        found = _Planes(axes, lambda indices: pages[indices.get("page", 0)], False)
        alike = len({(page.shape, page.dtype) for page in pages}) == 1
    if not set(first.axes) <= set("YXS"):
        raise DataError(f"{path}: TIFF has a page of the shape {'x'.join(map(str, first.shape))}; expected 2-D pages")
    if found.samples or _are_channels(first):
        axes = [*found.axes, Axis("channel", first.samplesperpixel)]
        return _Planes(_with_colours(axes, ("channel",)), found.page, True)
    grey = alike and first.samplesperpixel == 1 and first.photometric != tifffile.PHOTOMETRIC.PALETTE
    return _Planes(_with_colours(found.axes, ("channel", "page") if grey else ()), found.page, False)


def _with_colours(axes, flags):
    """Marks the axis, the first of the flags, whose planes may be the colours of one image."""
    lengths = {axis.flag: axis.length for axis in axes}
    colours = next((flag for flag in flags if lengths.get(flag) in (3, 4)), None)
    return [axis._replace(rgb=axis.flag == colours) for axis in axes]


def _images(pages):
    """The pages that are neither masks nor reduced copies of others, in order."""
    kept = [page for page in pages if not (page.is_reduced or page.is_mask)] or pages[:1]
    if len(kept) > 1 and all(_is_level(*pair) for pair in itertools.pairwise(kept)):
        return kept[:1]  # a pyramid whose levels are not marked as such
    return kept


def _is_level(larger, smaller):
    """Whether a page has the size and form of the next level of a pyramid."""
    alike = all(getattr(larger, name) == getattr(smaller, name) for name in ("dtype", "samplesperpixel", "is_tiled"))
    factor = larger.imagewidth / max(smaller.imagewidth, 1)
    right = abs(larger.imagelength / factor - smaller.imagelength) <= 1 and abs(factor - round(factor)) < 0.1
    return alike and larger.is_tiled and factor > _LEAST_FACTOR and right


def _are_channels(page):
    """Whether the samples of a pixel are channels of their own: neither grey nor RGB, with or without alpha."""
    grey = page.photometric == tifffile.PHOTOMETRIC.MINISBLACK
    return grey and page.samplesperpixel not in (1, 3) and not any(page.extrasamples)


def _is_spread(tiff):
    """Whether the OME-XML says that other files hold some of the planes, or all metadata.

    tifffile would read the other files, and would give the first plane of all in place of this file's own.
    """
    if not tiff.is_ome:
        return False
    try:
        root = ElementTree.fromstring(tiff.ome_metadata)
    except ElementTree.ParseError:
        return True  # tifffile cannot read it either
    files = {element.text: element.get("FileName", "") for element in root.iterfind(".//{*}UUID")}
    own = root.get("UUID")
    if own is None and [name.lower() for name in files.values()] == [tiff.filename.lower()]:
        own = next(iter(files))
    return bool(files.keys() - {own}) or root.find("{*}BinaryOnly") is not None


def _by_metadata(tiff, pages, numbers):
    """The planes by the axes that tifffile finds; None if these do not fit the pages.

    Args:
        tiff: the open TIFF.
        pages: all of its pages.
        numbers: indices of those that are images of their own.
    """
    first, *others = tiff.series
    if first.kind in _SLIDES:
        numbers = {page.index for page in first.pages if page is not None}
    elif any(series.keyframe.index in numbers for series in others):
        return None  # images of several sizes or kinds
    if first.is_multifile or first.keyframe.parent is not tiff or first.keyframe.index not in numbers:
        return None
    page = pages[first.keyframe.index]
    if first.shape[-page.ndim :] != page.shape:
        return None
    axes, shape = first.axes[: -page.ndim], first.shape[: -page.ndim]
    count = math.prod(shape)
    virtual = count > 1 and len(numbers) == 1  # all planes one after another, of which only the first has an entry
    if virtual and (first.dataoffset is None or not page.is_contiguous):
        return None
    if not virtual and count != len(numbers):
        return None
    flags = [_FLAGS.get(axis, "page") if axes.count(axis) == 1 else "page" for axis in axes]
    lengths = {flag: math.prod(n for n, other in zip(shape, flags, strict=True) if other == flag) for flag in flags}

    def page_at(indices):
        place, rest = [indices.get(flag, 0) for flag in flags], indices.get("page", 0)
        for axis in reversed([axis for axis, flag in enumerate(flags) if flag == "page"]):
            rest, place[axis] = divmod(rest, shape[axis])
        number = int(np.ravel_multi_index(place, shape)) if place else 0
        if virtual:
            return _moved(page, number)
        listed = first.pages[number]
        return listed and pages[listed.index]  # with all tags, of which tifffile may leave some out in its series

    samples = "C" in first.axes[-page.ndim :]  # ImageJ and LSM may store channels as the samples of a page
    return _Planes([Axis(flag, length) for flag, length in lengths.items() if length > 1], page_at, samples)


def _moved(page, number):
    """The page of a plane that has no entry of its own: its data follow those of the planes before it."""
    moved = copy.copy(page)
    moved.dataoffsets = tuple(offset + number * page.nbytes for offset in page.dataoffsets)
    return moved
