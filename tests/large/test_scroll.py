"""The scroll: a canvas of which only some rows are held, and the figures of its objects by strips."""

import numpy as np
import pytest
from scenes.ellipses import disturbed, mosaic
from skimage.measure import regionprops

from ris_tf.inference.canvas import Canvas
from ris_tf.inference.tiling import tile_grid
from ris_tf.large.scroll import Scroll
from ris_tf.large.tally import Tally


@pytest.mark.parametrize(("seed", "overlap"), [*((seed, 16) for seed in range(4)), (24, 4), (45, 8)])
def test_a_scroll_holds_what_a_canvas_holds(seed, overlap):
    rng = np.random.default_rng(seed)
    truth = mosaic(rng, (200, 90), *((8, 20, 70) if seed % 2 else (30, 6, 20)))
    tile = 40
    canvas, scroll, strips, tally = Canvas(*truth.shape), Scroll(*truth.shape), [], Tally(truth.shape[1])
    tops = tile_grid(truth.shape[0], tile, overlap)
    for index, top in enumerate(tops):
        for left in tile_grid(truth.shape[1], tile, overlap):
            view, scores = disturbed(rng, truth[top : top + tile, left : left + tile])
            canvas.add(view, scores, top, left)
            scroll.add(view, scores, top, left)
        strips.append(scroll.release(tops[index + 1] if index + 1 < len(tops) else truth.shape[0]))
        tally.add(strips[-1])
        assert len(scroll._placed.labels) <= tile + 4
    homes, scores = scroll.finish()
    provisional, expected = homes[np.concatenate(strips)], canvas.instances()
    ids, area, centroid, box = tally.objects(homes)
    np.testing.assert_array_equal(np.concatenate([[0], np.arange(1, len(ids) + 1)]), np.unique(expected.labels))
    for label, (number, region) in enumerate(zip(ids, regionprops(expected.labels), strict=True), 1):
        np.testing.assert_array_equal(provisional == number, expected.labels == label)
        assert scores[number] == pytest.approx(expected.scores[label - 1]) and area[label - 1] == region.area
        np.testing.assert_allclose(centroid[label - 1], region.centroid)
        top, left, bottom, right = region.bbox
        assert box[label - 1].tolist() == [left, top, right - left, bottom - top]
    assert len(scores) == len(ids)


def test_a_scroll_refuses_to_go_back():
    scroll = Scroll(100, 10)
    scroll.add(np.ones((20, 10), int), [1.0], 0, 0)
    scroll.release(15)
    with pytest.raises(ValueError, match="held"):
        scroll.add(np.ones((20, 10), int), [1.0], 5, 0)
