"""The curriculum: when steps are raised, what it may match, and that a run goes on with the same state."""

import itertools
from types import SimpleNamespace

import keras
import numpy as np
import pytest
import tensorflow as tf

from ris_tf.configs import base
from ris_tf.model import build
from ris_tf.objective import matching
from ris_tf.storage import load
from ris_tf.training.curriculum import Curriculum


def raises(losses, limit=5, state=None, **settings):
    """Steps of the recurrence after each loss."""
    config = base.get_config().curriculum
    config.update({"start": 2, "patience": 3, "smoothing": 0.0, "tolerance": 0.0, **settings})
    model = SimpleNamespace(curriculum=dict(state or {}), steps=9, traced=0)
    model.trace_again = lambda: setattr(model, "traced", model.traced + 1)
    callback = Curriculum(config, limit)
    callback.set_model(model)
    callback.on_train_begin()
    steps = []
    for loss in losses:
        callback.on_train_batch_end(0, {"batch_loss": loss})
        steps.append(model.steps)
    return steps, model.curriculum


def test_steps_rise_only_when_the_loss_stops_falling():
    assert raises([5, 4, 3, 2, 1, 0])[0] == [2] * 6
    assert raises([1, 1, 1, 1, 1, 1, 1, 1])[0] == [2, 2, 2, 3, 3, 3, 3, 4]
    assert raises([1] * 60)[0][-1] == 5  # the limit
    assert raises([1] * 9, limit=1)[0] == [1] * 9


@pytest.mark.parametrize(
    ("field", "value"), [("start", 3), ("increase", 2), ("smoothing", 0.9), ("tolerance", 2.0), ("patience", 1)]
)
def test_every_field_changes_when_steps_rise(field, value):
    losses = [5, 4, 3, 4, 3, 4, 2.5, 3, 3, 3]
    assert raises(losses, limit=9, **{field: value})[0] != raises(losses, limit=9)[0]


def test_a_run_that_goes_on_raises_as_one_without_a_break():
    losses = list(np.random.default_rng(0).random(40))
    whole, end = raises(losses, smoothing=0.8)
    first, state = raises(losses[:17], smoothing=0.8)
    config = base.get_config().curriculum
    assert state["steps"] == first[-1]
    model = SimpleNamespace(curriculum=state, steps=9, trace_again=lambda: None)
    config.update({"start": 2, "patience": 3, "smoothing": 0.8, "tolerance": 0.0})
    callback = Curriculum(config, 5)
    callback.set_model(model)
    callback.on_train_begin()
    assert model.steps == first[-1]
    for loss in losses[17:]:
        callback.on_train_batch_end(0, {"batch_loss": loss})
    assert model.steps == whole[-1] and model.curriculum == end


def test_fewer_steps_than_objects_choose_freely():
    similarity = np.random.default_rng(0).random((1, 2, 5)).astype(np.float32)
    best = max(similarity[0, 0, a] + similarity[0, 1, b] for a, b in itertools.permutations(range(5), 2))
    chosen = matching.match(similarity, [2], [5]).numpy()
    assert (chosen * similarity).sum() == pytest.approx(best)


@pytest.mark.slow
def test_a_running_fit_takes_up_more_steps_and_the_model_file_keeps_them(small, tmp_path):
    small.curriculum.update({"start": 2, "patience": 1, "tolerance": 100.0})
    model = build(small)
    model.compile(keras.optimizers.Adam(1e-3))
    batch = {
        "image": tf.zeros([1, 64, 64, 3]),
        "masks": tf.cast(tf.one_hot([[[1] * 64] * 64], 6, axis=1), tf.uint8),
        "count": [3],
    }
    seen = []
    watch = keras.callbacks.LambdaCallback(on_train_batch_begin=lambda *_, **__: seen.append(model.steps))
    repeated = tf.data.Dataset.from_tensors(batch).repeat()
    model.fit(repeated, steps_per_epoch=4, verbose=0, shuffle=False, callbacks=[Curriculum(small.curriculum, 4), watch])
    assert seen == [2, 2, 3, 3]
    model.save(tmp_path / "model.keras")
    assert load(tmp_path / "model.keras").curriculum == model.curriculum
    assert model.curriculum["steps"] == 4
