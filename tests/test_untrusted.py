"""Models from strangers: nothing in them is run, and what they say is checked field by field."""

import copy
import json
import os
import zipfile

import numpy as np
import onnx
import pytest
from broken import models
from conftest import small_config

from ris_tf import presets, runtime, storage
from ris_tf.errors import DataError
from ris_tf.files import archive
from ris_tf.model import build
from ris_tf.runtime import RECORD
from ris_tf.settings.ranges import EXPORTED

RIGHT = {**small_config().to_dict(), "export": {"image": [64, 64, 3], "multiple": 16}}
WRONG = (None, "x", [], {}, -1, 1.5, 10**12, float("nan"), float("inf"), True, [1], [-1, 2], [10**6, 10**6], [2, "x"])


def changed(name, value):
    """The right record with one field changed, as text."""
    record = copy.deepcopy(RIGHT)
    *parts, last = name.split(".")
    part = record
    for one in parts:
        part = part[one]
    part[last] = value
    return json.dumps(record)


def written(folder, kind, record):
    """A file of a kind with a record, and a graph that nothing can run."""
    if kind == "tflite":
        path = folder / "a.tflite"
        with zipfile.ZipFile(path, "w") as appended:
            appended.writestr(RECORD, record)
        return path
    if kind == "onnx":
        number = onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, [1])
        same = onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, [1])
        graph = onnx.helper.make_graph([onnx.helper.make_node("Identity", ["x"], ["y"])], "g", [number], [same])
        made = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 18)], ir_version=9)
        onnx.helper.set_model_props(made, {RECORD: record})
        for part in ("", "_encode", "_step", "_maps"):
            onnx.save(made, folder / f"a{part}.onnx")
        return folder / "a.onnx"
    (folder / "a" / "assets.extra").mkdir(parents=True)
    (folder / "a" / "saved_model.pb").write_bytes(b"")
    (folder / "a" / "assets.extra" / RECORD).write_text(record)
    return folder / "a"


def message(path):
    with pytest.raises(DataError) as caught:
        runtime.load(path)
    assert "\n" not in str(caught.value) and str(path.with_suffix("")) in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize("name", EXPORTED)
def test_every_field_of_a_record_is_checked(tmp_path, name):
    right, expected = EXPORTED[name]
    for value in (value for value in WRONG if not right(value)):
        line = message(written(tmp_path, "tflite", changed(name, value)))
        assert f"{name} is " in line and f"expected {expected}" in line, line


@pytest.mark.parametrize("kind", ["tflite", "onnx", "saved_model"])
@pytest.mark.parametrize(
    ("record", "words"),
    [
        (changed("model.steps", 10**9), "model.steps is 1000000000; expected a whole number from 1 to 1000"),
        (changed("predict.overlap", 64), "predict.overlap is 64; expected less than both sides of model.size"),
        (changed("predict", 3), "predict.score_threshold is missing"),
        (changed("data", {"view": "whole", "padding": "edge"}), "data.category is missing"),  # which measuring reads
        ("[" * 100_000, "holds no config"),
        ("null", "model.channels is missing"),
        (json.dumps("x" * 2**21), "ris-export"),
    ],
)
def test_a_record_that_is_wrong_is_told_by_every_format(tmp_path, kind, record, words):
    assert words in message(written(tmp_path, kind, record))


def test_a_record_from_before_there_were_orientations_and_views_is_read(tmp_path):
    record = json.loads(json.dumps(RIGHT))
    del record["predict"]["orientations"], record["export"]["multiple"]
    assert "is not a model" in message(written(tmp_path, "tflite", json.dumps(record)))  # only the graph is wrong


def test_a_file_that_is_found_damaged_when_it_runs_is_told(tmp_path):
    path = tmp_path / "a.tflite"
    path.write_bytes(presets.litert_file("nuclei").read_bytes().replace(b"image\0", b"imagE\0", 1))
    model = runtime.load(path)
    with pytest.raises(DataError, match=r"a\.tflite: is not a model written by ris-export"):
        model.predict_instances(np.zeros([128, 128, 1], np.uint8))


def test_a_lambda_is_not_run(tmp_path, monkeypatch):
    path = tmp_path / "bad.keras"
    models.malicious_lambda(None, path)
    monkeypatch.delenv(models.MARK)  # to write it is to run it
    with pytest.raises(DataError, match="names the class 'Sequential'"):
        storage.load(path)
    with pytest.raises(DataError, match="names the class 'Lambda' of the module 'keras.layers', which is not allowed"):
        archive.check(path, {"keras": ["Sequential", "DTypePolicy"], "keras.layers": ["InputLayer"]})
    assert models.MARK not in os.environ


def test_an_archive_writes_nothing_outside(tmp_path, small):
    right, bad = tmp_path / "right.keras", tmp_path / "in" / "bad.keras"
    bad.parent.mkdir()
    build(small).save(right)
    for name in ("../outside.txt", "/tmp/outside.txt", "assets/../../outside.txt", "..\\outside.txt"):
        models.pack(bad, [*models.members(right).items(), (name, b"x")])
        with pytest.raises(DataError, match="archive holds .*expected config.json, metadata.json, model.weights.h5"):
            storage.load(bad)
    assert sorted(file.name for file in tmp_path.rglob("*")) == ["bad.keras", "in", "right.keras"]
    models.pack(bad, models.members(right).items())
    assert storage.load(bad).config.model.steps == small.model.steps  # the same members, packed again, load
