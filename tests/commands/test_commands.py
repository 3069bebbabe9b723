"""The three commands: what they write, and one clear line for everything that can be wrong."""

import csv
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ris_tf import presets
from ris_tf.commands import evaluate, predict, train
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, UsageError
from ris_tf.inference import prediction
from ris_tf.model import build
from ris_tf.storage import load

FEW = (
    "--config.data.synthetic_images=4", "--config.model.size=(64,64)", "--config.model.steps=4",
    "--config.data.max_instances=32", "--config.train.batch=2", "--config.train.evaluate_every=2",
    "--config.train.validation_images=2", "--config.model.attend.widths=(8,8,16,16)",
)  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    """A data set of six pairs, in the images/ + masks/ layout."""
    for split, count in (("train", 3), ("val", 1), ("test", 2)):
        for kind in ("images", "masks"):
            (tmp_path / "data" / split / kind).mkdir(parents=True)
        for index in range(count):
            image, labels = drawings.sample("discs", 1, index, 96)
            Image.fromarray(image).save(tmp_path / "data" / split / "images" / f"{split}{index}.png")
            Image.fromarray(labels).save(tmp_path / "data" / split / "masks" / f"{split}{index}.png")
    return tmp_path / "data"


@pytest.fixture
def model_file(small, tmp_path):
    path = tmp_path / "model.keras"
    build(small).save(path)
    return path


def test_train_resumes_and_its_workdir_is_a_model(command, folder, tmp_path):
    workdir = tmp_path / "run"
    arguments = ["--config=rosettes", f"--data={folder}", f"--workdir={workdir}", *FEW]
    code, out, err = command(train.main, *arguments, "--config.train.steps=2")
    assert code == 0, err
    assert {"config.json", "log.csv", "last.keras", "best.keras", "tensorboard", ".lock"} == {
        file.name for file in workdir.iterdir()
    }
    code, out, err = command(train.main, *arguments, "--config.train.steps=4")
    assert code == 0 and "step 2 of 4" in out, err
    rows = list(csv.DictReader((workdir / "log.csv").open()))
    assert [row["step"] for row in rows] == ["2", "4"] and 0 <= float(rows[1]["val_sbd"]) <= 1
    assert json.loads((workdir / "config.json").read_text())["train"]["steps"] == 4
    assert "already trained" in command(train.main, *arguments, "--config.train.steps=4")[1]

    code, _, err = command(train.main, *arguments, "--config.model.steps=5")
    assert code == 1 and err.count("\n") == 1 and "a different model" in err

    code, out, err = command(evaluate.main, f"--model={workdir}", f"--data={folder}", f"--out={tmp_path / 'e'}")
    assert code == 0, err
    metrics = json.loads((tmp_path / "e" / "metrics.json").read_text())
    assert metrics["images"] == 2 and {"dic", "abs_dic", "sbd", "ap_0.5", "ap_0.9", "ap_mean"} <= set(metrics)
    rows = list(csv.DictReader((tmp_path / "e" / "per_image.csv").open()))
    assert [row["image"] for row in rows] == ["test0", "test1"]
    assert np.mean([float(row["sbd"]) for row in rows]) == pytest.approx(metrics["sbd"])


@pytest.mark.slow
def test_train_starts_from_a_trained_model(command, folder, tmp_path, monkeypatch):
    arguments = ["--config=rosettes", f"--data={folder}", *FEW, "--config.train.steps=1", "--config.train.ema=0.0"]
    first, second, third = tmp_path / "a", Path("runs/rosettes_from_a"), tmp_path / "c"
    assert command(train.main, *arguments, f"--workdir={first}")[0] == 0
    still = "--config.train.learning_rate=0.0"
    monkeypatch.chdir(tmp_path)
    code, out, err = command(train.main, *arguments, still, f"--init={first}")
    assert code == 0 and f"starts from {first}" in out and f"in {second}" in out, err
    before = load(first)
    for weight, start in zip(load(second).trainable_weights, before.trainable_weights, strict=True):
        np.testing.assert_array_equal(weight, start)
    other = "--config.model.attend.state=4"
    code, _, err = command(train.main, *arguments, other, f"--workdir={third}", f"--init={first}")
    assert code == 2 and "is a different network" in err and "state is 24 there, 4 here" in err and not third.exists()
    code, _, err = command(train.main, *arguments, f"--workdir={second}")
    assert code == 2 and f"began from {first}" in err, err


def test_predict_writes_what_it_says(command, folder, model_file, tmp_path):
    out = tmp_path / "found"
    code, printed, err = command(predict.main, f"--model={model_file}", f"--out={out}", folder / "test" / "images")
    assert code == 0, err
    rows = list(csv.DictReader((out / "counts.csv").open()))
    assert [row["image"] for row in rows] == ["test0.png", "test1.png"]
    for row in rows:
        stem = Path(row["image"]).stem
        labels = Image.open(out / f"{stem}_labels.png")
        assert labels.mode in ("I;16", "I") and labels.size == (96, 96)
        assert len(np.unique(np.asarray(labels))) - 1 == int(row["count"])
        assert Image.open(out / f"{stem}_overlay.png").mode == "RGB"
        assert stem in printed
    assert len(list(out.iterdir())) == 5


