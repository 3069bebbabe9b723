"""The work folder of a training: what is kept, what a run that was cut short leaves, and how the next one goes on."""

import csv
import os
import signal
import subprocess
import sys

import numpy as np
import pytest

from ris_tf.errors import DataError, UsageError
from ris_tf.model import RIS, build
from ris_tf.storage import load
from ris_tf.training import checkpoints, start
from ris_tf.training.checkpoints import BEST, LAST, LOG, PREVIOUS, Checkpoints
from ris_tf.training.termination import Termination
from ris_tf.training.workers import Place

TINY = (
    "--config=leaves_paper", "--data=synthetic:discs", "--config.model.size=(60,60)", "--config.model.steps=2",
    "--config.model.paper.filters=4", "--config.model.paper.layers=1", "--config.data.synthetic_images=4",
    "--config.data.synthetic_size=64", "--config.train.batch=2", "--config.train.steps=4",
    "--config.train.evaluate_every=4", "--config.train.validation_images=1", "--config.train.ema=0.9",
)  # fmt: skip


@pytest.fixture
def model(small_of):
    """A small compiled model of the paper form."""
    config = small_of("paper")
    config.model.paper.update({"filters": 4, "layers": 1})
    config.train.ema = 0.9
    built = build(config)
    built.compile(start.optimizer(config))
    return built


@pytest.fixture
def keeper(model, tmp_path):
    """A function: a Checkpoints of 6 steps, logged every third, of a model (the fixture's unless given)."""

    def make(model=model, held_out=(), **more):
        made = Checkpoints(model, tmp_path, held_out, 3, 6, lambda model, row: None, **more)
        made.on_epoch_begin(0)
        return made

    return make


def step(keeper, loss):
    """What Keras does of one step, as far as checkpoints see it."""
    for mean in keeper.model.metrics:
        mean.update_state(loss)
    keeper.on_train_batch_end(0)


def steps_logged(folder):
    return [(int(row["step"]), float(row["loss"])) for row in csv.DictReader((folder / LOG).open())]


def test_means_and_rows_go_on_where_a_run_was_cut_short(keeper, tmp_path, capsys):
    def cut(model, row):
        raise RuntimeError("here the process dies: the state is saved, the log has no row of it")

    first = keeper()
    for loss in (1.0, 2.0, 6.0):
        step(first, loss)
    assert steps_logged(tmp_path) == [(3, 3.0)] and not (tmp_path / PREVIOUS).exists()
    first.report = cut
    step(first, 1.0)
    step(first, 3.0)
    with pytest.raises(RuntimeError):
        step(first, 5.0)
    assert steps_logged(tmp_path) == [(3, 3.0)]
    found, path = checkpoints.newest(tmp_path)
    assert path == tmp_path / LAST and found.progress["step"] == 6
    keeper(found).catch_up()
    assert steps_logged(tmp_path) == [(3, 3.0), (6, 3.0)]
    keeper(found).catch_up()
    assert steps_logged(tmp_path) == [(3, 3.0), (6, 3.0)]

    data = bytearray((tmp_path / LAST).read_bytes())  # one bit of one weight
    data[data.index(np.ascontiguousarray(max(found.get_weights(), key=np.size)).tobytes()) + 7] ^= 1
    (tmp_path / LAST).write_bytes(data)
    capsys.readouterr()
    found, path = checkpoints.newest(tmp_path)
    said = capsys.readouterr().out
    assert path == tmp_path / PREVIOUS and found.progress["step"] == 3
    assert f"{tmp_path / LAST}: model.weights.h5 is damaged" in said and "resuming from previous.keras, step 3" in said
    again = keeper(found, rotate=False)
    again.catch_up()
    for loss in (2.0, 2.0, 2.0):
        step(again, loss)
    assert steps_logged(tmp_path) == [(3, 3.0), (6, 2.0)]
    assert load(tmp_path / PREVIOUS).progress["step"] == 3  # the damaged file did not take its place
    for name in (LAST, PREVIOUS):
        (tmp_path / name).write_bytes(b"")
    with pytest.raises(DataError, match="no other checkpoint can be read"):
        checkpoints.newest(tmp_path)


def test_a_measurement_that_the_chief_of_workers_did_not_come_to_is_made_up_for(keeper, tmp_path):
    first = keeper(place=Place(0, 2))
    first.model.progress = {"step": 3, "means": {}}
    again = keeper(first.model, place=Place(0, 2))
    for _ in range(2):
        again.catch_up()
        assert [row["step"] for row in csv.DictReader((tmp_path / LOG).open())] == ["3"]
        again = keeper(first.model, place=Place(0, 2))
    assert (tmp_path / BEST).exists()


