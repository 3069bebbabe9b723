"""Read the leaf segmentation challenge (CVPPP LSC, 2014 to 2017): NAME_rgb.png with NAME_label.png in A1 to A4.

The ids of a label map may have gaps. The foreground masks `NAME_fg.png` are not read. Images without a label map, the
test plants of the challenge, are left out with a warning. A split is either the name of a folder or a part of all
folders together.

Source: Minervini et al. 2016, "Finely-grained annotated datasets for image-based plant phenotyping".
"""

import re
from functools import partial

import numpy as np
from absl import logging

from ris_tf.data.images.single import by_name, entries, folders_in, images_in, passed_over, read_pair
from ris_tf.data.readers.splits import Listing, in_folders, joined
from ris_tf.wording import counted

MIN_AREA = 2  # pixels; smaller "leaves" are annotation errors and are dropped in training and in evaluation


def _has_images(folder):
    return any(file.stem.endswith("_rgb") for file in images_in(folder))


def _subsets(folder):
    return [found for found in folders_in(folder) if re.fullmatch(r"A\d+", found.name) and _has_images(found)]


def _has(folder):
    return _has_images(folder) or bool(_subsets(folder))


def _samples(folder):
    if _has_images(folder):
        return _plants(folder, "")
    return joined({subset.name: _plants(subset, f"{subset.name}_") for subset in _subsets(folder)})


def _plants(folder, prefix):
    """Lists the labelled plants of one folder; `prefix` is put before their names."""
    problems, files = [], images_in(folder)
    images, labels = by_name(files, "_rgb", problems), by_name(files, "_label", problems)
    problems += [f"{labels[name]}: mask has no image of the same name" for name in labels.keys() - images]
    names = sorted(images.keys() & labels.keys())
    if not names:
        found = f"{counted(len(images), 'image')} and {counted(len(labels), 'mask')}"
        problems.insert(0, f"{folder}: {found}, but no image and mask with the same name; expected {LAYOUT.tree}")
    notes, unlabelled = passed_over(folder, entries(folder)), len(images.keys() - labels)
    if names and unlabelled:
        notes.append(f"{folder}: images without a label map, which are left out: {unlabelled} of {len(images)}")
    samples = [(prefix + name, partial(_read, images[name], labels[name])) for name in names]
    return Listing(samples, sorted(problems), notes)


def _read(image, file):
    pixels, labels = read_pair(image, file)
    ids, areas = np.unique(labels, return_counts=True)
    specks = ids[(areas < MIN_AREA) & (ids > 0)]
    if specks.size:
        logging.warning("%s: leaves of fewer than %d pixels, which are left out: %d", file, MIN_AREA, specks.size)
        labels[np.isin(labels, specks)] = 0
    return pixels, labels


LAYOUT = in_folders("leaf segmentation challenge (CVPPP)", "NAME_rgb.png with NAME_label.png", _has, _samples)
