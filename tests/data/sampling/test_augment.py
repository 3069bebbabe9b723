"""Elements of data.augment: aligned, in their order, each against an independent reference, each named when wrong."""

import importlib
import json
import re

import numpy as np
import pytest
import tensorflow as tf
from scipy import ndimage
from tensorflow.core.protobuf import config_pb2
from tensorflow.python.grappler import tf_optimizer

from ris_tf import presets
from ris_tf.commands import train
from ris_tf.configs import base
from ris_tf.data.sampling import colours, geometry, pipeline
from ris_tf.data.sampling.augment import augment, warp
from ris_tf.data.sampling.copy_paste import copy_paste
from ris_tf.data.sampling.draws import spread, uniform
from ris_tf.data.sampling.records import zoom_range
from ris_tf.errors import UsageError
from ris_tf.settings import schema
from ris_tf.settings.schema import CHANGES, MOVES

LEVELS = 40  # grey value of an object: its id / LEVELS


def configured(*names, size=(96, 80), **fields):
    config = base.get_config()
    config.model.size = size
    config.data.update({"augment": names, **fields})
    return config


def coded(first=1):
    """A sample whose objects, a grid of 16, have their own grey value."""
    labels = np.kron(np.arange(first, first + 16).reshape(4, 4), np.ones((40, 40), int)).astype(np.int32)
    image = (labels[..., None] / LEVELS).astype(np.float32)
    return {"image": image, "labels": labels, "zoom": tf.constant([0.7, 1.5]), "box": tf.constant([0.0, 0, 160, 160])}


def seed(index):
    return tf.constant([3, index], tf.int64)


def flat(labels, reach=2):
    """Pixels without another label within `reach`, where bilinear sampling mixes nothing."""
    sides = 2 * reach + 1
    low, high = ndimage.minimum_filter(labels, sides), ndimage.maximum_filter(labels, sides)
    inside = np.zeros(labels.shape, bool)
    inside[reach:-reach, reach:-reach] = True
    return (low == high) & (labels > 0) & inside


def test_every_element_is_written_once():
    assert set(geometry.MOVES) == set(MOVES)
    assert {*colours.COLOURS, "copy_paste"} == set(CHANGES)


@pytest.mark.parametrize("view", ["whole", "focus", "tiles"])
@pytest.mark.parametrize(
    "names", [(), *((name,) for name in MOVES), MOVES, MOVES[::-1], (*MOVES, "copy_paste")], ids=str
)
def test_every_object_keeps_its_colour(view, names):
    config = configured(*names, view=view, elastic=15.0)
    for index in range(3):
        sample = {**coded(), "donor": coded(17)}
        image, labels = (array.numpy() for array in augment(sample, seed(index), config))
        assert image.shape == (96, 80, 1) and labels.shape == (96, 80) and labels.dtype == np.int32
        inner = flat(labels)
        assert inner.sum() > 200
        if "copy_paste" in names:  # ids of pasted objects lie above those of the image
            below = warp(sample, spread(seed(index), 0), config)[1].numpy().max()
            labels = np.where(labels > below, labels - below, labels)
        np.testing.assert_allclose(image[inner][:, 0] * LEVELS, labels[inner], atol=0.05)


@pytest.mark.parametrize("name", CHANGES)
def test_changes_of_values_leave_the_labels(name):
    sample = {**coded(), "donor": {**coded(), "labels": np.zeros((160, 160), np.int32)}}
    plain, labels = augment(sample, seed(3), configured(view="whole", shift=0.0))
    image, same = augment(sample, seed(3), configured(name, view="whole", shift=0.0))
    np.testing.assert_array_equal(labels, same)
    assert (name == "copy_paste") == np.array_equal(plain, image)


def test_flips_are_exact_and_half_of_them():
    sample = coded()
    for name, mirror in (("flip", np.fliplr), ("flip_vertical", np.flipud)):
        config = configured(name, size=(160, 160), shift=0.0)
        sample["zoom"] = tf.ones([2])
        seen = [warp(sample, seed(index), config)[1].numpy() for index in range(20)]
        mirrored = [np.array_equal(labels, mirror(sample["labels"])) for labels in seen]
        assert all(m or np.array_equal(labels, sample["labels"]) for m, labels in zip(mirrored, seen, strict=True))
        assert 3 < sum(mirrored) < 17


