"""Training on: the config of the model goes on, the log says which model is better, the process can be stopped."""

import json
import time

import numpy as np
import pytest

from ris_tf import RIS, storage
from ris_tf.data.synthetic import drawings
from ris_tf.errors import UsageError
from ris_tf.napari_plugin.folder import TrainingFolder
from ris_tf.napari_plugin.model_process import ModelProcess
from ris_tf.napari_plugin.training import Training, compared, decisions, improved, rows_of, told
from ris_tf.planning import config_file
from ris_tf.presets import find, names
from ris_tf.settings import schema


def listed(config):
    """A config as text, in which tuples are lists."""
    return json.dumps(config.to_dict(), sort_keys=True)


@pytest.mark.parametrize("name", names())
def test_the_network_and_the_view_of_the_model_are_kept(name, tmp_path):
    before = schema.complete(find(name)[0])
    config_file.write(tmp_path / "config.py", tmp_path, name, decisions(before.to_dict(), 80))
    after, init = config_file.read(tmp_path / "config.py")
    schema.check(after)
    assert init == name
    assert listed(after.model) == listed(before.model)
    assert (after.data.view, after.predict.score_threshold) == (before.data.view, before.predict.score_threshold)
    assert (after.train.steps, after.train.evaluate_every, after.train.warmup) == (80, 10, 20)
    assert after.train.ema == before.train.ema
    assert (after.train.batch, after.data.extra, after.data.extra_share) == (before.train.batch, "", 0.0)


def test_the_log_says_which_model_is_better(tmp_path):
    assert rows_of(tmp_path / "log.csv") == [] and compared([]) == (None, None) and not improved([])
    (tmp_path / "log.csv").write_text("step,loss,val_sbd\n0,,0.7\n10,1.5,0.65\n20,1.2,0.8\n30,1.1,0.75\n")
    rows = rows_of(tmp_path / "log.csv")
    assert rows[0] == {"step": 0, "val_sbd": 0.7} and rows[1]["loss"] == 1.5
    assert compared(rows) == (0.7, 0.8) and improved(rows) and not improved(rows[:2])
    assert told(rows) == "validation SBD 0.700 before, 0.800 at best since"
    assert not improved([{"step": 0, "val_sbd": 0.8}, {"step": 5, "val_sbd": 0.8}])  # no better


@pytest.fixture
def labelled(small, tmp_path):
    """A small untrained model, and a training folder of five drawn images."""
    storage.save(RIS(small), tmp_path / "model.keras")
    folder = TrainingFolder(tmp_path / "mine")
    for index in range(5):
        image, labels = drawings.sample("discs", 3, index, 64)
        folder.save(f"{index}", image, labels)
    return str(tmp_path / "model.keras"), schema.complete(small).to_dict(), folder


def ended(training, seconds=300):
    until = time.time() + seconds
    while training.running and time.time() < until:
        time.sleep(0.5)
    assert not training.running


@pytest.mark.slow
def test_a_training_measures_the_model_before_and_since(labelled):
    model, config, folder = labelled
    training = Training(model, config, folder.path, folder.next_run(), 8)
    assert training.failure() is None
    ended(training)
    assert training.failure() is None, training.failure()
    rows = training.rows()
    assert [row["step"] for row in rows] == list(range(9)) and "loss" in rows[-1]
    assert None not in compared(rows)
    assert listed(storage.load(training.workdir).config.model) == listed(schema.complete(config).model)


@pytest.mark.slow
def test_a_training_can_be_stopped_and_a_failed_one_says_why(labelled):
    model, config, folder = labelled
    training = Training(model, config, folder.path, folder.next_run(), 100_000)
    time.sleep(3)
    training.stop()
    ended(training)
    assert training.failure() is None
    (folder.path / "train" / "images" / "0.png").write_bytes(b"no image")
    training = Training(model, config, folder.path, folder.next_run(), 8)
    ended(training)
    assert "0.png" in training.failure() and "\n" not in training.failure()


@pytest.mark.slow
def test_the_process_with_the_model_answers_and_says_what_is_wrong(labelled, tmp_path):
    model, config, folder = labelled
    file, process = folder.path / "train" / "images" / "0.png", ModelProcess()
    try:
        assert listed(schema.complete(process.ask("config", model))) == listed(schema.complete(config))
        pixels, numbers, count = process.ask("find", model, file, np.zeros((64, 64), np.int32))
        found = storage.load(model).predict_instances(drawings.sample("discs", 3, 0, 64)[0])
        assert count == found.count
        np.testing.assert_array_equal(numbers, found.labels[pixels])
        assert (found.labels > 0).sum() == numbers.size
        mask = process.ask("object_at", model, file, 30, 20, np.zeros((64, 64), np.int32))
        assert mask.shape == (64, 64) and mask.dtype == bool
        assert 0 <= process.ask("doubt", model, file) <= 1
        for arguments, message in (
            (("doubt", "coinz", file), "coinz: unknown preset"),
            (("doubt", str(tmp_path), file), "holds no best.keras"),
            (("doubt", model, tmp_path / "none.png"), "none.png"),
            (("object_at", model, file, 99, 0, np.zeros((64, 64), int)), "must lie in the image"),
        ):
            with pytest.raises(UsageError, match=message) as caught:
                process.ask(*arguments)
            assert "\n" not in str(caught.value)
    finally:
        process.close()
    with pytest.raises(UsageError, match="has ended"):
        process.ask("config", model)
    process.ask("config", model)  # it starts again
    process.close()
