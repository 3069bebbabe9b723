"""Adding and removing objects of a label map: those that are there stay on top."""

import numpy as np

from ris_tf.napari_plugin import objects


def row(*ids):
    return np.array([ids], np.int32)


def test_an_added_object_takes_only_free_pixels():
    labels = row(0, 3, 3, 0, 0)
    rows, columns = objects.free_pixels(labels, row(0, 1, 1, 1, 0) > 0)
    assert (rows.tolist(), columns.tolist(), objects.next_id(labels)) == ([0], [3], 4)
    assert objects.next_id(row(0, 0)) == 1


def test_the_object_at_a_place_is_the_whole_object_and_the_background_is_none():
    labels = row(2, 2, 0, 5, 2)
    assert objects.pixels_of(labels, 0, 1)[1].tolist() == [0, 1, 4]
    for place in ((0, 2), (0, 5), (-1, 0), (1, 0)):
        assert objects.pixels_of(labels, *place)[0].size == 0


def test_found_objects_are_added_unless_they_lie_mostly_on_corrected_ones():
    labels = row(9, 9, 9, 0, 0, 0, 0, 0, 0)
    found = row(0, 1, 1, 1, 0, 2, 2, 0, 3)  # two of three pixels of object 1 are taken
    (rows, columns), numbers, count = objects.added(labels, found)
    assert (rows.tolist(), columns.tolist(), numbers.tolist(), count) == ([0, 0, 0], [5, 6, 8], [1, 1, 2], 2)
    assert objects.added(row(9, 9, 0, 0), row(0, 4, 4, 4))[1].tolist() == [1, 1]  # two of three pixels are free
    assert objects.added(row(9, 9, 9, 0), row(0, 0, 4, 4))[2] == 0  # half is not enough
    assert objects.added(labels, np.zeros_like(labels))[2] == 0