def test_the_order_of_the_list_is_that_of_the_work():
    image = tf.random.uniform([20, 20, 1])
    sample = {"image": image, "labels": np.zeros((20, 20), np.int32), "zoom": tf.ones([2])}
    shared = {"size": (20, 20), "shift": 0.0, "gamma": 1.0, "brightness": 0.5}
    power = np.exp(uniform(spread(seed(4), 1), 0, -1.0, 1.0))
    plus = -uniform(spread(seed(4), 1), 2, -0.5, 0.5).numpy()
    assert plus > 0
    first, _ = augment(sample, seed(4), configured("gamma", "brightness", **shared))
    second, _ = augment(sample, seed(4), configured("brightness", "gamma", **shared))
    np.testing.assert_allclose(first, image**power + plus, atol=1e-5)
    np.testing.assert_allclose(second, (image + plus) ** power, atol=1e-5)
    turned = [
        warp(coded(), seed(0), configured(*names, shift=0.0, elastic=15.0))[1].numpy()
        for names in (("rotation", "elastic"), ("elastic", "rotation"), ("elastic", "rotation", "flip"))
    ]
    assert not np.array_equal(turned[0], turned[1]) and not np.array_equal(turned[1], turned[2])


def test_what_an_element_draws_does_not_depend_on_the_others():
    sample = {**coded(), "donor": coded(17)}
    alone, _ = augment(sample, seed(4), configured("contrast", view="whole"))
    image, _ = augment(sample, seed(4), configured("contrast", "blur", view="whole", blur=1e-4))
    np.testing.assert_allclose(image, alone, atol=1e-5)


@pytest.mark.parametrize("edge", [True, False])
@pytest.mark.parametrize("smooth", [True, False])
def test_sampling_equals_that_of_scipy_and_of_the_plane(smooth, edge):
    rng = np.random.default_rng(0)
    array = rng.random((30, 40, 2)).astype(np.float32)
    x, y = rng.uniform(-5, 45, (25, 35)).astype(np.float32), rng.uniform(-5, 35, (25, 35)).astype(np.float32)
    sampled = geometry.sample_at(tf.constant(array), x, y, smooth, edge)
    mode = "nearest" if edge else "grid-constant"  # zeros beside, mixed in as TensorFlow does
    for channel in range(2):
        expected = ndimage.map_coordinates(array[..., channel], [y, x], order=int(smooth), mode=mode)
        np.testing.assert_allclose(sampled[..., channel], expected, atol=1e-5)


def test_elastic_before_scale_bends_as_far_in_the_view_as_after_it():
    config, zoom = configured(elastic=15.0), tf.constant(0.25)
    for order in (("scale", "elastic"), ("elastic", "scale")):
        move = geometry.Move(((1.0, 0.0), (0.0, 1.0)), None, zoom)
        for name in order:
            move = geometry.MOVES[name](move, seed(3), config)
        if order[0] == "scale":
            expected = move.displacement
        np.testing.assert_allclose(move.displacement, expected, rtol=1e-6)


def test_elastic_at_its_limit_moves_no_further_and_folds_nothing():
    config = configured(size=(128, 160), elastic=15.0)
    most = 0.0
    for index in range(20):
        still = geometry.Move(((1.0, 0.0), (0.0, 1.0)), None, 1.0)
        field = geometry.elastic(still, seed(index), config).displacement.numpy()
        assert field.shape == (128, 160, 2) and np.abs(field).max() <= 15
        (x_down, x_across), (y_down, y_across) = (np.gradient(field[..., c]) for c in (0, 1))
        assert ((1 + x_across) * (1 + y_down) - x_down * y_across).min() > 0
        assert abs(np.corrcoef(field[..., 0].ravel(), field[..., 1].ravel())[0, 1]) < 0.9  # x and y of their own
        most = max(most, np.abs(field).max())
    assert most > 4


def test_blur_is_that_of_scipy():
    image = np.random.default_rng(0).random((40, 30, 3)).astype(np.float32)
    config = configured("blur", blur=2.0)
    sigma = float(uniform(seed(1), 6, 0.0, 2.0))
    expected = ndimage.gaussian_filter(image, (sigma, sigma, 0), mode="reflect", radius=6)
    np.testing.assert_allclose(colours.blur(tf.constant(image), seed(1), config), expected, atol=1e-5)


