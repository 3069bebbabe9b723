"""Splits of a data set: stored under a name, stored as a folder, or made by dividing the samples by their names.

Also defines `Listing` and `Layout`, the interface of all readers.
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ris_tf.data.images.single import folders_in
from ris_tf.errors import DataError, NoSplit

PARTS = ("train", "val", "test")  # the parts into which a data set without splits is divided
ALL = "all"  # stands for all splits together

Read = Callable[[], tuple[np.ndarray, np.ndarray]]


class Listing(NamedTuple):
    """The samples of a split, before any image is read.

    Attributes:
        samples: list of (name, read), sorted by name. read() returns image [H, W, C] and labels int32 [H, W], or raises
            DataError.
        problems: one line for each problem with the folder itself.
        notes: one line for each thing that is not a problem but that the user should know, such as what was left out.
    """

    samples: list[tuple[str, Read]]
    problems: list[str]
    notes: Sequence[str] = ()


class Layout(NamedTuple):
    """A folder structure of data sets, with the functions that read it.

    Attributes:
        name: display name.
        tree: the expected files, in one line.
        find: function (folder) -> the folder at which the layout starts, or None if the folder has another layout.
        splits: function (folder as found, category, held_out) -> names of the splits, which share no image.
        listing: function (folder as found, name of a split or "all", category, held_out) -> Listing. It raises
            DataError or UsageError.
    """

    name: str
    tree: str
    find: Callable[[Path], Path | None]
    splits: Callable[[Path, str, float], list[str]]
    listing: Callable[[Path, str, str, float], Listing]


def chosen(where: Path | str, split: str, present: Sequence[str]) -> list[str]:
    """Names of the splits that `split` stands for.

    "all" stands for all splits. Any other name stands for the split of that name or, if there is none, for the only
    split whose name begins with it.

    Args:
        where: name of the data set in messages.
        split: name or beginning of a name, or "all".
        present: names of the splits that exist.

    Raises:
        NoSplit: no split begins with the name.
        DataError: several splits begin with the name.
    """
    if split == ALL:
        return list(present)
    found = [split] if split in present else [name for name in present if name.startswith(split)]
    if len(found) != 1:
        kind, problem = (DataError, f"{len(found)} splits begin with") if found else (NoSplit, "no split")
        raise kind(f"{where}: {problem} {split!r}; the splits present are {', '.join(present)}")
    return found


def part(where: Path | str, listing: Listing, split: str, held_out: float = 0.0) -> Listing:
    """One part of a data set that has no splits.

    Args:
        where: name of the data set in messages.
        listing: all samples of the data set.
        split: "all", or "train", "val" or "test": about 80, 10 and 10 percent of the samples. They are divided by a
            hash of their names, so that the result does not depend on the order of files on disk.
        held_out: if not 0, this share of the samples, the last by name, becomes "val" instead; all others become
            "train", and there is no "test".

    Raises:
        NoSplit: there is no such part, or there are too few samples for it.
        DataError: the part is empty and the listing has problems.
    """
    samples = listing.samples
    if split == ALL:
        return listing
    if split not in PARTS:
        expected = ", ".join((*PARTS, ALL))
        raise NoSplit(f"{where}: no split {split!r}; this data set is divided by name, so ask for one of {expected}")
    cut = _parts(samples, held_out)[split]
    if not cut and listing.problems:
        raise DataError(*listing.problems)
    if not cut:
        why = f"there are too few pairs, {len(samples)}; expected 3 pairs or more, or the split 'all'"
        if held_out and split == "test":
            why = "data.held_out divides the images into train and val; expected one of these"
        raise NoSplit(f"{where}: no {split!r} part, because {why}")
    return Listing(cut, listing.problems, listing.notes)


def part_names(listing: Listing, held_out: float = 0.0) -> list[str]:
    """Names of the parts that contain at least one sample; ["all"] if the data set has no samples."""
    return [name for name, cut in _parts(listing.samples, held_out).items() if cut] or [ALL]


def _parts(samples, held_out):
    """Divides samples into {part: samples sorted by name}. With three samples or more, no part by hash is empty."""
    if held_out:
        cut = len(samples) - max(1, round(held_out * len(samples)))
        return {"train": samples[:cut], "val": samples[cut:], "test": []}
    ranked = sorted(samples, key=lambda sample: hashlib.sha256(os.fsencode(sample[0])).digest())
    tenth = max(1, round(len(samples) / 10))
    val = tenth if len(samples) >= 2 else 0
    test = tenth if len(samples) >= 3 else 0
    cuts = {"train": ranked[val + test :], "val": ranked[:val], "test": ranked[val : val + test]}
    return {name: sorted(cut, key=lambda sample: sample[0]) for name, cut in cuts.items()}


def in_folders(
    name: str, tree: str, has: Callable[[Path], bool], samples_in: Callable[..., Listing], categories: bool = False
) -> Layout:
    """Makes a layout whose splits are the folders `DIR/SPLIT`; without such folders, it is divided by name.

    Args:
        name: name of the layout.
        tree: its files, in one line.
        has: function (folder) -> whether the folder itself has the layout.
        samples_in: function (folder) -> Listing of all samples in the folder; with `categories`, (folder, category).
        categories: whether objects have categories.
    """

    def samples(folder, category):
        return samples_in(folder, category) if categories else samples_in(folder)

    def whole(root, split=ALL):
        """The folder with all samples of a data set without splits, or None if there are split folders.

        It is `root` itself, or the only folder in it that has the layout if its name is not that of a split.
        """
        if has(root):
            return root
        present = [folder for folder in folders_in(root) if has(folder)]
        if len(present) == 1 and present[0].name not in PARTS and split in (*PARTS, ALL):
            return present[0]
        return None

    def find(root):
        return root if has(root) or any(has(folder) for folder in folders_in(root)) else None

    def splits(root, category, held_out):
        if one := whole(root):
            return part_names(samples(one, category), held_out)
        return [folder.name for folder in folders_in(root) if has(folder)]

    def listing(root, split, category, held_out):
        folders = {folder.name: folder for folder in folders_in(root) if has(folder)}
        if split in folders:
            return samples(folders[split], category)
        if one := whole(root, split):
            return part(one, samples(one, category), split, held_out)
        return joined({found: samples(folders[found], category) for found in _present(root, split, folders)})

    return Layout(name, tree, find, splits, listing)


def _present(root, split, folders):
    if split != ALL:
        raise NoSplit(f"{root}: no split {split!r}; the splits present are {', '.join(folders)}")
    return folders


def joined(listings: Mapping[str, Listing]) -> Listing:
    """Joins {split: Listing} to one Listing, sorted by name. Names become SPLIT/NAME if splits share a name."""
    names = [{name for name, _ in listing.samples} for listing in listings.values()]
    shared = len(set().union(*names)) < sum(map(len, names))
    samples = [
        (f"{split}/{name}" if shared else name, read)
        for split, listing in listings.items()
        for name, read in listing.samples
    ]
    samples.sort(key=lambda sample: sample[0])
    problems, notes = (
        [line for listing in listings.values() for line in getattr(listing, kind)] for kind in ("problems", "notes")
    )
    return Listing(samples, problems, notes)
