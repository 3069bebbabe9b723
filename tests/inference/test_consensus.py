"""Looks at mirrored and turned copies, of a network that is known to be right, or wrong in some of the ways."""

import numpy as np
import pytest
from scenes.blobs import mosaic, perfect_look
from scipy import ndimage

from ris_tf.configs import coins
from ris_tf.errors import UsageError
from ris_tf.inference import consensus
from ris_tf.inference.prediction import predict_instances

STEPS, SIDE = 4, 16


def config_of(orientations, size=(SIDE, SIDE)):
    config = coins.get_config()
    config.model.size, config.model.steps = size, STEPS
    config.predict.update(orientations=orientations, score_threshold=0.5, mask_threshold=0.5)
    return config


def answers(*ways):
    """A look that gives one list of (mask, score) after another, in the way that it was asked in."""
    asked = iter(ways)

    def look(images):
        masks, scores = np.zeros([1, STEPS, SIDE, SIDE], np.float32), np.zeros([1, STEPS], np.float32)
        for step, (mask, score) in enumerate(next(asked)):
            masks[0, step], scores[0, step] = mask, score
        return masks, scores

    return look


def square(top, left, side=6, value=1.0):
    mask = np.zeros([SIDE, SIDE], np.float32)
    mask[top : top + side, left : left + side] = value
    return mask


@pytest.mark.parametrize("orientations", [1, 2, 4, 8])
@pytest.mark.parametrize("size", [(100, 140), (97, 61)])
def test_a_network_that_is_right_in_every_way_gives_what_it_gives_in_one(orientations, size):
    config = coins.get_config()
    config.model.steps, config.predict.orientations = 40, orientations
    image, count = mosaic(*size, 30, 9)
    image[:20, :12] = 1  # no symmetry is left
    truth, count = ndimage.label(image)
    found = predict_instances(perfect_look(config), config, image)
    assert found.count == count
    for label in range(1, count + 1):
        inside = ndimage.binary_erosion(truth == label, iterations=2)
        assert len(np.unique(found.labels[inside])) == 1
    assert not found.labels[ndimage.binary_erosion(truth == 0, iterations=2)].any()


def test_each_way_is_another_one():
    seen = []

    def look(images):
        seen.append(images[0, ..., 0].copy())
        return np.zeros([1, STEPS, SIDE, SIDE], np.float32), np.zeros([1, STEPS], np.float32)

    image = np.arange(SIDE * SIDE, dtype=np.float32).reshape(1, SIDE, SIDE, 1)
    masks, scores = consensus.agreed(look, config_of(8))(image)
    assert masks.shape == (1, STEPS, SIDE, SIDE) and not masks.any() and not scores.any()
    plain = image[0, ..., 0]
    turned = [np.rot90(side, quarter) for side in (plain, plain.T) for quarter in range(4)]
    assert {one.tobytes() for one in seen} == {one.tobytes() for one in turned}
    np.testing.assert_array_equal(seen[0], plain)


def test_most_have_to_agree_and_the_mask_is_the_mean():
    first, second, speck = square(1, 1), square(8, 9), square(10, 1, 3)
    ways = [[(first, 0.9), (second, 0.8)], [(first[:, ::-1], 0.7), (speck, 0.9)]]
    ways += [[(second[::-1], 0.9)], [(second[::-1, ::-1], 1.0), (first[::-1, ::-1] * 0.8, 0.8)]]
    masks, scores = consensus.agreed(answers(*ways), config_of(4))(np.zeros([1, SIDE, SIDE, 3], np.float32))
    np.testing.assert_allclose(scores[0], [(0.9 + 0.8 + 0.7) / 3, (0.8 + 0.9 + 1.0) / 3, 0, 0], rtol=1e-6)
    np.testing.assert_allclose(masks[0, 0], first * (1 + 1 + 0.8) / 3, rtol=1e-6)
    np.testing.assert_allclose(masks[0, 1], second, rtol=1e-6)
    assert not masks[0, 2:].any()


def test_a_look_that_used_up_its_steps_says_so():
    full = [(square(2 * step, 2 * step, 2), 0.9) for step in range(STEPS)]
    mirrored = [(mask[:, ::-1], score) for mask, score in full[::-1]]
    masks, scores = consensus.agreed(answers(full, mirrored[:1] + [(0, 0.9)] * 3), config_of(2))(
        np.zeros([1, SIDE, SIDE, 3], np.float32)
    )
    np.testing.assert_allclose(scores[0], [0.9, 1, 1, 1])
    np.testing.assert_array_equal(masks[0, 0], full[-1][0])


def test_quarter_turns_need_a_square(small):
    small.model.size = (32, 64)
    model = type("Model", (), {"config": small})
    consensus.choose(model, "4")
    assert small.predict.orientations == 4
    consensus.choose(model, None)
    assert small.predict.orientations == 4
    with pytest.raises(UsageError, match="--orientations=8: the input of this model is not square, but 32x64"):
        consensus.choose(model, "8")
