"""Exported files run by their own runtimes, against the Keras model that they were made from."""

import json
import subprocess
import sys

import numpy as np
import pytest
from test_threads import assert_bitwise, together

from ris_tf import RIS, runtime
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact
from ris_tf.export.graph import Graph
from ris_tf.model import build
from ris_tf.storage import load, save

FILES = {"to_litert": "model.tflite", "to_onnx": "model.onnx", "to_saved_model": "saved_model"}


@pytest.fixture(scope="module")
def exported(tmp_path_factory):
    """A function: (preset, converter) -> the path of its file, converted once."""
    folder, known = tmp_path_factory.mktemp("exported"), {}

    def make(preset, converter):
        if (preset, converter) not in known:
            order = {"model": preset, "size": None, "steps": None, "quantize": "none"}
            written = artifact.convert(converter, order, folder / preset)
            assert not [part for part in (folder / preset).iterdir() if part.name.startswith(".")]
            known[preset, converter] = folder / preset / FILES[converter]
            assert known[preset, converter] in written
        return known[preset, converter]

    return make


@pytest.mark.slow
@pytest.mark.parametrize("converter", ["to_onnx", "to_saved_model"])  # others: test_export_command.py
def test_file_finds_what_the_model_finds_in_tiles(exported, converter):
    preset, kind = "nuclei", "discs"
    model, opened = RIS.from_preset(preset), runtime.load(exported(preset, converter), threads=1)
    counts = set()
    for index in range(3):
        image = drawings.sample(kind, 5, index, 300)[0][:240]
        expected, found = model.predict_instances(image), opened.predict_instances(image)
        assert found.count == expected.count
        assert (found.labels == expected.labels).mean() > 0.9999
        np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)
        counts.add(found.count)
    assert len(counts) > 1


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "converter"), [("rosettes", "to_litert"), ("nuclei", "to_onnx"), ("nuclei", "to_saved_model")]
)
def test_file_is_shared_by_threads(exported, preset, converter):
    opened = runtime.load(exported(preset, converter), threads=1)
    kind = {"nuclei": "discs"}.get(preset, preset)
    images = [drawings.sample(kind, 5, index, 160)[0][: 160 - 30 * index] for index in range(2)]
    alone = [opened.predict_instances(image) for image in images]
    assert_bitwise(together(opened.predict_instances, images), alone)


@pytest.mark.slow
def test_devices_file_needs_no_tensorflow(exported):
    path, image = exported("rosettes", "to_litert"), drawings.sample("rosettes", 5, 1)[0]
    np.save(path.with_name("image.npy"), image)
    program = f"""
import sys
sys.modules["tensorflow"] = sys.modules["keras"] = sys.modules["PIL"] = sys.modules["scipy"] = None
import importlib.util
found = importlib.util.find_spec
importlib.util.find_spec = lambda name, *rest: None if name == "tensorflow" else found(name, *rest)
import numpy as np
from ris_tf import runtime
print(runtime.load({str(path)!r}).predict_instances(np.load({str(path.with_name("image.npy"))!r})).count)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert int(done.stdout) == RIS.from_preset("rosettes").predict_instances(image).count > 0


@pytest.mark.slow
def test_encoder_on_mobilenet_converts(small, tmp_path):
    small.model.attend.update({"encoder": "mobilenet_v2", "widths": (8, 8, 16, 16, 16)})
    small.model.steps, small.data.view = 2, "whole"
    model, path = build(small), tmp_path / "model.keras"
    model.form.score.out.bias.assign([9.0])
    image = drawings.sample("discs", 5, 1, 64)[0]
    model.config.predict.mask_threshold = float(np.median(model(image[None] / 255.0)["masks"]))
    save(model, path)
    artifact.convert("to_litert", {"model": str(path), "size": None, "steps": None, "quantize": "none"}, tmp_path)
    expected = load(path).predict_instances(image)
    found = runtime.load(tmp_path / FILES["to_litert"], threads=1).predict_instances(image)
    assert found.count == expected.count > 0 and (found.labels == expected.labels).mean() > 0.999
    np.testing.assert_allclose(found.scores, expected.scores, atol=1e-4)


def test_crash_of_a_converter_is_told_and_leaves_nothing(tmp_path):
    with pytest.raises(DataError, match="to_litert failed with status 1"):
        artifact.convert("to_litert", {"model": "nonesuch", "size": None, "steps": None, "quantize": "none"}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "content", "error"),
    [
        ("a.tflite", b"no model", DataError),
        ("a.onnx", b"no model", DataError),
        ("a.keras", b"", UsageError),
        ("missing.tflite", None, UsageError),
    ],
)
def test_wrong_files_are_named(tmp_path, name, content, error):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(error, match=name.split(".")[0]):
        runtime.load(tmp_path / name)


def test_saved_model_is_found_by_its_highest_version(tmp_path):
    for version in ("2", "10", "x"):
        (tmp_path / version).mkdir()
        (tmp_path / version / "saved_model.pb").write_bytes(b"")
    assert runtime.saved_model_folder(tmp_path) == tmp_path / "10"
    assert runtime.saved_model_folder(tmp_path / "2") == tmp_path / "2"
    assert runtime.saved_model_folder(tmp_path / "x" / "saved_model.pb") is None


def test_record_holds_the_exports_sizes(small):
    small.model.steps = 3
    record = json.loads(artifact.record(Graph(build(small), (64, 96))))
    assert record["model"]["steps"] == 3 and record["export"]["image"] == [64, 96, 3]