def test_what_a_run_starts_from_is_measured_and_may_stay_the_best(keeper, tmp_path, monkeypatch):
    figures = iter([0.8, 0.7, 0.9])
    monkeypatch.setattr(Checkpoints, "_measure", lambda self: {"val_sbd": next(figures)})
    first = keeper(held_out=[None])
    first.catch_up()
    assert not (tmp_path / LOG).exists()  # of new weights there is nothing to know
    first.catch_up(trained=True)
    begun = load(tmp_path / BEST).get_weights()
    for one, other in zip(begun, first.model.get_weights(), strict=True):
        np.testing.assert_array_equal(one, other)
    first.model.set_weights([weight + 1 for weight in begun])
    for _ in range(3):
        step(first, 1.0)
    np.testing.assert_array_equal(load(tmp_path / BEST).get_weights()[0], begun[0])
    again = keeper(load(tmp_path / LAST), held_out=[None])
    again.catch_up(trained=True)
    for _ in range(3):
        step(again, 1.0)
    assert (load(tmp_path / BEST).get_weights()[0] != begun[0]).any()
    rows = list(csv.DictReader((tmp_path / LOG).open()))
    assert [(row["step"], row["val_sbd"]) for row in rows] == [("0", "0.8"), ("3", "0.7"), ("6", "0.9")]


def test_a_model_without_the_state_of_its_training_is_no_checkpoint(small, tmp_path):
    build(small).save(tmp_path / LAST)  # as best.keras is
    with pytest.raises(DataError, match=f"{LAST}: holds a model without the training state.*--init"):
        checkpoints.newest(tmp_path)


@pytest.mark.usefixtures("in_the_foreground")
@pytest.mark.parametrize(
    ("number", "name", "code"),
    [(signal.SIGTERM, "SIGTERM", 0), (signal.SIGHUP, "SIGHUP", 0), (signal.SIGINT, "Ctrl-C", 130)],
)
def test_a_request_to_stop_is_answered_after_the_step_with_its_means(keeper, tmp_path, number, name, code):
    with Termination() as termination:
        termination.wait()
        first = keeper(termination=termination)
        step(first, 4.0)
        assert not (tmp_path / LAST).exists() and not first.model.stop_training
        os.kill(os.getpid(), number)
        step(first, 2.0)
        assert first.model.stop_training and (termination.asked, termination.exit_code) == (name, code)
    assert not (tmp_path / LOG).exists()
    found, _ = checkpoints.newest(tmp_path)
    second = keeper(found)
    second.catch_up()  # between two measurements: nothing to make up for
    assert second.step == 2 and not (tmp_path / LOG).exists()
    step(second, 3.0)
    assert steps_logged(tmp_path) == [(3, 3.0)] and (tmp_path / BEST).exists()


@pytest.mark.parametrize("text", ["step\nx\n", "a,b\n1,2\n", "step,loss\n1,2,3\n", "step,loss\n1\n"])
def test_a_log_that_is_none_is_said(tmp_path, text):
    (tmp_path / LOG).write_text(text)
    with pytest.raises(DataError, match=r"log.csv: is not the log of a run"):
        checkpoints._read_log(tmp_path / LOG, 9)


@pytest.mark.parametrize(
    "progress",
    [1, {"step": 1}, {"step": "1", "means": {}}, {"step": 1, "means": {"loss": [1.0]}}, {"step": 1, "means": 2}],
)
def test_progress_in_a_file_is_checked(small, progress):
    with pytest.raises(UsageError, match="progress is"):
        RIS(small, progress=progress)


@pytest.mark.slow
def test_a_run_stopped_between_two_measurements_ends_as_one_that_was_not(tmp_path):
    code = """
import os, signal, sys
from ris_tf.commands import train
from ris_tf.training import monitor
progress = monitor.Progress.on_train_batch_end
def stopping(self, batch, logs=None):
    progress(self, batch, logs)
    if os.environ.get("STOP") == str(self.done + batch + 1):
        os.kill(os.getpid(), signal.SIGTERM)
monitor.Progress.on_train_batch_end = stopping
sys.argv[0] = "ris-train"
train.main()
"""

    def run(name, stop=""):
        arguments = [*TINY, "--config.train.deterministic=true", f"--workdir={tmp_path / name}"]
        environment = {**os.environ, "STOP": stop}
        done = subprocess.run([sys.executable, "-c", code, *arguments], env=environment, capture_output=True, text=True)
        assert done.returncode == 0, done.stderr[-2000:]
        return done.stdout

    run("whole")
    assert "stopped by SIGTERM at step 3 of 4, saved" in run("stopped", stop="3")
    assert not (tmp_path / "stopped" / LOG).exists()
    assert "step 3 of 4" in run("stopped")
    assert (tmp_path / "stopped" / LOG).read_text() == (tmp_path / "whole" / LOG).read_text()
    one, other = load(tmp_path / "stopped" / LAST), load(tmp_path / "whole" / LAST)
    pairs = [*zip(one.weights, other.weights, strict=True)]
    pairs += zip(one.optimizer.variables, other.optimizer.variables, strict=True)
    for a, b in pairs:
        np.testing.assert_array_equal(a, b)
