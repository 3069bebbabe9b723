"""ris-check: answers that travel with an export, asked again on this machine."""

import importlib.util
import shutil
import sys
import warnings

import numpy as np
import pytest

from ris_tf import runtime
from ris_tf.commands import check
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError
from ris_tf.evaluation import stored
from ris_tf.presets import litert_file


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A folder with a LiteRT file, and answers that it gave."""
    folder = tmp_path_factory.mktemp("exported")
    shutil.copy(litert_file("rosettes"), folder / "model.tflite")
    pictures = np.stack([drawings.sample("rosettes", 7, index)[0] for index in range(3)])
    stored.write(folder / stored.NAME, runtime.load(folder / "model.tflite").predict_instances, pictures)
    return folder


def test_the_same_answers_are_equal(exported, command):
    code, out, err = command(check.main, exported / "model.tflite", "--runtime=ai-edge-litert")
    counts = [int(answer.labels.max()) for answer in stored.read(exported / stored.NAME)]
    assert code == 0 and min(counts) > 0, err
    assert out.startswith("equal") and f"counts equal ({', '.join(map(str, counts))}), 100.000% of pixels" in out
    assert out.count("\n") == 1


def test_other_answers_are_told(exported, command, tmp_path):
    shutil.copy(exported / "model.tflite", tmp_path)
    with np.load(exported / stored.NAME) as arrays:
        arrays = dict(arrays)
    labels = np.cumsum(arrays["labels_1"], axis=1, dtype=np.uint16)
    labels[labels == labels.max()] = 0  # one object less
    arrays["labels_1"] = np.diff(labels, axis=1, prepend=np.uint16(0))
    np.savez_compressed(tmp_path / stored.NAME, **arrays)
    code, out, err = command(check.main, tmp_path / "model.tflite", "--runtime=ai-edge-litert")
    assert code == 1 and out.startswith("DIFFERS  ai-edge-litert") and f"{labels.max() + 1} instead of" in out
    assert "differs from the Keras model in ai-edge-litert" in err and err.count("\n") == 1


def test_pictures_are_stored_small_and_read_as_they_were_asked(tmp_path):
    pictures = np.random.default_rng(0).integers(0, 256, (4, 50, 70, 1), np.uint8)
    asked = []

    def predict(picture):
        asked.append(picture)
        labels = np.zeros(picture.shape[:2], np.int32)
        for label in range(1, len(asked) + 1):
            labels[5 * label, 3 : 3 + label] = label
        return type("Found", (), {"labels": labels, "scores": np.ones(len(asked)), "count": len(asked)})

    stored.write(tmp_path / stored.NAME, predict, pictures)
    answers = stored.read(tmp_path / stored.NAME)
    assert [answer.labels.max() for answer in answers] == [4, 2, 1] and len(asked) == 4
    for answer in answers:
        count = answer.labels.max()
        np.testing.assert_array_equal(answer.picture, asked[count - 1])
        np.testing.assert_array_equal(answer.picture[4, 9:12], pictures[count - 1][6, [10, 10, 10]] & 0xF0)
        assert (answer.labels == 2).sum() == (2 if count > 1 else 0)


@pytest.mark.parametrize("content", [None, b"no archive", "strange"])
def test_answers_that_cannot_be_read_are_named(tmp_path, content):
    if isinstance(content, bytes):
        (tmp_path / stored.NAME).write_bytes(content)
    elif content:
        np.savez(tmp_path / stored.NAME, form=np.array([4, 10**6, 10**6]))
    with pytest.raises(DataError, match="check.npz: (no such file|cannot be read)"):
        stored.read(tmp_path / stored.NAME)


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        ([], 2, "expected one exported model, received 0"),
        (["missing.tflite"], 2, "missing.tflite: no such file"),
        (["model.keras"], 2, "model.keras: is not an exported model"),
        (["alone/model.tflite"], 1, "check.npz: no such file; keep it beside"),
        (["alone/model.tflite", "--runtime=tvm"], 2, "runs in ai-edge-litert and openvino, not tvm"),
    ],
)
def test_wrong_use_is_told(command, tmp_path, monkeypatch, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "alone").mkdir()
    (tmp_path / "model.keras").touch()
    shutil.copy(litert_file("nuclei"), tmp_path / "alone" / "model.tflite")
    found, _, err = command(check.main, *arguments)
    assert found == code and message in err and err.count("\n") == 1


def test_a_runtime_that_is_missing_is_told(exported, command, monkeypatch):
    monkeypatch.setitem(sys.modules, "openvino", None)
    code, _, err = command(check.main, exported / "model.tflite", "--runtime=openvino")
    assert code == 2 and "pip install 'ris-tf[openvino]'" in err
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    assert command(check.main, exported / "model.tflite")[0] == 0  # what is not installed is not asked


def test_a_warning_of_the_runtime_is_part_of_the_line(exported, monkeypatch):
    load = runtime.load

    def warned(path, engine=None):
        warnings.warn(f"{path}: computes in bf16", RuntimeWarning, stacklevel=2)
        return load(path)

    monkeypatch.setattr(check.runtime, "load", warned)
    text, right = check.compared(exported / "model.tflite", "openvino", stored.read(exported / stored.NAME))
    assert right and text.endswith("; computes in bf16")
