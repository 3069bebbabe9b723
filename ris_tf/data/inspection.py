"""Inspect a data set: statistics of each split, a list of all problems, and a contact sheet of overlays."""

import dataclasses
import hashlib

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ris_tf.data import foreground
from ris_tf.errors import DataError
from ris_tf.instances.visualize import overlay
from ris_tf.wording import counted

CELL = 320  # px, largest side of a picture on the contact sheet
COLUMNS, ROWS = 6, 4
_MARGIN, _TEXT = 6, 14  # px


@dataclasses.dataclass
class Split:
    """Contents of one split. Except for `areas`, `problems` and `pictures`, lists have one item per readable image.

    Attributes:
      names: image names, str.
      shapes: (height, width, channels).
      dtypes: dtype names, str.
      counts: number of objects in the image.
      areas: area in pixels of every object of the split.
      pieces: result of `foreground.pieces`.
      ignored: share of the pixels that are ignored, 0 to 1.
      problems: one line per problem.
      pictures: (caption, overlay uint8 [H, W, 3]) of images spread evenly over the split.
    """

    names: list = dataclasses.field(default_factory=list)
    shapes: list = dataclasses.field(default_factory=list)
    dtypes: list = dataclasses.field(default_factory=list)
    counts: list = dataclasses.field(default_factory=list)
    areas: list = dataclasses.field(default_factory=list)
    pieces: list = dataclasses.field(default_factory=list)
    ignored: list = dataclasses.field(default_factory=list)
    problems: list = dataclasses.field(default_factory=list)
    pictures: list = dataclasses.field(default_factory=list)


def inspect(samples, pictures, seen):
    """Reads every sample of a split and collects statistics, problems and overlays.

    Args:
      samples: list of (name, read), see `sources.open_source`; may be wrapped in tqdm.
      pictures: number of overlays to make.
      seen: {digest: name} of the images seen so far, used to find duplicates; the images of this split are added.

    Returns:
      Split.
    """
    split = Split()
    chosen = set(np.linspace(0, len(samples) - 1, min(pictures, len(samples))).round().astype(int))
    for index, (name, read) in enumerate(samples):
        try:
            image, labels = read()
        except DataError as error:
            split.problems += error.problems
            continue
        ids, areas = np.unique(labels, return_counts=True)
        split.names.append(name)
        split.shapes.append(image.shape)
        split.dtypes.append(str(image.dtype))
        split.counts.append(int((ids > 0).sum()))
        split.areas += areas[ids > 0].tolist()
        split.pieces.append(foreground.pieces(labels))
        split.ignored.append(float((labels < 0).mean()))
        digest = hashlib.sha256(image.tobytes()).digest()
        if digest in seen:
            split.problems.append(f"{name}: has the same pixels as {seen[digest]}; expected each image once")
        seen.setdefault(digest, name)
        if index in chosen:
            split.pictures.append((f"{name}: {split.counts[-1]}", _thumbnail(overlay(image, labels))))
    return split


def summary(name, split):
    """Summarises a split as a list of text lines.

    Args:
      name: name of the split.
      split: Split.
    """
    lines = [f"{name}: {counted(len(split.names), 'image')}, {counted(len(split.areas), 'object')}"]
    if not split.names:
        return lines
    sizes = [f"{width}x{height}" for height, width, _ in split.shapes]
    kinds = [f"{counted(shape[2], 'channel')} {dtype}" for shape, dtype in zip(split.shapes, split.dtypes, strict=True)]
    lines += [f"  sizes              {_most(sizes)} (width x height)", f"  pixels             {_most(kinds)}"]
    lines.append(f"  objects per image  {_spread(split.counts)}")
    if split.areas:
        lines.append(f"  pixels per object  {_spread(split.areas)}")
    empty, partly = split.counts.count(0), np.count_nonzero(split.ignored)
    if empty:
        lines.append(f"  without objects    {counted(empty, 'image')}")
    if partly:
        lines.append(f"  ignored            {np.mean(split.ignored):.1%} of the pixels, in {counted(partly, 'image')}")
    if warning := foreground.warning(split.pieces):
        lines.append(f"  note               {warning}")
    return lines


def _most(values, shown=4):
    """The most frequent values and their counts, as text."""
    kinds, times = np.unique(values, return_counts=True)
    order = np.argsort(-times, kind="stable")
    text = ", ".join(f"{kinds[index]} ({times[index]})" for index in order[:shown])
    return text + (f", and {len(kinds) - shown} more" if len(kinds) > shown else "")


def _spread(values):
    return f"{min(values)} to {max(values)}, median {np.median(values):g}, mean {np.mean(values):.1f}"


def contact_sheet(pictures):
    """Arranges pictures in a grid, each with its name above it.

    Args:
      pictures: non-empty list of (name, uint8 [H, W, 3]); no side longer than CELL pixels.

    Returns:
      uint8 [H, W, 3].
    """
    columns = min(COLUMNS, len(pictures))
    rows = -(-len(pictures) // columns)
    wide, high = CELL + _MARGIN, CELL + _MARGIN + _TEXT + 4
    sheet = Image.new("RGB", (columns * wide + _MARGIN, rows * high + _MARGIN), "white")
    draw, font = ImageDraw.Draw(sheet), ImageFont.load_default(size=_TEXT)
    for index, (name, picture) in enumerate(pictures):
        left, top = _MARGIN + index % columns * wide, _MARGIN + index // columns * high
        while draw.textlength(name, font) > CELL:
            name = f"...{name[4:]}"
        draw.text((left, top), name, fill="black", font=font)
        sheet.paste(Image.fromarray(picture), (left, top + _TEXT + 4))
    return np.asarray(sheet).copy()


def _thumbnail(picture):
    image = Image.fromarray(picture)
    image.thumbnail((CELL, CELL), Image.Resampling.LANCZOS)
    return np.asarray(image)
