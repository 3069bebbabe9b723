"""More than 300 broken inputs through every command: one clear line, or handled; no traceback, hang or full memory."""

import contextlib
import ctypes
import os
import resource
import shutil
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
from broken import flags, folders, models, pictures
from conftest import small_config
from PIL import Image

from ris_tf import storage
from ris_tf.commands import data as data_command
from ris_tf.commands import evaluate, predict, train
from ris_tf.errors import UsageError
from ris_tf.export import main as export
from ris_tf.model import build
from ris_tf.training import start

pytestmark = pytest.mark.slow
IMAGES, MASKS = pictures.images(), pictures.masks()
FOLDERS = {**folders.coco(), **folders.records(), **folders.others()}
MODELS, FIELDS, CONFIGS = models.models(), flags.fields(), flags.configs()
_SECONDS, _MEMORY = 10, 2 << 30
_PROGRAM = 1 << 29  # bytes of it that a command with TensorFlow holds before it reads anything
_READ_ALL = 0b110  # the capabilities of root to read and enter what is closed to it


class Hang(BaseException):
    """No Exception, so that nothing takes it for a broken file."""


@contextlib.contextmanager
def watched():
    """Stops after 10 s of all cores, limits what may be allocated, and checks how far the memory rose.

    Other tests run beside this one and came before it in this process: so it is the time of the processor that counts,
    or a minute, and the memory beyond what was held before.
    """

    def stop(*_):
        raise Hang(f"more than {_SECONDS} s")

    signals = {signal.SIGPROF: signal.ITIMER_PROF, signal.SIGALRM: signal.ITIMER_REAL}
    seconds = {signal.SIGPROF: _SECONDS * os.cpu_count(), signal.SIGALRM: 60}
    before = {number: signal.signal(number, stop) for number in signals}
    limits = resource.getrlimit(resource.RLIMIT_AS)
    pages = Path("/proc/self/statm").read_text().split()
    virtual, resident = (int(count) * resource.getpagesize() for count in pages[:2])
    resource.setrlimit(resource.RLIMIT_AS, (virtual + 2 * _MEMORY, limits[1]))
    Path("/proc/self/clear_refs").write_text("5")  # forgets the peak so far
    for number, timer in signals.items():
        signal.setitimer(timer, seconds[number])
    try:
        yield
    finally:
        for number, timer in signals.items():
            signal.setitimer(timer, 0)
            signal.signal(number, before[number])
        resource.setrlimit(resource.RLIMIT_AS, limits)
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    risen = (int(peak.split()[1]) << 10) - resident
    assert risen < _MEMORY - _PROGRAM, f"{risen:,} bytes"


@contextlib.contextmanager
def as_anyone():
    """Takes from root, in this thread, the right to read what is closed."""
    library, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(0x20080522, 0)
    kept, less = (ctypes.c_uint32 * 6)(), (ctypes.c_uint32 * 6)()
    library.capget(header, kept)
    less[:] = kept[:]
    less[0] &= ~_READ_ALL
    library.capset(header, less)
    try:
        yield
    finally:
        library.capset(header, kept)


@pytest.fixture
def told(command):
    """Runs a command on something broken and checks the manners of its answer: -> exit code, line."""

    def run(main, *arguments, wrong=True):
        with watched(), as_anyone():
            code, _, err = command(main, *arguments)
        lines = [part for line in err.splitlines() for part in line.split("\r") if part.startswith("ris-command: ")]
        assert "Traceback" not in err and code in ((1, 2) if wrong else (0, 1, 2)), (code, err)
        assert len(lines) == (code != 0), err
        assert "more memory than" not in err, err
        assert all(len(line) < 700 for line in lines), lines
        return code, "".join(lines)

    return run


@pytest.fixture(scope="module")
def model_file(tmp_path_factory):
    path = tmp_path_factory.mktemp("model") / "model.keras"
    build(small_config()).save(path)
    return path


@pytest.fixture
def opened(model_file, monkeypatch):
    """The small model, loaded once, under whatever name; ris-train ends where the data are read."""
    if not hasattr(opened, "model"):
        opened.model = storage.load(model_file)
    monkeypatch.setattr(storage, "load", lambda source: opened.model)

    def reached(*_):
        raise UsageError("the data are read")

    monkeypatch.setattr(start, "model_of", reached)
    return model_file


