"""Every field of a config changes something."""

import itertools

import keras
import numpy as np
import pytest
from ml_collections import ConfigDict

from ris_tf.configs import base, nuclei
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.inference.prediction import predict_instances
from ris_tf.model import build
from ris_tf.objective.comparison import objective
from ris_tf.objective.rollout import Pass
from ris_tf.training.start import optimizer

LOSS = {
    "score": 2.0, "score_target": "count", "extra_steps": 0, "matching_attention": 50.0,
    "attention": 2.0, "query": 3.0, "queries": 1, "auxiliary": 2.0,
}  # fmt: skip
DATA = {
    "view": "whole", "max_instances": 3, "min_area": 200, "diameter": (30.0, 31.0), "rotation": 5.0, "brightness": 0.5,
    "contrast": 0.9, "gamma": 0.9, "colour": 0.5, "noise": 0.3, "extra_share": 1.0, "shift": 0.4, "padding": "mean",
    "augment": ("rotation", "noise"), "elastic": 1.0, "blur": 5.0, "copy_paste": 0.1, "invert": 0.9,
    "count_power": 1.0,
    "crop_power": 0.0,
}  # fmt: skip
TRAIN = {
    "learning_rate": 3e-3, "final_learning_rate": 0.5, "warmup": 5, "weight_decay": 0.1, "clip_norm": 0.01,
    "clip_value": 1e-4, "ema": 0.5, "steps": 40,
}  # fmt: skip
PREDICT = {
    "score_threshold": 0.95, "mask_threshold": 0.85, "overlap_rule": "first", "min_visible": 0.0, "min_area": 500,
    "overlap": 5, "orientations": 2, "diameter": 60.0, "zoom_limits": (0.9, 1.1),
}  # fmt: skip
MODEL = {
    "attend.encoder": "mobilenet_v2",
    "attend.widths": (8, 8, 16, 24), "attend.features": 24, "attend.pixel_features": 6, "attend.fine_blocks": 3,
    "attend.residual_blocks": 1,
    "attend.state": 16, "attend.mask_hidden": 4, "attend.window": 0.5,
    "channels": 1, "steps": 3, "size": (32, 64), "form": "paper",
}  # fmt: skip
ELSEWHERE = {  # tested in the file named
    "name", "seed", "model.paper", "model.fcn8s",  # test_commands, below, test_model and test_fcn8s
    "model.mobilenet_v2",  # test_mobilenet
    "data.category",  # test_coco
    "data.scale", "data.extra", "data.synthetic_images",  # below, below, test_commands
    "data.synthetic_size", "data.held_out", "data.memory",  # test_training, test_readers, test_pipeline
    "train.batch", "train.evaluate_every", "train.validation_images",  # test_pipeline, test_commands
    "train.validation_extra", "train.evaluate_start",  # test_training
    "train.forcing", "train.forcing_until", "train.midway",  # below, below, test_objective
    "train.unroll", "train.matcher", "train.jit_compile", "train.recompute",  # below, test_routes
    "train.freeze",  # test_training
    "train.precision",  # test_precision
    "train.deterministic", "train.distribute",  # test_training, test_workers
    "curriculum.start", "curriculum.increase", "curriculum.smoothing", "curriculum.tolerance",  # test_curriculum
    "curriculum.patience",
    "predict.crf", "predict.count_spread",  # test_crf, test_tables
}  # fmt: skip


def test_no_field_is_forgotten():
    listed = set(ELSEWHERE)
    for part, fields in (("loss", LOSS), ("data", DATA), ("train", TRAIN), ("predict", PREDICT), ("model", MODEL)):
        listed |= {f"{part}.{field}" for field in fields}
    config, present = base.get_config(), set()
    for name, value in config.items():
        if not isinstance(value, ConfigDict):
            present.add(name)
            continue
        present |= {f"{name}.{field}" for field in value if field != "attend"}
    present |= {f"model.attend.{field}" for field in config.model.attend}
    assert present == listed


@pytest.mark.parametrize("field", LOSS)
def test_loss_fields(small, field):
    rng = np.random.default_rng(0)
    masks = np.zeros([2, 6, 64, 64], np.uint8)
    for n in range(3):
        masks[:, n, 5:25, 20 * n + 2 : 20 * n + 16] = 1
    image = rng.random((2, 64, 64, 3)).astype(np.float32)
    keras.utils.set_random_seed(0)
    model = build(small)
    batch = {"image": image, "masks": masks, "count": np.int32([3, 1])}

    def loss():
        return objective(model.form, batch, small.loss, Pass(4))["loss"].numpy()

    before = loss()
    np.testing.assert_array_equal(before, loss())
    small.loss[field] = LOSS[field]
    assert np.abs(loss() - before).max() > 1e-6


