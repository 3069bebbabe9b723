"""Files and folders that flags name: all missing ones are told in one line, before TensorFlow is imported."""

import subprocess
import sys

import numpy as np
import pytest
from PIL import Image

from ris_tf import demo, dequantize
from ris_tf.commands import batch, data, evaluate, places, predict, train
from ris_tf.errors import UsageError
from ris_tf.export import main as export

BATCH = "--model=model.tflite"


@pytest.fixture
def told(command, tmp_path, monkeypatch):
    """A function: (main, arguments) -> exit code and the one line on standard error, in a folder with a few files."""
    monkeypatch.chdir(tmp_path)
    Image.fromarray(np.zeros((64, 64), np.uint8)).save("image.png")
    (tmp_path / "model.tflite").touch()
    for folder in ("empty", "bare", "set/images", "set/masks"):
        (tmp_path / folder).mkdir(parents=True)

    def too_late():
        raise AssertionError("TensorFlow is started")

    monkeypatch.setattr("ris_tf.commands.command.start_tensorflow", too_late)
    monkeypatch.setattr("ris_tf.storage.open_model", lambda *_: too_late())
    before = sorted(tmp_path.rglob("*"))

    def run(main, *arguments):
        code, _, err = command(main, *arguments)
        assert err.count("\n") == 1 and sorted(tmp_path.rglob("*")) == before, err
        return code, err.removeprefix("ris-command: ").rstrip("\n")

    return run


@pytest.mark.parametrize(
    ("main", "arguments", "code", "line"),
    [
        (predict.main, ["image.png"], 2, "--model and --out are missing"),
        (predict.main, [], 2, "--model, --out and an image or folder of images are missing"),
        (predict.main, ["--model=nuclei", "--out=o"], 2, "an image or folder of images is missing"),
        (
            predict.main,
            ["--model=nucli", "--out=image.png", "a", "image.png", "b"],
            2,
            "--out=image.png: is a file; give a folder; nucli: unknown preset; expected one of: blobs, coins, nuclei, "
            "rosettes, worms; a, b: no such file or folder",
        ),
        (predict.main, ["--model=nuclei", "--out=o", "a", "image.png", "b"], 1, "a, b: no such file or folder; exp"),
        (predict.main, ["--model=nuclei", "--out=o", "empty", "bare"], 1, "empty, bare: no images in this folder; exp"),
        (predict.main, ["--model=no/a.keras", "--out=o", "image.png"], 2, "no/a.keras: no such file or folder"),
        (predict.main, ["--model=no/a.tflite", "--out=o", "image.png"], 2, "no/a.tflite: no such file or folder"),
        (predict.main, ["--model=nucli", "--out=o", "image.png"], 2, "nucli: unknown preset; expected one of: blobs"),
        (predict.main, ["--model=nuclei", "--out=image.png/o", "image.png"], 2, "--out=image.png/o: Not a directory"),
        (
            predict.main,
            ["--model=nuclei", "--out=o", "--write=coco", "--annotations=a.json", "image.png"],
            2,
            "--annotations=a.json: no such file; expected annotations in COCO format",
        ),
        (evaluate.main, ["--out=o"], 2, "--model and --data are missing"),
        (evaluate.main, ["--model=a.keras", "--data=no", "--out=o"], 2, "a.keras: no such file or folder; no: no such"),
        (evaluate.main, ["--model=nuclei", "--data=no", "--out=o"], 1, "no: no such folder; expected a folder"),
        (evaluate.main, ["--model=nuclei", "--data=empty", "--out=o"], 1, "empty: no image and label pairs found"),
        (evaluate.main, ["--model=nuclei", "--data=synthetic:cubes", "--out=o"], 2, "unknown kind of synthetic images"),
        (evaluate.main, ["--model=empty", "--data=set", "--out=o"], 1, "empty: holds no best.keras or last.keras"),
        (evaluate.main, ["--model=nuclei", "--data=set", "--out=image.png"], 2, "--out=image.png: is a file; give a f"),
        (
            evaluate.main,
            ["--compare", "a", "b"],
            1,
            "a, b: no such file or folder; expected output folders of ris-eval",
        ),
        (
            evaluate.main,
            ["--compare", "empty", "b"],
            1,
            "empty/metrics.json, empty/per_image.csv, b: no such file or folder; expected output folders",
        ),
        (train.main, [], 2, "--data is missing"),
        (train.main, ["--config=nuclei", "--data=no"], 1, "no: no such folder; expected a folder with data"),
        (train.main, ["--config=nuclei", "--data=a", "--config.data.extra=b,c"], 1, "a, b, c: no such folders; exp"),
        (train.main, ["--config=nuclei", "--data=set", "--workdir=image.png"], 2, "--workdir=image.png: is a file"),
        (train.main, ["--config=nuclei", "--data=set", "--workdir=image.png/a"], 2, "--workdir=image.png/a: Not a dir"),
        (train.main, ["--config=nuclei", "--data=set", "--init=no.keras"], 2, "no.keras: no such file or folder"),
        (train.main, ["--config=nuclei", "--data=no", "--init=nucli"], 2, "nucli: unknown preset; expected one of"),
        (train.main, ["--config=nuclei", "--data=set", "--init=nucli"], 2, "nucli: unknown preset"),
        (train.main, ["--config=nuclei", "--data=set", "--config.train.batch=0"], 2, "train.batch is 0"),
        (export.main, [], 2, "--model and --out are missing"),
        (export.main, ["--model=no.keras", "--out=o"], 2, "no.keras: no such file or folder"),
        (export.main, ["--model=nuclei", "--out=image.png"], 2, "--out=image.png: is a file; give a folder"),
        (export.main, ["--model=nuclei", "--out=o", "--data=no"], 1, "no: no such folder"),
        (data.main, ["inspect", "no"], 1, "no: no such folder"),
        (data.main, ["convert", "no"], 2, "--format and --out are missing"),
        (batch.main, ["--out=o"], 2, "--model and a pattern of images are missing"),
        (batch.main, ["a.png"], 2, "--model and --out are missing"),
        (batch.main, ["--model=no.tflite", "--out=o", "image.png"], 2, "{here}/no.tflite: no such file or folder"),
        (
            batch.main,
            [BATCH, "--out=o", "a.png", "image.png", "b.png"],
            1,
            "{here}/a.png, {here}/b.png: no file matches",
        ),
        (batch.main, [BATCH, "--out=o", "empty", "bare"], 2, "{here}/empty, {here}/bare: are folders; give a pattern"),
        (batch.main, [BATCH, "--out=image.png", "image.png"], 2, "--out={here}/image.png: is a file; give a folder"),
        (demo.main, ["--out=image.png"], 2, "--out=image.png: is a file; give a folder"),
        (demo.main, ["extra"], 2, "unexpected argument 'extra'"),
        (dequantize.main, ["no.tflite", "o.keras"], 2, "no.tflite: no such file or directory; expected a LiteRT file"),
        (dequantize.main, ["image.png", "no/o.keras"], 2, "no/o.keras: its folder does not exist"),
    ],
)
def test_wrong_places_are_told_before_tensorflow_starts(told, tmp_path, main, arguments, code, line):
    got, said = told(main, *arguments)
    assert said.startswith(line.format(here=tmp_path)) and got == code, said


