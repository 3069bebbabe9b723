"""What several test files need: real data where it is, small configs, and commands run in this process."""

import os
import signal
import sys
from pathlib import Path

import pytest
from absl import flags

from ris_tf.configs import base
from ris_tf.data.readers.layouts import open_folder
from ris_tf.errors import DataError

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture
def nuclei():
    """The folder of real nuclei images; skips where it is absent."""
    folder = Path(os.environ.get("RIS_DATA", ROOT.parent / "shared" / "data")) / "nuclei"
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}; set RIS_DATA")
    return folder


@pytest.fixture
def worms():
    """The folder of real images of worms; skips where it is absent."""
    folder = Path(os.environ.get("RIS_DATA", ROOT.parent / "shared" / "data")) / "zoo" / "worms"
    if not folder.is_dir():
        pytest.skip(f"no real images at {folder}; set RIS_DATA")
    return folder


@pytest.fixture
def coco():
    """The folder of a few real photographs with COCO annotations; skips where it is absent."""
    folder = Path(os.environ.get("RIS_DATA", ROOT.parent / "shared" / "data")) / "coco_sample"
    if not folder.is_dir():
        pytest.skip(f"no real photographs at {folder}; set RIS_DATA")
    return folder


@pytest.fixture
def trained_weights():
    """The folder of quantised networks on MobileNetV2; skips where it is absent."""
    folder = Path(os.environ.get("RIS_DATA", ROOT.parent / "shared" / "data")) / "weights"
    if not folder.is_dir():
        pytest.skip(f"no trained weights at {folder}; set RIS_DATA")
    return folder


@pytest.fixture
def small():
    """A config of the default form that builds and trains in seconds."""
    return small_config()


def small_config():
    """As `small`, for fixtures of other scopes."""
    config = base.get_config()
    config.model.size = (64, 64)
    config.model.steps = 4
    config.model.attend.update({"widths": (8, 8, 16, 16), "features": 16, "pixel_features": 4, "state": 8})
    config.data.max_instances = 6
    config.data.synthetic_images = 4
    config.train.update({"batch": 2, "steps": 4, "evaluate_every": 2, "validation_images": 1, "warmup": 1})
    config.loss.queries = 3
    config.predict.overlap = 10
    return config


@pytest.fixture
def small_of(small):
    """A function: form -> the small config of it."""

    def make(form):
        small.model.form = form
        if form == "paper":
            small.model.size = (60, 60)
            small.loss.update({"score_target": "count", "extra_steps": 1, "matching_attention": 0.0})
        return small

    return make


@pytest.fixture
def command(monkeypatch, capsys):
    """Runs a command's main() with arguments: -> (exit code, stdout, stderr)."""

    def run(main, *arguments):
        known = set(flags.FLAGS)
        monkeypatch.setattr(sys, "argv", ["ris-command", *map(str, arguments)])
        try:
            main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        finally:
            for name in set(flags.FLAGS) - known:
                delattr(flags.FLAGS, name)
            flags.FLAGS.unparse_flags()
        return code, *capsys.readouterr()

    return run


@pytest.fixture
def in_the_foreground():
    """Signals as a command in the foreground has them: under nohup, or started by a script's `&`, some are ignored."""
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGHUP)}
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.fixture
def problems():
    """Lists every line of what is wrong with a folder, from opening or reading it: (data, split="all") -> list."""

    def lines_of(data, split="all"):
        try:
            lines = []
            for _, read in open_folder(data, split):
                try:
                    read()
                except DataError as error:
                    lines += error.problems
            return lines
        except DataError as error:
            return list(error.problems)

    return lines_of