def three_batches(config, extra=()):
    """The first three batches: a single one can be the same by chance."""
    records = Records(sources.open_source("synthetic:discs", "train", 192, 3, 1), config)
    extra = Records(sources.open_source("synthetic:rosettes", "train", 192, 2, 1), config) if extra else ()
    keras.utils.set_random_seed(config.seed)  # as ris-train does
    return list(itertools.islice(pipeline.training_batches(records, config, extra), 3))


@pytest.mark.parametrize("field", [*DATA, "seed", "scale"])
def test_data_fields(field):
    config = nuclei.get_config()
    config.train.batch = 3
    if field in ("scale", "shift", "padding", "count_power"):
        config.data.view = "whole"
    if field in ("elastic", "blur", "copy_paste", "invert"):
        config.data.augment = (field,)
    extra = field == "extra_share"
    before = three_batches(config, extra)
    if field == "seed":
        config.seed = 2
    else:
        config.data[field] = {**DATA, "scale": (2.0, 2.0)}[field]
    after = three_batches(config, extra)
    assert any(not np.array_equal(one[k], other[k]) for one, other in zip(before, after, strict=True) for k in one)


@pytest.mark.parametrize("field", TRAIN)
def test_train_fields(field):
    """Twenty steps on a quadratic end elsewhere when the field changes."""

    def weights(config):
        variable = keras.Variable([1.0, -2.0], name="kernel")
        steps = optimizer(config)
        steps.build([variable])
        for step in range(20):
            steps.apply([variable.value * (step % 3 - 0.9)], [variable])
        if config.train.ema:
            steps.finalize_variable_values([variable])
        return variable.numpy()

    config = base.get_config()
    config.train.update({"warmup": 0, "steps": 200, "learning_rate": 0.01})
    if field == "clip_value":
        config.train.clip_norm = 0.0
    before = weights(config)
    np.testing.assert_array_equal(before, weights(config))
    config.train[field] = TRAIN[field]
    assert np.abs(weights(config) - before).max() > 1e-7


def test_forcing_falls_as_the_fields_say(small):
    small.train.update({"forcing": (0.8, 0.2), "forcing_until": 0.5, "steps": 100})
    model = build(small)
    model.compile("sgd")
    for step, expected in ((0, 0.8), (25, 0.5), (50, 0.2), (100, 0.2)):
        model.optimizer.iterations.assign(step)
        assert float(model._step._forcing()) == pytest.approx(expected)


def test_unroll_sets_the_steps_of_training_alone(small):
    small.train.unroll = 2
    model = build(small)
    assert model.steps == 2
    assert model(np.zeros([1, 64, 64, 3], np.float32))["scores"].shape == (1, 4)


def look(tiles):
    """Overlapping blobs of different sizes and scores wherever a tile is bright."""
    masks = np.zeros((len(tiles), 24, 64, 64), np.float32)
    for t, (row, column, radius) in enumerate([(14, 14, 10), (14, 22, 9), (40, 40, 6), (50, 12, 3), (15, 15, 9)]):
        rows, columns = np.indices((64, 64))
        masks[:, t] = np.clip(1.0 - np.hypot(rows - row, columns - column) / (2 * radius), 0, 0.9 - 0.01 * t)
    scores = np.zeros((len(tiles), 24), np.float32)
    scores[:, :5] = 0.99, 0.97, 0.9, 0.85, 0.8
    return masks, scores


@pytest.mark.parametrize("field", PREDICT)
def test_predict_fields(field):
    config = nuclei.get_config()
    config.predict.update({"zoom_limits": (0.5, 2.0), "score_threshold": 0.5, "min_area": 12})
    image = np.random.default_rng(0).random((300, 260))
    before = predict_instances(look, config, image).labels
    config.predict[field] = PREDICT[field]
    assert not np.array_equal(before, predict_instances(look, config, image).labels)


@pytest.mark.slow
@pytest.mark.parametrize("field", MODEL)
def test_model_fields(small, field):
    def outputs():
        keras.utils.set_random_seed(0)
        model = build(small)
        image = np.random.default_rng(0).random((1, *small.model.size, small.model.channels)).astype(np.float32)
        return model(image)["masks"].numpy(), model.count_params()

    if field == "form":
        small.model.size, small.loss.score_target = (160, 160), "count"
    if field == "attend.encoder":
        small.model.attend.widths = (8, 8, 16, 16, 16)
    before, parameters = outputs()
    part = small.model.attend if field.startswith("attend.") else small.model
    part[field.split(".")[-1]] = MODEL[field]
    after, parameters_after = outputs()
    assert parameters != parameters_after or before.shape != after.shape or np.abs(before - after).max() > 1e-5
