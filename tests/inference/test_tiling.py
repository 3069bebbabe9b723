"""Stitching against mosaics whose instances are known, cut into tiles and disturbed."""

import time

import numpy as np
import pytest
from scenes.ellipses import disturbed, ellipse, mosaic
from scipy import ndimage

from ris_tf.errors import UsageError
from ris_tf.evaluation.overlaps import compare
from ris_tf.inference.canvas import Canvas
from ris_tf.inference.tiling import tile_grid
from ris_tf.instances.labels import Instances


def stitched(truth, tile, overlap, rng=None, shuffle=False):
    """Cuts `truth` into tiles and puts them on a canvas, disturbed if `rng` is given."""
    height, width = truth.shape
    places = [(top, left) for top in tile_grid(height, tile, overlap) for left in tile_grid(width, tile, overlap)]
    if shuffle:
        places = [places[index] for index in rng.permutation(len(places))]
    canvas = Canvas(height, width)
    for top, left in places:
        view = truth[top : top + tile, left : left + tile]
        if rng is None:
            ids, ranks = np.unique(np.append(view.ravel(), 0), return_inverse=True)
            view, scores = ranks[:-1].reshape(view.shape), np.ones(len(ids) - 1)
        else:
            view, scores = disturbed(rng, view)
        canvas.add(view, scores, top, left)
    return canvas.instances()


def assert_same(truth, found, least_iou):
    iou = compare(truth, found.labels).iou
    assert found.count == iou.shape[0]
    assert iou.max(axis=1).min() >= least_iou


@pytest.mark.parametrize("tile", [1, 2, 7, 32])
@pytest.mark.parametrize("length", [1, 2, 6, 7, 8, 13, 31, 33, 100])
def test_grid_covers_and_overlaps_with_the_fewest_windows(length, tile):
    for overlap in range(tile):
        starts = tile_grid(length, tile, overlap)
        covered = np.zeros(length, dtype=bool)
        for start in starts:
            covered[start : start + tile] = True
        assert covered.all()
        assert starts[0] == 0 and starts == sorted(set(starts))
        if tile >= length:
            assert starts == [0]
            continue
        assert starts[-1] + tile == length
        steps = np.diff(starts)
        assert (tile - steps >= overlap).all()
        assert steps.max() - steps.min() <= 1
        # One window fewer could not reach the end.
        assert tile + (len(starts) - 2) * (tile - overlap) < length


@pytest.mark.parametrize("length, tile, overlap", [(100, 10, 10), (100, 10, -1), (0, 10, 2), (5, 0, 0)])
def test_grid_refuses_what_cannot_cover(length, tile, overlap):
    with pytest.raises(UsageError, match="Received"):
        tile_grid(length, tile, overlap)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shuffle", [False, True])
def test_small_objects(seed, shuffle):
    rng = np.random.default_rng(seed)
    truth = mosaic(rng, (1000, 1300), 300, 20, 38)
    assert_same(truth, stitched(truth, 256, 64, rng, shuffle), 0.7)


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("shuffle", [False, True])
def test_objects_larger_than_the_overlap(seed, shuffle):
    rng = np.random.default_rng(seed)
    truth = mosaic(rng, (1000, 1300), 60, 50, 150)
    assert_same(truth, stitched(truth, 256, 48, rng, shuffle), 0.8)


@pytest.mark.parametrize("seed", range(4))
def test_undisturbed_tiles_give_back_the_mosaic_exactly(seed):
    truth = mosaic(np.random.default_rng(seed), (300, 420), 60, 8, 60)
    found = stitched(truth, 128, 32)
    assert_same(truth, found, 1.0)
    first = [np.flatnonzero(found.labels == index + 1)[0] for index in range(found.count)]
    assert first == sorted(first)  # reading order


@pytest.mark.parametrize("order", [(0, 1, 2), (0, 2, 1), (2, 0, 1), (1, 0, 2)])
def test_object_across_three_tiles_counts_once(order):
    truth = ellipse((60, 220), 30, 110, 100, 20).astype(np.int32)
    canvas = Canvas(60, 220)
    for index in order:
        left = (0, 70, 140)[index]
        canvas.add(truth[:, left : left + 80], [0.6 + 0.1 * index], 0, left)
    found = canvas.instances()
    assert_same(truth, found, 1.0)
    assert found.scores[0] == np.float32(0.8)


def test_object_over_the_corner_of_four_tiles_in_every_order():
    truth = ellipse((160, 160), 80, 80, 45, 45).astype(np.int32)
    for order in np.array(np.meshgrid(*[range(4)] * 4)).reshape(4, -1).T:
        if len(set(order)) < 4:
            continue
        canvas = Canvas(160, 160)
        for index in order:
            top, left = divmod(int(index), 2)
            canvas.add(truth[top * 70 : top * 70 + 90, left * 70 : left * 70 + 90], [0.9], top * 70, left * 70)
        assert_same(truth, canvas.instances(), 1.0)


def test_touching_objects_stay_apart():
    truth = np.zeros((64, 200), dtype=np.int32)
    for index in range(10):
        truth[8:56, 20 * index : 20 * index + 20] = index + 1
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert_same(truth, stitched(truth, 80, 30, rng, shuffle=True), 0.7)


