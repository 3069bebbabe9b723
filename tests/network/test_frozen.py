"""Parts that are not trained: which weights they have, that these stay as they are, and that saving keeps them so."""

import zipfile

import h5py
import keras
import numpy as np
import pytest

from ris_tf.configs import base
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.errors import UsageError
from ris_tf.model import build
from ris_tf.network import frozen
from ris_tf.settings import ranges
from ris_tf.storage import load

FORMS = ["attend", "paper", "mobilenet_v2", "fcn8s", "residual"]


@pytest.fixture
def model_of(small_of):
    def make(kind):
        small = small_of("paper" if kind in ("paper", "fcn8s") else "attend")
        if kind == "mobilenet_v2":
            small.model.attend.update({"encoder": "mobilenet_v2", "widths": (8, 8, 16, 16, 16)})
        if kind == "fcn8s":
            small.model.paper.encoder = "fcn8s"
            small.model.fcn8s.update({"widths": (4, 4, 4, 4, 4), "dense": 8})
        if kind == "residual":
            small.model.attend.residual_blocks = 1
        return build(small)

    return make


def batches(config):
    return pipeline.training_batches(Records(sources.open_source("synthetic:discs", "train", 64, 4, 1), config), config)


@pytest.mark.parametrize("kind", FORMS)
def test_every_weight_is_in_one_part(model_of, kind):
    form = model_of(kind).form
    assert ranges.ALL["train.freeze"][0](",".join([*form.parts()][:2]))
    within = [id(weight) for layers in form.parts().values() for layer in layers for weight in layer.weights]
    assert sorted(within) == sorted(id(weight) for weight in form.weights)
    assert all(sum(len(layer.weights) for layer in layers) for layers in form.parts().values())


@pytest.mark.parametrize("kind", FORMS)
def test_every_layer_has_a_path(model_of, kind):
    form = model_of(kind).form
    before = {id(weight) for weight in form.trainable_weights}
    listed = frozen.paths(form)
    form.trainable = False
    assert not form.trainable_weights
    frozen.restore(form, listed)
    assert {id(weight) for weight in form.trainable_weights} == before
    for layer in form._flatten_layers(include_self=False):
        layer.trainable = False  # one by one, as a user may do
    frozen.restore(form, frozen.paths(form))
    assert not form.trainable_weights


@pytest.mark.parametrize(("kind", "names"), [("attend", ["encoder"]), ("paper", ["recurrence", "mask"])])
def test_parts_stay_frozen_when_saved(model_of, kind, names, tmp_path):
    model = model_of(kind)
    everything = len(model.trainable_weights)
    inside = sum(len(layer.trainable_weights) for name in names for layer in model.form.parts()[name])
    model.freeze(*names)
    assert len(model.trainable_weights) == everything - inside > 0
    model.compile()
    model.save(tmp_path / "frozen.keras")
    loaded = keras.saving.load_model(tmp_path / "frozen.keras")
    with zipfile.ZipFile(tmp_path / "frozen.keras") as archive:
        archive.extract("model.weights.h5", tmp_path)
    with h5py.File(tmp_path / "model.weights.h5") as file:
        assert "parts" not in file["form"]  # nothing is saved twice
    assert len(loaded.trainable_weights) == everything - inside
    for one, other in zip(model.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)
        assert one.trainable == other.trainable


def test_layers_frozen_by_hand_stay_frozen_when_saved(model_of, tmp_path):
    model = model_of("attend")
    everything = len(model.trainable_weights)
    model.form.encoder.down[1].trainable = model.form.score.trainable = False
    kept = [weight.trainable for weight in model.weights]
    model.save(tmp_path / "some.keras")
    assert [weight.trainable for weight in load(tmp_path / "some.keras").weights] == kept and not all(kept)
    model.layers[0].trainable = False
    model.save(tmp_path / "all.keras")
    loaded = load(tmp_path / "all.keras")
    assert not loaded.trainable_weights
    loaded.freeze()
    assert len(loaded.trainable_weights) == everything


@pytest.mark.slow
@pytest.mark.parametrize("recompute", [False, True])
def test_a_frozen_encoder_is_not_trained_nor_are_its_statistics(model_of, recompute):
    model = model_of("residual")
    model.freeze("encoder")
    before = model.get_weights()
    model.compile(keras.optimizers.AdamW(1e-2, weight_decay=0.1), recompute=recompute)
    model.fit(batches(model.config), steps_per_epoch=2, verbose=0, shuffle=False)
    inside = {id(weight) for layer in model.form.parts()["encoder"] for weight in layer.weights}
    changed = [np.abs(old - new).max() > 0 for old, new in zip(before, model.get_weights(), strict=True)]
    assert not any(c for c, weight in zip(changed, model.weights, strict=True) if id(weight) in inside)
    assert sum(changed) > 5


def test_an_unknown_part_is_told(model_of):
    with pytest.raises(UsageError, match="no part 'decoder' to freeze; expected any of encoder, recurrence, mask"):
        model_of("attend").freeze("decoder")


@pytest.mark.parametrize("path", ["decoder", "encoder/nothing", "encoder/down/9", "encoder/down", "__class__", ""])
def test_a_path_that_leads_nowhere_is_refused(model_of, path):
    form = model_of("attend").form
    if path:
        with pytest.raises(ValueError, match="is no layer"):
            frozen.restore(form, [path])


@pytest.mark.parametrize("value", ["encoder,recurrence,mask", "decoder", "encoder;mask", 3])
def test_field_out_of_range_is_told(value):
    right, expected = ranges.ALL["train.freeze"]
    assert not right(value) and expected == "some of encoder, recurrence, mask, separated by commas, but not all"
    assert right(base.get_config().train.freeze) and right("encoder, mask") and right("mask")