@pytest.mark.slow
def test_negatives_come_as_often_as_asked_and_leave_dark_what_lies_beside():
    config = configured("invert", "copy_paste", view="tiles", size=(320, 320), invert=0.3, copy_paste=1.0)
    plain, seen = configured("copy_paste", view="tiles", size=(320, 320), copy_paste=1.0), []
    for index in range(60):
        sample = {**coded(), "donor": coded(17), "zoom": tf.constant([1.0, 1.0])}
        image, labels = augment(sample, seed(index), config)
        before, same = augment(sample, seed(index), plain)
        np.testing.assert_array_equal(labels, same)
        inner = flat(labels.numpy())
        assert np.all(image.numpy()[:8] == before.numpy()[:8])  # beside the image of 160 pixels
        if np.array_equal(image, before):
            seen.append(0)
        else:
            seen.append(1)
            np.testing.assert_allclose(image.numpy()[inner], 1 - before.numpy()[inner], atol=1e-5)
    assert 8 <= sum(seen) <= 28


@pytest.mark.parametrize("field", ["gamma", "contrast", "brightness", "colour", "noise"])
def test_a_range_of_nothing_changes_nothing(field):
    image = tf.random.uniform([20, 20, 3])
    np.testing.assert_allclose(colours.COLOURS[field](image, seed(1), configured(**{field: 0.0})), image, atol=1e-5)
    assert np.abs(colours.COLOURS[field](image, seed(1), configured(**{field: 0.3})) - image).max() > 1e-3


def test_pasted_objects_hide_what_is_below():
    rng = np.random.default_rng(0)
    labels, donor = rng.integers(-1, 4, (30, 30)).astype(np.int32), rng.integers(-1, 6, (30, 30)).astype(np.int32)
    image, other = rng.random((2, 30, 30, 3)).astype(np.float32)
    numbers = set()
    for index in range(12):
        result, ids = copy_paste(tf.constant(image), labels, (other, donor), seed(index), configured(copy_paste=0.5))
        pasted = set(np.unique(donor)) & set(np.unique(ids) - 3) - {-1, 0} if (ids.numpy() > 3).any() else set()
        below = np.isin(donor, list(pasted))
        np.testing.assert_array_equal(ids, np.where(below, donor + 3, labels))
        np.testing.assert_array_equal(result, np.where(below[..., None], other, image))
        numbers.add(len(pasted))
    assert len(numbers) > 2
    for limit, room in ((3, 0), (2, 0), (5, 2), (99, 5)):
        config = configured(copy_paste=1.0, max_instances=limit)
        _, ids = copy_paste(tf.constant(image), labels, (other, donor), seed(0), config)
        assert np.unique(ids[ids > 3]).size == room


def test_objects_of_other_images_come_into_the_batch():
    """Each drawn image holds one object; with copy_paste some samples hold two, of two images."""
    config = configured("copy_paste", size=(64, 64), copy_paste=1.0, shift=0.0)
    config.model.channels = 1

    class Drawn(list):
        shares = [1, 1, 1, 1]

    records = Drawn()
    for value in range(1, 5):
        labels = np.zeros((64, 64), np.int32)
        labels[8 * value : 8 * value + 20, 20:40] = 1
        one = {"image": (labels[..., None] * value / 8).astype(np.float32), "labels": labels}
        records.append({**one, "zoom": np.ones(2, np.float32), "box": np.zeros(4, np.float32), "name": str(value)})
    batches = list(pipeline.training_batches(records, config).take(4))
    for first, again in zip(batches, pipeline.training_batches(records, config).take(4), strict=True):
        np.testing.assert_array_equal(first["image"], again["image"])
    pairs = 0
    for batch in batches:
        for image, masks, count in zip(batch["image"], batch["masks"].numpy(), batch["count"].numpy(), strict=True):
            values = [np.unique(image.numpy()[mask > 0]) for mask in masks[:count]]
            assert all(value.size == 1 for value in values) and masks.sum(axis=0).max() == 1
            pairs += len({float(value[0]) for value in values}) == 2
    assert pairs >= 4


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("flip", "blurr"), "data.augment lists 'blurr'; did you mean 'blur'"),
        (("mixup",), "data.augment lists 'mixup'; expected any of rotation, "),
        (("flip", "noise", "flip"), "data.augment lists 'flip' twice"),
        (("noise", "rotation"), "data.augment lists 'rotation' after 'noise'; expected the elements that move"),
        ((1,), r"data.augment is \(1,\); expected names"),
    ],
)
def test_a_wrong_list_is_told_in_one_line(names, message):
    with pytest.raises(UsageError, match=message) as caught:
        schema.check(configured(*names))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("field", ["elastic", "blur", "copy_paste", "invert"])