@pytest.mark.slow
def test_config_may_be_a_file_and_every_override_reaches_it(command, folder, tmp_path):
    own = tmp_path / "own.py"
    own.write_text(
        "from ris_tf.configs import rosettes\n\n\n"
        "def get_config():\n    config = rosettes.get_config()\n    config.train.steps = 2\n    return config\n"
    )
    arguments = ["--config", own, f"--data={folder}", f"--workdir={tmp_path / 'run'}", *FEW]
    code, _, err = command(train.main, *arguments, "--config.loss.attention=0.25")
    assert code == 0, err
    recorded = json.loads((tmp_path / "run" / "config.json").read_text())
    assert recorded["loss"]["attention"] == 0.25 and recorded["train"]["steps"] == 2


def damaged(folder, how):
    image, mask = folder / "train" / "images" / "train1.png", folder / "train" / "masks" / "train1.png"
    labels = np.asarray(Image.open(mask))
    if how == "size":
        Image.fromarray(labels[:50]).save(mask)
    elif how == "rgb":
        Image.fromarray(np.random.default_rng(0).integers(0, 255, (96, 96, 3), np.uint8)).save(mask)
    elif how == "float":
        mask.unlink()
        Image.fromarray(labels + np.float32(0.5)).save(mask.with_suffix(".tif"))
    elif how == "truncated":
        image.write_bytes(image.read_bytes()[:200])
    elif how == "alone":
        mask.unlink()
    elif how == "empty":
        for file in (folder / "train").rglob("*.png"):
            file.unlink()


@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("size", ["train1.png", "96x50", "96x96"]),
        ("rgb", ["train1.png", "3 channels"]),
        ("float", ["train1.tif", "float32"]),
        ("truncated", ["train1.png"]),
        ("alone", ["train1"]),
        ("empty", ["train"]),
    ],
)
def test_bad_data_is_one_line_and_nothing_is_written(command, folder, tmp_path, how, words):
    damaged(folder, how)
    workdir = tmp_path / "run"
    code, _, err = command(train.main, "--config=rosettes", f"--data={folder}", f"--workdir={workdir}", *FEW)
    lines = [line for line in err.splitlines() if line.startswith("ris-command:")]
    assert code == 1 and len(lines) == 1 and "Traceback" not in err
    assert all(word in lines[0] for word in words), lines[0]
    assert not workdir.exists()


@pytest.mark.parametrize(
    ("main", "arguments", "code", "words"),
    [
        (train.main, ["--config=nucli", "--data=x", "--workdir=w"], 2, ["nucli", "nuclei, nuclei_paper, people"]),
        (train.main, ["--config=none.py", "--data=x", "--workdir=w"], 2, ["none.py", "no such file"]),
        (train.main, ["--config=nuclei", "--data=x", "--workdir=w"], 1, ["x"]),
        (train.main, ["--config=nuclei", "--data=synthetic:cubes", "--workdir=w"], 2, ["cubes", "discs"]),
        (train.main, ["--config=nuclei", "--data=x", "--workdir=w", "--config.train.step=3"], 2, ["step"]),
        (train.main, ["--config=nuclei", "--data=x", "--workdir=w", "--config.train.batch=two"], 2, ["batch"]),
        (train.main, ["--config=nuclei", "--workdir=w"], 2, ["--data"]),
        (train.main, ["--data=x", "--workdir=w"], 1, ["x: no such folder"]),
        (train.main, ["--workdir=w"], 2, ["--data is missing"]),
        (train.main, ["--data=x", "--config.train.steps=3"], 2, ["--config.train.steps", "give --config as well"]),
        (train.main, ["--nonsense=1"], 2, ["nonsense"]),
        (evaluate.main, ["--model=nonesuch", "--data=x", "--out=o"], 2, ["nonesuch", "unknown preset"]),
        (evaluate.main, ["--model=a/b.keras", "--data=x", "--out=o"], 2, ["a/b.keras"]),
        (predict.main, ["--model=nonesuch", "--out=o", "x.png"], 2, ["nonesuch"]),
        (predict.main, ["--model=nonesuch", "--out=o"], 2, ["an image or folder of images is missing"]),
        (predict.main, ["--out=o", "x.png"], 2, ["--model"]),
    ],
)
def test_wrong_flags_are_one_line(command, tmp_path, monkeypatch, main, arguments, code, words):
    monkeypatch.chdir(tmp_path)
    got, _, err = command(main, *arguments)
    assert got == code and err.count("\n") == 1 and all(word in err for word in words), err
    assert not list(tmp_path.iterdir())