def test_long_touching_objects_cut_by_the_same_seams_stay_apart():
    truth = np.zeros((40, 300), dtype=np.int32)
    truth[5:20, 10:290], truth[20:35, 10:290] = 1, 2
    for seed in range(10):
        rng = np.random.default_rng(seed)
        assert_same(truth, stitched(truth, 100, 20, rng, shuffle=True), 0.8)


def test_whole_view_replaces_the_cut_ones_and_brings_its_score():
    whole = ellipse((100, 200), 50, 100, 15, 15)
    canvas = Canvas(100, 200)
    left = np.zeros((100, 110), dtype=int)
    left[whole[:, :110]] = 1
    left[:50][left[:50] > 0] = 2  # a tile's side makes the network see two
    canvas.add(left, [0.95, 0.9], 0, 0)
    assert canvas.instances().count == 2
    canvas.add(whole[:, 60:].astype(int), [0.7], 0, 60)
    found = canvas.instances()
    assert_same(whole.astype(int), found, 1.0)
    assert found.scores[0] == np.float32(0.7)


def test_cut_view_of_two_gives_way_to_both():
    truth = np.zeros((50, 200), dtype=int)
    truth[10:40, 80:95], truth[10:40, 95:110] = 1, 2
    canvas = Canvas(50, 200)
    canvas.add((truth[:, :109] > 0).astype(int), [0.9], 0, 0)
    canvas.add(truth[:, 60:], [0.8, 0.8], 0, 60)
    assert_same(truth, canvas.instances(), 1.0)


def test_earlier_whole_view_stays():
    truth = ellipse((50, 200), 25, 100, 12, 12).astype(int)
    for second in (60, 95):  # the second tile sees it whole, or cut
        canvas = Canvas(50, 200)
        canvas.add(truth[:, :140], [0.6], 0, 0)
        canvas.add(ndimage.binary_dilation(truth)[:, second:].astype(int), [0.9], 0, second)
        found = canvas.instances()
        assert_same(truth, found, 1.0)
        assert found.scores[0] == np.float32(0.6)


def test_rim_beside_its_object_is_no_object():
    whole = np.zeros((50, 200), dtype=int)
    whole[10:40, 70:99] = 1
    rim = np.zeros((50, 100), dtype=int)
    rim[10:40, 0] = 1  # what the right tile makes of the object's last, ragged column
    for order in ("left first", "right first"):
        canvas = Canvas(50, 200)
        tiles = [(whole[:, :140], [0.9], 0, 0), (rim, [0.9], 0, 100)]
        for tile in tiles if order == "left first" else tiles[::-1]:
            canvas.add(*tile)
        assert_same(whole, canvas.instances(), 1.0)


def test_new_object_takes_free_pixels_only_and_needs_half_of_its_own():
    canvas = Canvas(20, 40)
    first = np.zeros((20, 40), dtype=int)
    first[5:15, 5:15], first[5:15, 20:30] = 1, 2
    canvas.add(first, [0.9, 0.9], 0, 0)
    second = np.zeros((20, 40), dtype=int)
    second[5:15, 11:21] = 1  # 40 and 10 pixels of 100 are taken; neither is it
    canvas.add(second, [0.99], 0, 0)
    found = canvas.instances()
    assert np.bincount(found.labels.ravel())[1:].tolist() == [100, 50, 100]
    canvas.add(second, [0.99], 0, 0)
    assert canvas.instances().count == 3


def test_what_lies_outside_the_canvas_is_left_out():
    tile = np.zeros((20, 20), dtype=int)
    tile[:4, :4], tile[8:12, 8:12], tile[17:, 17:] = 1, 2, 3
    canvas = Canvas(15, 15)
    canvas.add(tile, [0.7, 0.8, 0.9], -5, -5)
    found = canvas.instances()
    assert found.count == 2 and found.scores.tolist() == pytest.approx([0.8, 0.9])
    assert (found.labels[3:7, 3:7] == 1).all() and (found.labels[12:, 12:] == 2).all()


def test_min_area_and_empty_tiles():
    tile = np.zeros((20, 20), dtype=int)
    tile[2:4, 2:4], tile[10:15, 10:15] = 1, 2
    canvas = Canvas(20, 20, min_area=5)
    canvas.add(np.zeros((20, 20), dtype=int), [], 0, 0)
    empty = canvas.instances()
    assert isinstance(empty, Instances) and empty.count == 0 and empty.labels.shape == (20, 20)
    canvas.add(tile, [0.9, 0.8], 0, 0)
    assert canvas.instances().count == 1
    with pytest.raises(ValueError, match=r"2 scores|1 score\b"):
        canvas.add(tile, [0.9], 0, 0)


def test_two_thousand_objects_take_seconds():
    rows, columns = np.indices((2000, 2000))
    cells = rows // 44 * 46 + columns // 44 + 1
    truth = np.where(((rows % 44 - 22) ** 2 + (columns % 44 - 22) ** 2) < 20**2, cells, 0)
    truth[1980:] = truth[:, 1980:] = 0
    start = time.perf_counter()
    found = stitched(truth, 512, 64)
    seconds = time.perf_counter() - start
    assert found.count == 45 * 45
    assert seconds < 20