@pytest.mark.parametrize("value", [0.0, -1.0, 100.0])
def test_an_element_of_no_use_is_told(field, value):
    with pytest.raises(UsageError, match=f"data.{field} is {value}; expected a number above 0"):
        schema.check(configured(field, **{field: value}))


@pytest.mark.parametrize("value", ["rotation,elastic,blurr", "('rotation', 'elastic', 'blurr')", "blurr"])
def test_the_command_line_takes_a_list_of_names(command, tmp_path, value):
    flags = ("--config=nuclei", "--data=synthetic:discs", f"--workdir={tmp_path}", f"--config.data.augment={value}")
    code, _, error = command(train.main, *flags)
    assert code == 2 and error.startswith("ris-command: data.augment lists 'blurr'; did you mean 'blur'?")
    assert error.count("\n") == 1
    for names in (("rotation", "elastic"), ("rotation, elastic",)):
        assert schema.elements(configured(*names)) == ("rotation", "elastic")
    assert schema.elements(configured("")) == ()


@pytest.mark.parametrize("name", ["coins", "nuclei", "rosettes"])  # made before it
def test_configs_from_before_the_list_have_the_elements_of_then(name):
    stored = presets.find(name)[0]
    stored["data"].pop("augment", None)
    config = schema.complete(stored)
    schema.check(config)
    shipped = importlib.import_module(f"ris_tf.configs.{name}").get_config()
    then = ("rotation", "flip", "scale", "gamma", "contrast", "brightness", "colour", "noise")
    assert schema.elements(config) == schema.elements(shipped) == then
    again = schema.complete(json.loads(json.dumps(config.to_dict())))  # a list, no tuple
    schema.check(again)
    assert schema.elements(again) == then


@pytest.mark.parametrize("index", range(3))
def test_without_scale_a_view_has_its_own_zoom(index):
    """In tiles the middle of the range, in whole images 1: so wide are the squares of 40 pixels then."""
    _, labels = warp(coded(), seed(index), configured(view="tiles", size=(150, 150)))
    changes = np.flatnonzero(np.diff(labels[70]))
    np.testing.assert_allclose(np.diff(changes), 40 * np.sqrt(0.7 * 1.5), atol=1)
    assert len(changes) > 1
    assert zoom_range(labels, configured("flip", scale=(0.2, 0.3))) == (1.0, 1.0)


@pytest.mark.parametrize("view", ["whole", "focus", "tiles"])
@pytest.mark.parametrize(
    "names", [base.get_config().data.augment, (*MOVES, *CHANGES), ("contrast", "brightness", "noise")]
)
def test_no_sum_depends_on_which_term_is_ready_first(view, names):
    """TensorFlow makes AddN of sums; with three terms its rounding depends on how busy the machine is."""
    config = configured(*names, view=view)

    @tf.function
    def prepare(index, image, labels, zoom, box):
        sample = {"image": image, "labels": labels, "zoom": zoom, "box": box}
        changed = augment({**sample, "donor": sample}, tf.stack([tf.constant(1, tf.int64), index]), config)
        return pipeline.to_record(*changed, tf.constant("one"), config)

    specs = [
        ([], tf.int64),
        ([None, None, 3], tf.float32),
        ([None, None], tf.int32),
        ([2], tf.float32),
        ([4], tf.float32),
    ]
    made = prepare.get_concrete_function(*(tf.TensorSpec(*spec) for spec in specs))
    with made.graph.as_default():
        graph = tf.compat.v1.train.export_meta_graph(graph=made.graph)
    graph.collection_def["train_op"].node_list.value.extend(output.op.name for output in made.outputs)
    optimized = str(tf_optimizer.OptimizeGraph(config_pb2.ConfigProto(), graph))  # with the branches of conditions
    assert optimized.count("op: ") > 100
    assert not re.search(r'op: "AddN"(\s+input: "[^^].*"){3}', optimized)
