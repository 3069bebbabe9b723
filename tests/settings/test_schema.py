"""Every config passes; every field that is out of range is named."""

import importlib

import pytest

from ris_tf.commands.command import config_names
from ris_tf.configs import base
from ris_tf.errors import UsageError
from ris_tf.settings import schema


@pytest.mark.parametrize("name", ["base", *config_names()])
def test_shipped_configs_pass(name):
    schema.check(importlib.import_module(f"ris_tf.configs.{name}").get_config())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("model.form", "other"),
        ("model.channels", 2),
        ("model.steps", 0),
        ("model.size", (64, -1)),
        ("data.view", "all"),
        ("data.scale", (1.2, 0.8)),
        ("data.colour", 1.5),
        ("loss.score_target", "n"),
        ("loss.attention", -1.0),
        ("train.batch", 0),
        ("model.form", "paper"),
        ("train.ema", 1.0),
        ("train.clip_value", 5.0),
        ("train.forcing", (2.0, 0.0)),
        ("train.learning_rate", float("nan")),
        ("predict.overlap_rule", "last"),
        ("predict.score_threshold", -0.1),
        ("predict.overlap", 4000),
        ("predict.orientations", 3),
    ],
)
def test_field_out_of_range_is_named(name, value):
    config = base.get_config()
    part, field = name.split(".")
    config[part][field] = value
    named = "loss.score_target" if value == "paper" else name
    with pytest.raises(UsageError, match=f"{named} is"):
        schema.check(config)


@pytest.mark.parametrize(("field", "value"), [("widths", (8, 16, 24)), ("widths", (8, 16, 24, 0)), ("features", 0)])
def test_shape_of_the_encoder_out_of_range_is_named(field, value):
    config = base.get_config()
    config.model.attend[field] = value
    with pytest.raises(UsageError, match=f"attend.{field} is"):
        schema.check(config)


def test_quarter_turns_need_a_square():
    config = base.get_config()
    config.model.size, config.predict.orientations = (128, 256), 4
    schema.check(config)
    config.predict.orientations = 8
    with pytest.raises(UsageError, match="predict.orientations is 8; expected 1, 2 or 4"):
        schema.check(config)


def test_missing_field_is_named():
    config = base.get_config()
    del config.train.batch
    with pytest.raises(UsageError, match="train.batch is missing"):
        schema.check(config)


def test_extra_data_is_listed_with_or_without_spaces():
    config = base.get_config()
    for listed in ("a,synthetic:discs", " a , synthetic:discs,"):
        config.data.extra = listed
        assert schema.extra_sources(config) == ["a", "synthetic:discs"]
    config.data.extra = ""
    assert schema.extra_sources(config) == []