def test_commands_check_places_without_importing_tensorflow(tmp_path):
    code = """
import sys
from absl import flags
from ris_tf import demo, dequantize
from ris_tf.commands import evaluate, predict, train
from ris_tf.export import main as export
for module, *arguments in (
    (predict, "--model=nuclei", "--out=o", "no.png"),
    (evaluate, "--model=nuclei", "--data=no", "--out=o"),
    (train, "--config=nuclei", "--data=no"),
    (export, "--model=no.keras", "--out=o"),
    (dequantize, "no.tflite", "o.keras"),
    (demo, "no"),
):
    known, sys.argv = set(flags.FLAGS), ["ris-command", *arguments]
    try:
        module.main()
    except SystemExit as stop:
        print(stop.code, "tensorflow" in sys.modules or "keras" in sys.modules)
    for name in set(flags.FLAGS) - known:
        delattr(flags.FLAGS, name)
    flags.FLAGS.unparse_flags()
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stdout.splitlines() == ["1 False", "1 False", "1 False", "2 False", "2 False", "2 False"], done.stderr


def test_a_folder_that_cannot_be_written_is_told(tmp_path):
    assert places.folder("out", tmp_path / "a" / "b") == tmp_path / "a" / "b"
    assert not list(tmp_path.iterdir())
    with pytest.raises(UsageError, match=r"--out=/proc/1/a: .*; give a folder that can be written"):
        places.folder("out", "/proc/1/a")
