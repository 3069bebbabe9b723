"""More than 350 valid inputs of other programs: read rightly, or refused in one line that names the choice."""

import numpy as np
import pytest
from valid import annotators, devices, folders, geotiff, jpeg, label_maps, png, stacks, tiff

from ris_tf.commands.data import open_all
from ris_tf.commands.pictures import listed
from ris_tf.data import foreground
from ris_tf.data.images.orientation import orientation_of
from ris_tf.data.images.regions import can_be_regions, open_regions
from ris_tf.data.normalize import normalize
from ris_tf.errors import DataError

IMAGES = {**png.inputs(), **jpeg.inputs(), **tiff.inputs(), **geotiff.inputs(), **stacks.inputs(), **devices.inputs()}
SETS = {**label_maps.sets(), **folders.sets(), **annotators.sets()}


def read(path, choice):
    """The image that ris-predict reads, or the line that it prints."""
    try:
        found, problems = listed([path], choice)
        if problems:
            return next(iter(problems.values()))
        (picture,) = found
        return picture.read()
    except DataError as error:
        return str(error)


def is_refusal(line, path, words):
    return isinstance(line, str) and "\n" not in line and str(path) in line and words in line


def fits(image, picture, error):
    """Whether the network sees the picture: with its colours, or as a grey image stretched by its percentiles."""
    channels = 3 if picture.ndim == 3 else 1
    assert image.shape == (*picture.shape[:2], channels)
    seen, right = normalize(image, channels), normalize(picture, channels)
    return np.abs(seen - right).max() <= error * (1 if channels == 3 else 1.5)  # grey is stretched


@pytest.mark.parametrize("name", IMAGES)
def test_image(tmp_path, name):
    one = IMAGES[name]
    path = tmp_path / one.file
    one.write(path)
    found = read(path, None)
    if one.refused:
        assert is_refusal(found, path, one.refused), found
        found = read(path, one.choice) if one.choice else None
    if one.picture is None:
        return
    assert not isinstance(found, str), found
    assert fits(found, one.picture, one.error)
    assert orientation_of(path) == one.orientation
    if can_be_regions(path):
        height, width, _ = found.shape
        regions = open_regions(path, one.choice)
        np.testing.assert_array_equal(regions.read(slice(3, height), slice(5, width - 2)), found[3:, 5 : width - 2])


def overlap(labels, right):
    """The smallest IoU of an object with its counterpart; 0 if the numbers of objects or the ignored pixels differ."""
    ids, others = (np.unique(found[found > 0]) for found in (labels, right))
    if labels.shape != right.shape or len(ids) != len(others) or ((labels < 0) != (right < 0)).any():
        return 0.0
    best = (
        max(((right == i) & (labels == j)).sum() / ((right == i) | (labels == j)).sum() for j in ids) for i in others
    )
    return min(best, default=1.0)


@pytest.mark.parametrize("name", SETS)
def test_set(tmp_path, name):
    one = SETS[name]
    one.write(tmp_path)
    try:
        _, listings = open_all(tmp_path)
        lines = [line for listing in listings.values() for line in listing.problems]
        samples = [] if lines else [sample for listing in listings.values() for sample in listing.samples]
        pairs = [read() for _, read in samples]
    except DataError as error:
        lines, pairs = list(error.problems), []
    if one.refused:
        assert not pairs and any(is_refusal(line, tmp_path, one.refused) for line in lines), lines
        return
    assert not lines and len(pairs) == one.images, lines
    assert all(overlap(labels, one.labels) >= one.overlap for _, labels in pairs)
    assert all(image.shape[:2] == one.labels.shape for image, _ in pairs)
    notes = [note for listing in listings.values() for note in listing.notes]
    notes.append(foreground.warning([foreground.pieces(labels) for _, labels in pairs]) or "")
    assert any(one.noted in note for note in notes) and bool(one.noted) == any(notes), notes


def test_there_are_enough_and_most_are_read():
    every = [*IMAGES.values(), *SETS.values()]
    assert len(every) >= 350 and sum(not one.refused for one in every) >= 275


def test_a_wrong_answer_would_be_seen():
    right = png.GREY[..., None]
    assert fits(right, png.GREY, 1e-6)
    for wrong in (right[::-1], 255 - right, right.clip(0, 200), np.where(right == right.max(), right + 5, right)):
        assert not fits(wrong, png.GREY, 1e-6)
    labels = label_maps.LABELS
    for wrong in (labels > 0, labels.T, np.roll(labels, 1, 0), np.where(labels == 5, -1, labels), labels * 0):
        assert overlap(wrong.astype(int), labels) < 1
    assert overlap(np.array([0, 3, 9, 0, 0, 1])[labels], labels) == 1
