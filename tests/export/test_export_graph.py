"""The exported graph against the host's prediction, piece by piece and as a whole."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from ris_tf.configs import nuclei
from ris_tf.data import focus
from ris_tf.data.normalize import normalize
from ris_tf.data.synthetic import drawings
from ris_tf.export import geometry
from ris_tf.export import graph as graph
from ris_tf.inference import looks, resampling
from ris_tf.model import build

RNG = np.random.default_rng(0)


def column(*values):
    return [tf.constant([value], tf.float32) for value in values]


@pytest.mark.parametrize("low, high, shape", [(0, 256, (40, 50)), (3, 9, (17, 5)), (7, 8, (8, 8)), (0, 2, (1, 2))])
def test_percentiles_by_counting_are_numpys(low, high, shape):
    images = RNG.integers(low, high, (3, *shape, 1), np.uint8)
    expected = np.stack([normalize(image, 1) for image in images])
    np.testing.assert_allclose(graph.normalize(images, 1), expected, atol=1e-6)
    colour = RNG.integers(0, 256, (2, 4, 5, 3), np.uint8)
    np.testing.assert_allclose(graph.normalize(colour, 3), colour / 255.0, atol=1e-7)


@pytest.mark.parametrize("channels", [1, 3])
def test_colour_beside_an_image_is_its_median(channels):
    images = RNG.integers(3, 90, (2, 12, 15, channels), np.uint8)
    expected = [[[np.median(normalize(image, channels), axis=(0, 1))]] for image in images]
    np.testing.assert_allclose(graph.background(images), expected, atol=1e-6)
    valid = np.pad(images, ((0, 0), (0, 4), (0, 7), (0, 0)), mode="edge")
    extent = tf.constant([12.0, 12.0]), tf.constant([15.0, 15.0])
    np.testing.assert_allclose(graph.background(valid, extent), expected, atol=1e-6)


@pytest.mark.parametrize("box", [(0, 0, 60, 60), (-4.5, 10.25, 30, 30), (30, 50, 90, 90), (20.3, 20.4, 7, 7)])
@pytest.mark.parametrize("beside", [None, np.full(3, 0.5)])
def test_resampling_is_the_hosts(box, beside):
    image = RNG.random((50, 60, 3)).astype(np.float32)
    there = geometry.sample(image[None], column(*box), (32, 32), beside)[0]
    np.testing.assert_allclose(there, resampling.sample(image, box, (32, 32), beside), atol=1e-5)
    mask = RNG.random((16, 16)).astype(np.float32)
    there = geometry.place(mask[None, ..., None], column(*box), (50, 60))[0, ..., 0]
    np.testing.assert_allclose(there, resampling.place(mask, box, (50, 60)), atol=1e-5)


@pytest.mark.parametrize("closest", [0.8, 4.0])
@pytest.mark.parametrize("peak", [1.0, 0.3])
def test_closer_box_is_the_hosts(peak, closest):
    found = RNG.random((2, 32, 32)).astype(np.float32) * 0.4
    found[0, 5:14, 20:26] = found[1, 16:22, :4] = peak
    whole = resampling.fitting_box(100, 140, (64, 64))
    boxes, seen = geometry.closer_box(tf.constant(found), whole, (100, 140), (64, 64), closest)
    for index in range(2):
        expected = focus.closer_box(found[index], whole, (100, 140), (64, 64), closest)
        assert bool(seen[index]) == (expected is not None) == (peak == 1.0)
        np.testing.assert_allclose([side[index] for side in boxes], expected or whole, atol=1e-3)


@pytest.mark.parametrize("rule", ["best", "first"])
def test_decision_of_pixels_is_the_hosts(small, rule):
    predict = small.predict
    predict.update(overlap_rule=rule, min_visible=0.3, min_area=3)
    seen = set()
    for _ in range(40):
        steps = 5
        masks = (RNG.random((1, steps, 6, 7)) ** 0.5 * RNG.random((1, steps, 1, 1))).astype(np.float32)
        masks[0, 3] = masks[0, 1]  # a tie
        scores = RNG.choice([0.9, 0.8, 0.2], (1, steps), p=[0.6, 0.3, 0.1]).astype(np.float32)
        labels, kept, _ = looks.resolve(masks[0], scores[0], (6, 7), predict, min_area=3)
        last = np.moveaxis(masks, 1, 3)
        found = {name: value.numpy()[0] for name, value in graph.resolve(last, scores, predict).items()}
        np.testing.assert_array_equal(found["labels"], labels)
        assert found["count"] == len(kept) == labels.max()
        np.testing.assert_allclose(found["scores"], np.pad(kept, (0, steps - len(kept))), atol=1e-6)
        visible = [found["masks"][label - 1][labels == label] for label in range(1, len(kept) + 1)]
        assert all((mask > predict.mask_threshold).all() for mask in visible)
        assert not found["masks"][len(kept) :].any()
        seen.add(len(kept))
    assert {0, 1, 2} <= seen


def test_small_instances_are_dropped(small):
    masks = np.zeros((1, 8, 8, 2), np.float32)
    masks[0, :2, :2, 0] = masks[0, 4:, 4:, 1] = 0.9
    small.predict.min_area = 5
    found = graph.resolve(masks, np.float32([[0.9, 0.8]]), small.predict)
    assert found["count"].numpy() == [1] and found["labels"].numpy().max() == 1 and found["scores"][0, 0] == 0.8


def test_picture_without_anything(small):
    small.data.view = "focus"
    found = graph.Graph(build(small)).predict(np.zeros((1, *small.model.size, 3), np.uint8))
    assert not found["labels"].numpy().any() and not found["masks"].numpy().any() and found["count"].numpy() == [0]


@pytest.mark.parametrize("view", ["whole", "focus"])
@pytest.mark.parametrize("padding", ["edge", "mean"])
def test_whole_graph_is_predict_instances(small, view, padding):
    small.data.view, small.data.padding = view, padding
    small.predict.update(mask_threshold=0.3, min_area=1)
    keras.utils.set_random_seed(1)
    model = build(small)
    model.form.score.out.bias.assign([2.0])
    model.form.auxiliary.bias.assign([0.5, 0.0])  # so that there is foreground
    image, _ = drawings.sample("discs", 3, 1)
    image = np.ascontiguousarray(image[:90, :130])
    expected = model.predict_instances(image)
    shown = graph.Graph(model, (90, 130))
    found = tf.function(shown.predict)(image[None])
    assert found["count"].numpy() == [expected.count] and expected.count > 0
    assert (found["labels"].numpy()[0] == expected.labels).mean() > 0.9999
    np.testing.assert_allclose(found["scores"][0, : expected.count], expected.scores, atol=1e-4)
    model.config.predict.min_area = int(np.bincount(expected.labels.ravel())[1:].max()) + 1
    assert shown.predict(image[None])["count"].numpy() == [model.predict_instances(image).count] == [0]


def test_tile_is_seen_at_its_own_zoom(small):
    small.data.view, small.model.channels, small.model.steps = "tiles", 1, 3
    model = build(small)
    image = drawings.sample("discs", 3, 2)[0][:70, :100, :1]
    shown = graph.Graph(model, (70, 100))
    assert shown.input == (80, 112) and nuclei.get_config().data.view == "tiles"
    found = shown.predict(image[None])
    pixels = normalize(image, 1)
    padded = np.pad(pixels, ((0, 10), (0, 12), (0, 0)), constant_values=np.median(pixels))
    small.model.size = (80, 112)
    larger = build(small)
    larger.set_weights(model.get_weights())
    masks, scores = (np.asarray(value)[0] for value in larger(padded[None]).values())
    labels, _, _ = looks.resolve(masks, scores, (70, 100), small.predict, box=(0, 0, 80, 112))
    areas = np.bincount(labels.ravel(), minlength=labels.max() + 1)[1:]
    assert found["count"].numpy() == [(areas >= small.predict.min_area).sum()]
    assert found["labels"].shape == (1, 70, 100) and found["scores"].shape == (1, 3)


@pytest.mark.parametrize("form", ["attend", "paper"])
def test_loop_that_stops_and_steps_one_by_one_are_the_graph(small_of, form):
    small = small_of(form)
    keras.utils.set_random_seed(1)
    model = build(small)
    shown = graph.Graph(model)
    images = np.random.default_rng(1).integers(0, 256, (2, *shown.image), np.uint8)
    near = graph.normalize(images, 3)
    scores = shown._all_steps(near)[1].numpy()
    small.predict.score_threshold = min(float(scores.min()) + 1e-4, 0.99)  # one image stops; the paper form runs on
    shown = graph.Graph(build(small))
    shown.model.set_weights(model.get_weights())
    expected = shown.predict(images)
    for name, value in shown.predict(images, early_stop=True).items():
        np.testing.assert_allclose(value, expected[name], atol=1e-5, err_msg=name)

    tensors = shown.encode(near)
    masks, scores = shown._all_steps(near)
    for step in range(small.model.steps):
        after = shown.step(tensors)
        np.testing.assert_allclose(after["score"], scores[:, step], atol=1e-5)
        np.testing.assert_allclose(after["mask"], masks[..., step], atol=1e-5)
        tensors |= {name.replace("next", "state"): after[name] for name in after if name.startswith("next")}


def test_masks_of_all_steps_as_one_product(small):
    model = build(small)
    context = model.form.encode(RNG.random((2, *small.model.size, 3)).astype(np.float32))
    shape = {name: (2, 7, *value.shape[2:]) for name, value in _drawn(model, context).items()}
    outputs = {name: RNG.normal(size=size).astype(np.float32) for name, size in shape.items()}
    last = model.form.masks_last(context, outputs)
    np.testing.assert_allclose(np.moveaxis(last, 3, 1), model.form.masks(context, outputs), atol=1e-5)


def _drawn(model, context):
    outputs, _ = model.form.step(context, model.form.zero_state(context))
    return {name: outputs[name][:, None] for name in model.form.drawn_from}


def test_masks_of_a_whole_image_are_placed(small):
    shown, side = graph.Graph(build(small)), small.model.size[0]
    masks = RNG.random((1, side // 2, side // 2, 3)).astype(np.float32)
    box = column(0, 0, side, side)
    np.testing.assert_allclose(shown._place(masks, box), geometry.place(masks, box, (side, side)), atol=1e-5)