def test_bad_images_are_one_line_and_nothing_is_written(command, folder, model_file, tmp_path):
    out, images = tmp_path / "found", folder / "test" / "images"
    cases = [[tmp_path / "missing.png"], [tmp_path / "data" / "train"]]
    broken = images / "z.png"
    broken.write_bytes(b"not an image")
    for arguments in [*cases, [images]]:
        code, _, err = command(predict.main, f"--model={model_file}", f"--out={out}", *arguments)
        assert code == 1 and err.count("\n") == 1, err
    (images / "y.png").write_bytes(b"")
    Image.fromarray(np.zeros((3, 20), np.uint8)).save(images / "zz.png")
    err = command(predict.main, f"--model={model_file}", f"--out={out}", images)[2]
    assert "y.png: file is empty" in err and err.endswith("(2 more cannot be read: z.png, zz.png)\n")
    for name in ("y.png", "z.png", "zz.png"):
        (images / name).unlink()
    Image.fromarray(np.zeros((20, 20), np.uint8)).save(tmp_path / "test0.tif")
    code, _, err = command(predict.main, f"--model={model_file}", f"--out={out}", images, tmp_path / "test0.tif")
    assert code == 1 and "same name" in err
    assert not out.exists()


@pytest.mark.slow
def test_orientations_are_those_of_the_flag(command, folder, model_file, tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(prediction, "agreed", lambda look, config: seen.append(config.predict.orientations) or look)
    image = folder / "test" / "images" / "test0.png"
    orders = [(predict.main, image), (evaluate.main, f"--data={folder}")]
    for main, *rest in orders:
        for flag in ([], ["--orientations=4"]):
            code, _, err = command(main, f"--model={model_file}", f"--out={tmp_path / 'out'}", *flag, *rest)
            assert code == 0, err
        assert seen[0] == 1 and seen[-1] == 4
        seen.clear()


def test_any_model_is_measured_on_the_images_held_out_from_another(command, folder, model_file, tmp_path):
    arguments = [f"--model={model_file}", f"--data={folder / 'train'}", "--split=val", f"--out={tmp_path / 'out'}"]
    measured = []
    for flag in ([], ["--held_out=0.6"]):
        code, _, err = command(evaluate.main, *arguments, *flag)
        assert code == 0, err
        measured.append(json.loads((tmp_path / "out" / "metrics.json").read_text())["images"])
    images = len(list((folder / "train" / "images").iterdir()))
    assert measured == [1, round(0.6 * images)] and measured[1] > 1


def test_a_folder_of_data_or_a_file_does_not_hide_the_preset_of_its_name(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    Path("rosettes").mkdir()
    assert load("rosettes").config.name == "rosettes"
    for other in ("./rosettes", tmp_path / "rosettes"):
        with pytest.raises(DataError, match="rosettes: holds no best.keras or last.keras"):
            load(other)
    build(small).save(Path("rosettes", "last.keras"))
    assert load("rosettes").config.name == small.name
    Path("nuclei").touch()
    assert load("nuclei").config.name == "nuclei"
    with pytest.raises(UsageError, match="nuclei: is not a model"):
        load("./nuclei")


@pytest.mark.parametrize("main", [train.main, evaluate.main, predict.main])
def test_help_names_every_flag_with_its_meaning(command, main):
    code, out, _ = command(main, "--helpshort")
    assert code == 0 and f"ris-{main.__module__.split('.')[-1]} --" in out
    assert "--model: " in out or "--workdir: " in out


@pytest.mark.slow
def test_commands_work_from_any_folder(tmp_path):
    """As installed: the scripts beside the interpreter, on a shipped preset."""
    image, labels = drawings.sample("rosettes", 99, 3)
    Image.fromarray(image).save(tmp_path / "plant.png")
    script = Path(sys.executable).parent / "ris-predict"
    command = [script, "--model=rosettes", "plant.png", "--out=found"]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = len(np.unique(np.asarray(Image.open(tmp_path / "found" / "plant_labels.png")))) - 1
    assert abs(found - int(labels.max())) <= 3 and presets.names()


def test_images_with_too_many_objects_or_none_are_told(command, small, tmp_path):
    """`small` has four steps. A threshold of 0 uses them up in every image, and a threshold of 1 finds nothing."""
    build(small).save(tmp_path / "model.keras")
    (tmp_path / "images").mkdir()
    for name in "ab":
        Image.fromarray(drawings.sample("discs", 1, 1, 64)[0]).save(tmp_path / "images" / f"{name}.png")
    for threshold, limit, said in (
        (0, "yes", "2 images, such as a: at most 4 objects can be found; there may be more: try nuclei or blobs"),
        (1, "no", "2 images, such as a: no object found; if there are some, try a lower --score_threshold (now 1)"),
    ):
        flags = f"--score_threshold={threshold}", "--min_area=1", "--mask_threshold=0.01"
        out, images = tmp_path / "out", tmp_path / "images"
        code, printed, _ = command(predict.main, f"--model={tmp_path / 'model.keras'}", f"--out={out}", images, *flags)
        assert code == 0 and said in printed
        rows = list(csv.DictReader((out / "counts.csv").open()))
        assert [row["limit_reached"] for row in rows] == [limit, limit]