def through_all(told, data, model, tmp_path):
    """A data set through every command that reads one; all agree whether it is wrong."""
    out = tmp_path / "out"
    inspected, _ = told(data_command.main, "inspect", data, f"--out={tmp_path / 'sheet.png'}", wrong=False)
    converted = []
    for form in ("coco", "tfrecord"):
        code, _ = told(data_command.main, "convert", data, f"--format={form}", f"--out={out}", wrong=False)
        assert out.exists() == (code == 0)
        shutil.rmtree(out, ignore_errors=True)
        converted.append(code)
    for split in ("train", "all"):
        told(evaluate.main, f"--model={model}", f"--data={data}", f"--split={split}", f"--out={out}", wrong=False)
    told(train.main, "--config=rosettes", f"--data={data}", f"--workdir={tmp_path / 'run'}")
    told(export.main, f"--model={model}", f"--data={data}", "--split=train", f"--out={out}")
    assert not list(tmp_path.parent.glob("evil*")) and not (tmp_path / "a.png").exists()
    return inspected, converted


def pair(folder, name="a"):
    for kind in ("images", "masks"):
        (folder / "train" / kind).mkdir(parents=True)
    image = np.random.default_rng(0).integers(0, 255, (40, 40, 3), np.uint8)
    Image.fromarray(image).save(folder / "train" / "images" / f"{name}.png")
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(folder / "train" / "masks" / f"{name}.png")
    return folder


@pytest.mark.parametrize("name", IMAGES)
def test_image(told, opened, tmp_path, name):
    file, write = IMAGES[name]
    data = pair(tmp_path / "data")
    path = data / "train" / "images" / file
    write(path)
    Image.fromarray(np.eye(40, dtype=np.uint8)).save(data / "train" / "masks" / "b.png")
    told(predict.main, f"--model={opened}", f"--out={tmp_path / 'found'}", path, wrong=False)
    through_all(told, data, opened, tmp_path)


@pytest.mark.parametrize("name", MASKS)
def test_mask(told, opened, tmp_path, name):
    file, write = MASKS[name]
    data = pair(tmp_path / "data")
    write(data / "train" / "masks" / file)
    Image.fromarray(np.zeros((40, 40), np.uint8)).save(data / "train" / "images" / "b.png")
    through_all(told, data, opened, tmp_path)


@pytest.mark.parametrize("name", FOLDERS)
def test_folder(told, opened, tmp_path, name):
    data = tmp_path / "data"
    data.mkdir()
    FOLDERS[name](data)
    through_all(told, data, opened, tmp_path)


@pytest.mark.parametrize("name", MODELS)
def test_model(told, model_file, tmp_path, monkeypatch, name):
    path = tmp_path / "folder" / "bad.keras"
    path.parent.mkdir()
    MODELS[name](model_file, path)
    monkeypatch.delenv(models.MARK, raising=False)  # to write a Lambda is to run it
    Image.new("L", (40, 40)).save(tmp_path / "a.png")
    before = sorted(tmp_path.rglob("*"))
    for main, *arguments in (
        (predict.main, f"--model={path}", tmp_path / "a.png"),
        (evaluate.main, f"--model={path}", "--data=synthetic:discs"),
        (export.main, f"--model={path}"),
    ):
        _, line = told(main, *arguments, f"--out={tmp_path / 'out'}")
        assert "bad.keras" in line, line
    assert models.MARK not in os.environ and sorted(tmp_path.rglob("*")) == before
    assert not Path("/tmp/outside.txt").exists()


@pytest.mark.parametrize("name", FIELDS)
def test_field(told, opened, tmp_path, name):
    code, _ = told(train.main, "--config=rosettes", "--data=x", f"--workdir={tmp_path / 'run'}", *FIELDS[name])
    assert code == 2 and not (tmp_path / "run").exists()


@pytest.mark.parametrize("name", CONFIGS)
def test_config(told, opened, tmp_path, monkeypatch, name):
    monkeypatch.delitem(sys.modules, "config_config", raising=False)  # under it ml_collections would find the last one
    file = tmp_path / "own.py"
    file.write_text(CONFIGS[name], errors="surrogateescape")
    code, line = told(train.main, f"--config={file}", "--data=x", f"--workdir={tmp_path / 'run'}")
    assert code == 2 and "the data are read" not in line


def test_there_are_enough():
    assert sum(map(len, (IMAGES, MASKS, FOLDERS, MODELS, CONFIGS))) >= 300
