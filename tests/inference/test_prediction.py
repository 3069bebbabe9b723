"""From masks and scores to instances, with a network that is known to be right: connected components of the tile."""

import numpy as np
import pytest
from scenes.blobs import mosaic, perfect_look, perfect_windows
from scipy import ndimage

from ris_tf.configs import nuclei, rosettes
from ris_tf.data.focus import object_box
from ris_tf.inference.looks import resolve, tile_boxes
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.zoom import find_zoom


@pytest.mark.parametrize(
    ("height", "width", "pitch", "radius"),
    [(512, 640, 32, 10), (300, 1100, 20, 6), (700, 650, 100, 40), (128, 128, 60, 14), (90, 70, 30, 9)],
)
@pytest.mark.parametrize("look", [perfect_look, perfect_windows])
def test_mosaic_is_counted_without_double_counting_at_seams(height, width, pitch, radius, look):
    config = nuclei.get_config()
    image, count = mosaic(height, width, pitch, radius)
    instances = predict_instances(look(config), config, image)
    assert instances.count == count
    truth, _ = ndimage.label(image)
    for label in range(1, count + 1):
        inside = truth == label
        found = np.bincount(instances.labels[inside]).argmax()
        other = instances.labels == found
        assert found > 0 and (inside & other).sum() / (inside | other).sum() > 0.75


def test_zoom_follows_the_size_of_the_objects():
    config = nuclei.get_config()
    for radius, pitch in ((5, 16), (40, 130)):
        seen = []
        image, _ = mosaic(640, 640, pitch, radius)
        predict_instances(perfect_look(config, seen), config, image)
        last, count = ndimage.label(seen[-1] > 0.5)
        areas = np.bincount(last.ravel())[1:]
        assert count and np.sqrt(areas.max() * 4 / np.pi) == pytest.approx(config.predict.diameter, rel=0.35)


def test_tiles_seen_for_the_zoom_are_not_looked_at_again():
    config, seen = nuclei.get_config(), []
    image, count = mosaic(300, 300, 40, 13)  # discs of the size that the network was trained on
    assert predict_instances(perfect_look(config, seen), config, image).count == count
    assert len(seen) == len(tile_boxes(image.shape, config, 1.0)) == 9


def test_a_zoom_is_lowered_by_a_tenth_at_most_and_only_for_fewer_tiles():
    config = nuclei.get_config()
    for radius in (5, 6, 7, 8, 9):
        image, _ = mosaic(256, 256, 32, radius)
        zoom = find_zoom(perfect_look(config), config, image)
        wanted = config.predict.diameter / (2 * radius)
        assert 0.8 < zoom / wanted < 1.12
        assert len(tile_boxes(image.shape, config, zoom)) <= len(tile_boxes(image.shape, config, wanted))


def test_crowded_tile_is_looked_at_again_closer():
    config = nuclei.get_config()
    config.predict.zoom_limits = (1.0, 1.0)  # no help from the zoom: 128 px tiles of 64 discs, but 24 steps
    image, count = mosaic(256, 256, 16, 5)
    assert predict_instances(perfect_look(config), config, image).count == count


def test_whole_view_pads_and_comes_back_to_the_images_size():
    config = rosettes.get_config()
    config.data.view = "whole"
    image = np.zeros((150, 400, 3), np.uint8)
    rows, columns = np.indices(image.shape[:2])
    for x in (60, 180, 330):
        image[(rows - 70) ** 2 + (columns - x) ** 2 < 30**2] = 255
    instances = predict_instances(perfect_look(config), config, image)
    assert instances.count == 3 and instances.labels.shape == (150, 400)
    inside = image[..., 0] > 0
    assert ((instances.labels > 0) & inside).sum() / ((instances.labels > 0) | inside).sum() > 0.9


@pytest.mark.parametrize(("row", "column"), [(200, 300), (30, 40), (370, 560)])
def test_focus_looks_again_where_the_objects_are(row, column):
    config = rosettes.get_config()
    image = np.zeros((400, 600, 3), np.uint8)
    rows, columns = np.indices(image.shape[:2])
    for shift in (-16, 16):
        image[(rows - row) ** 2 + (columns - column - shift) ** 2 < 12**2] = 255
    seen = []

    def foreground(tiles):
        return tiles[:, ::2, ::2, 0]

    instances = predict_instances(perfect_look(config, seen), config, image, foreground=foreground)
    truth = image[..., 0] > 0
    assert instances.count == 2
    assert ((instances.labels > 0) & truth).sum() / ((instances.labels > 0) | truth).sum() > 0.9
    assert len(seen) == 1 and (seen[0] > 0.5).any(axis=0).sum() > 0.6 * 256  # a tenth of the width before
    nothing = predict_instances(perfect_look(config), config, image * 0, foreground=foreground)
    assert nothing.count == 0 and nothing.labels.shape == (400, 600)


def test_a_stray_pixel_does_not_move_the_box_of_the_closer_look():
    labels = np.zeros((400, 300), int)
    labels[100:200, 80:220] = 1
    expected = object_box(labels)
    np.testing.assert_allclose(expected, (100, 80, 200, 220), atol=0.5)
    labels[0, 0] = 1
    np.testing.assert_allclose(object_box(labels), expected, atol=0.5)
    assert object_box(labels * 0) == (0, 0, 400, 300)


def test_first_low_score_ends_the_count():
    config = rosettes.get_config().predict
    masks = np.zeros((4, 8, 8), np.float32)
    for t in range(4):
        masks[t, 2 * t : 2 * t + 2] = 0.9
    labels, scores, taken = resolve(masks, np.float32([0.9, 0.8, 0.4, 0.9]), (8, 8), config)
    assert taken == 2 and labels.max() == 2 and len(scores) == 2
    config.score_threshold = 0.85
    assert resolve(masks, np.float32([0.9, 0.8, 0.4, 0.9]), (8, 8), config)[2] == 1
    assert resolve(masks, np.zeros(4, np.float32), (8, 8), config)[0].max() == 0


def test_pixel_claimed_twice_goes_to_the_best_or_to_the_first():
    config = rosettes.get_config().predict
    masks = np.zeros((2, 4, 6), np.float32)
    masks[0, :, :4], masks[1, :, 3:] = 0.6, 0.8
    config.overlap_rule = "best"
    assert resolve(masks, np.ones(2, np.float32), (4, 6), config)[0][0].tolist() == [1, 1, 1, 2, 2, 2]
    config.overlap_rule = "first"
    assert resolve(masks, np.ones(2, np.float32), (4, 6), config)[0][0].tolist() == [1, 1, 1, 1, 2, 2]
    config.mask_threshold = 0.7
    assert resolve(masks, np.ones(2, np.float32), (4, 6), config)[0][0].tolist() == [0, 0, 0, 1, 1, 1]


def test_repeat_of_an_object_is_not_counted():
    config = rosettes.get_config().predict
    masks = np.zeros((2, 4, 6), np.float32)
    masks[0, :, :4], masks[1, :, 1:5] = 0.9, 0.8
    labels, scores, taken = resolve(masks, np.ones(2, np.float32), (4, 6), config)
    assert taken == 2 and labels.max() == 1 and len(scores) == 1
    config.min_visible = 0.0
    assert resolve(masks, np.ones(2, np.float32), (4, 6), config)[0].max() == 2
