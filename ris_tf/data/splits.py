"""What a reader lists, and how a split is found: by its name, in a folder of its own, or as a part by name."""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from ris_tf.data.readers import folders_in
from ris_tf.errors import DataError, NoSplit

PARTS = ("train", "val", "test")  # of a data set that is not split
ALL = "all"

Read = Callable[[], tuple[np.ndarray, np.ndarray]]


class Listing(NamedTuple):
    """A split of a data set, none of its images opened.

    Attributes:
        samples: (name, read), sorted by name; read() -> image [H, W, C], labels int32 [H, W], or
            raises DataError.
        problems: one line for each thing that is wrong with the folder itself.
    """

    samples: list[tuple[str, Read]]
    problems: list[str]


class Layout(NamedTuple):
    """A way to lay out a data set on disk.

    Attributes:
        name: for people.
        tree: the files, in one line.
        find: folder given -> the folder in which the layout begins, or None.
        splits: that folder, category, held_out -> names of its splits, which share no image.
        listing: that folder, name of a split or "all", category, held_out -> Listing. Raises DataError or UsageError.
    """

    name: str
    tree: str
    find: Callable[[Path], Path | None]
    splits: Callable[[Path, str, float], list[str]]
    listing: Callable[[Path, str, str, float], Listing]


def chosen(where: Path | str, split: str, present: Sequence[str]) -> list[str]:
    """Names of the splits that one name stands for: itself, the only one that begins so, or for "all" every one.

    Raises:
        NoSplit: none begins so.
        DataError: several do.
    """
    if split == ALL:
        return list(present)
    found = [split] if split in present else [name for name in present if name.startswith(split)]
    if len(found) != 1:
        kind, problem = (DataError, f"{len(found)} splits begin with") if found else (NoSplit, "no split")
        raise kind(f"{where}: {problem} {split!r}; the splits present are {', '.join(present)}")
    return found


def part(where: Path | str, listing: Listing, split: str, held_out: float = 0.0) -> Listing:
    """One part of a data set that is not split.

    Args:
        where: what the data set is called in messages.
        listing: of everything.
        split: "train", "val" or "test": about 80, 10 and 10 percent, by a hash of the names, so that a name's part
            depends on no file system order; or "all".
        held_out: share of the samples, the last by name, that make up "val"; the others are "train", and there is no
            "test". 0 for the parts by hash.

    Raises:
        NoSplit: no such part, or there are too few samples for it.
    """
    samples = listing.samples
    if split == ALL:
        return listing
    if split not in PARTS:
        expected = ", ".join((*PARTS, ALL))
        raise NoSplit(f"{where}: no split {split!r}; its pairs are split by name, so ask for one of {expected}")
    cut = _parts(samples, held_out)[split]
    if not cut and listing.problems:
        raise DataError(*listing.problems)
    if not cut:
        expected = "another split" if held_out and split == "test" else "3 or more, or the split 'all'"
        raise NoSplit(f"{where}: {len(samples)} pairs leave no {split!r} part; expected {expected}")
    return Listing(cut, listing.problems)


def part_names(listing: Listing, held_out: float = 0.0) -> list[str]:
    """The parts of a data set that hold any sample; "all" where there is no sample."""
    return [name for name, cut in _parts(listing.samples, held_out).items() if cut] or [ALL]


def _parts(samples, held_out):
    """{part: samples sorted by name}; the cuts leave no part of three samples empty."""
    if held_out:
        cut = len(samples) - max(1, round(held_out * len(samples)))
        return {"train": samples[:cut], "val": samples[cut:], "test": []}
    ranked = sorted(samples, key=lambda sample: hashlib.sha256(os.fsencode(sample[0])).digest())
    tenth = max(1, round(len(samples) / 10))
    val = tenth if len(samples) >= 2 else 0
    test = tenth if len(samples) >= 3 else 0
    cuts = {"train": ranked[val + test :], "val": ranked[:val], "test": ranked[val : val + test]}
    return {name: sorted(cut, key=lambda sample: sample[0]) for name, cut in cuts.items()}


def in_folders(name: str, tree: str, has: Callable[[Path], bool], samples_in: Callable[[Path], Listing]) -> Layout:
    """A layout whose splits are folders `DIR/SPLIT`, or which has no splits and is cut into parts by name.

    Args:
        name: of the layout.
        tree: its files, in one line.
        has: whether a folder itself has the layout.
        samples_in: lists everything in such a folder.
    """

    def whole(root, split=ALL):
        """The folder that holds all, not split: the one given, or the only one in it that is named for no split."""
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
            return part_names(samples_in(one), held_out)
        return [folder.name for folder in folders_in(root) if has(folder)]

    def listing(root, split, category, held_out):
        folders = {folder.name: folder for folder in folders_in(root) if has(folder)}
        if split in folders:
            return samples_in(folders[split])
        if one := whole(root, split):
            return part(one, samples_in(one), split, held_out)
        return joined({found: samples_in(folders[found]) for found in _present(root, split, folders)})

    return Layout(name, tree, find, splits, listing)


def _present(root, split, folders):
    if split != ALL:
        raise NoSplit(f"{root}: no split {split!r}; the splits present are {', '.join(folders)}")
    return folders


def joined(listings: Mapping[str, Listing]) -> Listing:
    """{split: Listing} as one, sorted by name; names are SPLIT/NAME if splits share any."""
    names = [{name for name, _ in listing.samples} for listing in listings.values()]
    shared = len(set().union(*names)) < sum(map(len, names))
    samples = [
        (f"{split}/{name}" if shared else name, read)
        for split, listing in listings.items()
        for name, read in listing.samples
    ]
    samples.sort(key=lambda sample: sample[0])
    return Listing(samples, [problem for listing in listings.values() for problem in listing.problems])
