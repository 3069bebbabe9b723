"""A config made for the data: what is measured, what is decided from it, and the file that holds the decisions."""

import numpy as np
import pytest
from PIL import Image

from ris_tf import presets
from ris_tf.commands import train
from ris_tf.configs import base
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError
from ris_tf.planning import config_file, rules, speed
from ris_tf.planning.traits import Traits, traits_of
from ris_tf.settings import schema

SCENE = {
    "images": 60, "height": 520.0, "width": 696.0, "colour": False, "brighter": 0.0, "most": 15, "typical": 15.0,
    "diameter": 36.0, "smallest": 33.0, "largest": 36.0, "thickness": 10.0, "box": 0.4, "touching": 0.4,
    "least": 300.0,
}  # fmt: skip


def scene(**changes):
    return Traits(**{**SCENE, **changes})


def config_of(traits, has_val=True):
    config = base.get_config()
    config.update_from_flattened_dict({field: value for field, value, _ in rules.decide(traits, has_val)})
    schema.check(config)
    return config


def test_traits_of_discs_and_bars_by_closed_form():
    labels = np.zeros((100, 200), np.int32)
    rows, columns = np.indices(labels.shape)
    labels[np.hypot(rows - 30, columns - 40) <= 20] = 1
    labels[60:66, 20:120] = 2  # a bar, 6 pixels thick, whose area is that of a disc of 27.6 pixels
    labels[66:72, 20:120] = 3
    labels[90:94, 10:14] = labels[90:94, 30:34] = 4  # two pieces
    image = np.where(labels > 0, 200, 50).astype(np.uint8)[..., None]
    traits = traits_of([("a", lambda: (image, labels)), ("b", lambda: (image, 0 * labels))], "here")
    assert traits.images == 2 and (traits.height, traits.width) == (100, 200) and not traits.colour
    assert traits.brighter == 1.0 and traits.most == 4 and traits.typical == 2.0
    assert traits.touching == 0.5 and 32 <= traits.least < 60  # the smallest of the four has 32 pixels
    assert traits.diameter == pytest.approx(np.sqrt(4 / np.pi * 600), rel=0.01)
    assert traits.thickness == pytest.approx(6, abs=0.5)  # the median of 40, 6, 6 and 4
    assert traits.box == pytest.approx((94 - 10) * (120 - 10) / labels.size)
    dark = traits_of([("a", lambda: (255 - image, labels))], "here")
    assert dark.brighter == 0.0
    red = np.concatenate([image, image // 4, image // 4], axis=2)
    assert traits_of([("a", lambda: (red, labels))], "here").colour
    assert not traits_of([("a", lambda: (np.repeat(image, 3, axis=2), labels))], "here").colour
    with pytest.raises(DataError, match="here: no image holds an object"):
        traits_of([("b", lambda: (image, 0 * labels))], "here")


@pytest.mark.parametrize(
    ("changes", "view"),
    [
        ({}, "focus"),  # worms
        ({"box": 0.9, "thickness": 20.0}, "whole"),
        ({"most": 92, "typical": 57.0}, "tiles"),  # cells
        ({"height": 4000.0, "width": 4000.0, "box": 1.0, "thickness": 20.0}, "tiles"),  # a few specks
    ],
)
def test_the_view_follows_from_number_and_size(changes, view):
    assert config_of(scene(**changes)).data.view == view


def test_decisions_follow_the_traits():
    grey, colour = config_of(scene()), config_of(scene(colour=True))
    assert grey.model.channels == 1 and colour.model.channels == 3
    assert rules.candidates(grey) != rules.candidates(colour) == ["rosettes"]
    assert grey.model.steps >= 15 + 2 and config_of(scene(most=30)).model.steps > grey.model.steps
    assert config_of(scene(), has_val=False).data.held_out > 0 == config_of(scene()).data.held_out
    assert "elastic" in config_of(scene(images=20)).data.augment
    assert "elastic" not in config_of(scene(images=500)).data.augment
    wide = config_of(scene(box=0.9, thickness=30.0, height=500.0, width=1000.0))
    assert wide.model.size[1] > wide.model.size[0]
    small, large = config_of(scene(most=100, diameter=16.0)), config_of(scene(most=100, diameter=60.0))
    assert small.model.size == (128, 128) and large.model.size == (192, 192)
    assert config_of(scene(least=300.0)).predict.min_area == 150 and config_of(scene(least=1.0)).predict.min_area == 1
    low, high = config_of(scene(most=100, smallest=20.0, largest=80.0)).predict.zoom_limits
    assert low < 26 / 80 < 26 / 20 < high


def test_thresholds_are_those_of_the_preset_and_the_config_is_not_changed():
    config = base.get_config()
    changed = rules.applied(config, rules.thresholds("blobs", presets.find("blobs")[0]["predict"]))
    assert changed.predict.score_threshold == 0.8 > config.predict.score_threshold
    assert changed.predict.mask_threshold == 0.45 and changed.predict.min_area == config.predict.min_area


def test_tiles_of_huge_objects_keep_to_the_limits_of_the_zoom():
    assert config_of(scene(most=100, smallest=3000.0, largest=5000.0)).predict.zoom_limits[0] == 1 / 64


def test_the_file_says_what_was_decided_and_why(tmp_path):
    decisions = rules.decide(scene(), has_val=False)
    file = tmp_path / "config.py"
    config_file.write(file, "plates'\"\\/worms", "blobs", decisions)
    config, init = config_file.read(file)
    assert init == "blobs" and config.name == "worms"
    for field, value, reason in decisions:
        group, name = field.split(".")
        assert config[group][name] == value and reason[:60] in file.read_text()
    assert max(len(line) for line in file.read_text().splitlines() if "ris-train" not in line) <= 120
    file.write_text("def get_config():\n    return 1 / 0\n")
    with pytest.raises(DataError, match="config.py: ZeroDivisionError.*mend it, or delete it"):
        config_file.read(file)


@pytest.mark.parametrize(
    ("data", "name"),
    [("a/b c/", "b_c"), ("synthetic:discs", "discs"), ("hf:me/cells-2", "cells-2"), ("/", "data"), ("x/.y", "y")],
)
def test_names_of_data_are_names_of_configs(data, name):
    assert config_file.name_of(data) == name


def test_the_time_is_shared_between_training_and_measuring():
    steps, *validation = speed.schedule(hours=1.0, spent=60.0, step=0.5, image=0.3, held_out=20)
    assert steps == int((3600 - 60 - 20 * 0.3 * 20) / 0.5) and validation == [20, 8]  # 8 times, and 12 for thresholds
    steps, *validation = speed.schedule(hours=1.0, spent=0.0, step=0.5, image=5.0, held_out=20)
    assert validation == [9, 8] and steps == int((3600 - 9 * 5 * 20) / 0.5)  # 20 looks at each in a quarter of the hour
    steps, *validation = speed.schedule(hours=1.0, spent=0.0, step=0.5, image=10.0, held_out=20)
    assert validation == [6, 3] and steps == int((3600 - 6 * 10 * 15) / 0.5)  # not fewer images, but less often
    assert speed.schedule(0.01, 60.0, 0.5, 3.0, 2) == (100, 2, 2)
    assert speed.schedule(1.0, 0.0, 1.0, 0.1, 900)[1] == 24


def test_flags_that_have_no_effect_are_refused(command, tmp_path):
    code, _, err = command(train.main, f"--data={tmp_path}", "--init=nuclei")
    assert code == 2 and "--init=nuclei: has an effect only with --config" in err
    code, _, err = command(train.main, f"--data={tmp_path}", "--config.train.steps=5")
    assert code == 2 and "--config.train.steps: changes a field of a config; give --config as well" in err
    code, _, err = command(train.main, "--config=nuclei", f"--data={tmp_path}", "--hours=2")
    assert code == 2 and "--hours: has an effect only without --config" in err


@pytest.mark.slow
def test_one_command_trains_by_itself_and_goes_on(command, tmp_path, monkeypatch):
    """On a few drawn heaps, for as short as it can be. The second command finds everything done."""
    for split, count in (("train", 6), ("val", 2)):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for index in range(count):
            image, labels = drawings.sample("discs", 1, index + 10 * (split == "val"), 96)
            Image.fromarray(image).save(tmp_path / "data" / split / "images" / f"{index}.png")
            Image.fromarray(labels).save(tmp_path / "data" / split / "masks" / f"{index}.png")
    monkeypatch.setattr(speed, "_LEAST", 3)
    flags = f"--data={tmp_path / 'data'}", "--hours=0.01", f"--workdir={tmp_path / 'run'}"
    code, out, _ = command(train.main, *flags)
    assert code == 0
    assert "6 colour images of 96x96 pixels" in out and "starts from rosettes" in out and "thresholds found" in out
    assert {"config.py", "best.keras", "tuning.csv", "log.csv"} <= {file.name for file in (tmp_path / "run").iterdir()}
    before = (tmp_path / "run" / "best.keras").read_bytes()
    code, out, _ = command(train.main, *flags)
    assert code == 0 and "trains as decided before; --hours has no effect" in out
    assert "already trained for 3 steps" in out
    assert (tmp_path / "run" / "best.keras").read_bytes() == before
