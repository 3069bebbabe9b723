"""ris-export: what it writes, how it proves it, and what it refuses."""

import json
import math
import subprocess
import sys
import zipfile
from types import SimpleNamespace
from unittest import mock

import numpy as np
import pytest
import tensorflow as tf
from ai_edge_litert.interpreter import Interpreter
from PIL import Image

from ris_tf import RIS, runtime
from ris_tf.commands import check as check_command
from ris_tf.commands import evaluate, predict
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError
from ris_tf.export import artifact, card, check, flatbuffer, job, main, pictures, trial
from ris_tf.export.formats import to_bioimageio
from ris_tf.export.graph import Graph
from ris_tf.model import build

RNG = np.random.default_rng(0)


def test_agreement_does_not_depend_on_the_numbering():
    labels = np.array([[0, 1, 1], [2, 2, 0], [3, 0, 0]])
    renumbered = np.array([0, 3, 1, 2])[labels]
    assert check.agreement(labels, renumbered, [0.9, 0.8, 0.7], [0.8, 0.7, 0.9]) == (1.0, 0.0)
    assert check.agreement(labels, renumbered, [0.9, 0.8, 0.7], [0.8, 0.7, 0.4])[1] == pytest.approx(0.5)
    fewer = np.where(labels == 3, 0, labels)
    assert check.agreement(labels, fewer, [0.9, 0.8, 0.7], [0.9, 0.8]) == (8 / 9, 0.0)
    assert check.agreement(labels, 0 * labels, [0.9, 0.8, 0.7], []) == (4 / 9, 0.0)
    assert check.agreement(0 * labels, 0 * labels, [], []) == (1.0, 0.0)


@pytest.mark.parametrize(
    ("bounds", "changes", "failed"),
    [
        ("none", {}, ""),
        ("none", {"score": 2e-4}, "score"),
        ("none", {"pixels": 0.9998}, "pixels"),
        ("none", {"counts": 0.99}, "counts"),
        ("none", {"way": "step by step", "counts": 0.95}, ""),  # one of 20
        ("none", {"way": "step by step", "counts": 0.9}, "counts"),
        ("float16", {"pixels": 0.9991, "counts": 0.9, "score": 1.0}, ""),
        ("float16", {"pixels": 0.9989}, "pixels"),
        ("float16", {"lost": 0.011}, "SBD lost"),
        ("int8", {"pixels": 0.9, "counts": 0.85, "lost": 0.01}, ""),  # three of 20
        ("int8", {"lost": 0.011}, "SBD lost"),
        ("dynamic", {"counts": 0.8}, "counts"),
    ],
)
def test_bounds(bounds, changes, failed):
    row = check.Row("f", "whole graph", 20, 0.9, 0.0, 1.0, 1.0, 0.0, 1.0, (1.0, 1.0), "", "")
    found = check._failed(row._replace(**changes), bounds)
    assert found.startswith(failed) and bool(found) == bool(failed)
    assert "f | whole graph | 20" in check.table([row])


@pytest.mark.parametrize("images", [16, 24, 28, 100, 1000])
def test_counts_in_eight_bits_are_refused_where_chance_does_not_explain_them(images):
    """By the binomial sum itself: what just passes is likelier than 5% at a rate of 95%, one more miss is not."""
    allowed = round(images * (1 - check.least_counts(images, check.COUNTS_8_BITS)))

    def at_least(misses):
        return sum(math.comb(images, k) * 0.05**k * 0.95 ** (images - k) for k in range(misses, images + 1))

    assert at_least(allowed) > 0.05 >= at_least(allowed + 1)
    row = check.Row("f", "whole graph", images, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, (1.0, 1.0), "", "")
    shares = [np.mean(np.arange(images) >= misses) for misses in (allowed, allowed + 1)]
    assert [bool(check._failed(row._replace(counts=share), "int8")) for share in shares] == [False, True]


def test_pictures_have_the_graphs_size(small):
    graph = Graph(build(small), (50, 70))
    image, _ = drawings.sample("discs", 1, 3, 100)
    framed = pictures.framed(graph, image)
    assert framed.shape == (50, 70, 3) and framed.dtype == np.uint8
    # The whole image at the top left, at half its size: box means.
    means = image.reshape(50, 2, 50, 2, 3).mean(axis=(1, 3))
    assert np.abs(framed[:, :50].astype(int) - means).max() <= 1
    assert (framed[:, 51:] == framed[:, 50:51]).all()
    tried = pictures.to_try(graph, [image, image[::-1]])
    assert tried.shape == (6, 50, 70, 3) and not tried[0].any()
    small.data.view, small.model.channels = "tiles", 1
    framed = pictures.framed(Graph(build(small), (60, 60)), image[:40, :, :1])
    assert framed.shape == (60, 60, 1) and not framed[:10].any() and not framed[50:].any()


def test_compact_flatbuffer_computes_the_same():
    dense = tf.constant(RNG.normal(size=(3, 3, 4, 8)), tf.float32)

    @tf.function(input_signature=[tf.TensorSpec([1, 9, 7, 4], tf.float32, name="image")])
    def step(image):
        return {"mask": tf.nn.relu(tf.nn.conv2d(image, dense, 1, "SAME")), "score": tf.reduce_max(image)}

    module = tf.Module()
    module.step = step
    converter = tf.lite.TFLiteConverter.from_concrete_functions([step.get_concrete_function()], module)
    before = converter.convert()
    after = flatbuffer.compact(before)
    assert len(after) < len(before) and flatbuffer.compact(after) == after
    image = RNG.normal(size=(1, 9, 7, 4)).astype(np.float32)
    results = []
    for content in (before, after):
        interpreter = Interpreter(model_content=content)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], image)
        interpreter.invoke()
        results.append([interpreter.get_tensor(output["index"]) for output in interpreter.get_output_details()])
    for one, other in zip(*results, strict=True):
        np.testing.assert_array_equal(one, other)


def test_the_record_of_a_file_has_no_time(tmp_path):
    path, written = tmp_path / "a.tflite", []
    for seconds in (1_700_000_000, 1_750_000_000):
        path.write_bytes(b"no model")
        with mock.patch("time.time", lambda seconds=seconds: seconds):
            artifact.append(path, {"record.json": "{}"})
        written.append(path.read_bytes())
    with zipfile.ZipFile(path) as archive:
        assert archive.read("record.json") == b"{}"
    assert written[0] == written[1] and written[0].startswith(b"no model")


def test_file_that_does_not_run_is_named(tmp_path):
    (tmp_path / "a.tflite").write_bytes(b"no model")
    with pytest.raises(DataError, match="a.tflite: does not run"):
        trial.run(tmp_path / "a.tflite", 1, np.zeros([1, 8, 8, 3], np.uint8), [])


@pytest.mark.parametrize(
    ("arguments", "code", "message"),
    [
        (["--out=o"], 2, "--model is missing"),
        (["--model=rosettes", "--out=o", "--format=coreml"], 2, "--format=coreml"),
        (["--model=rosettes", "--out=o", "--quantize=int4"], 2, "--quantize=int4"),
        (["--model=rosettes", "--out=o", "--format=onnx", "--quantize=int8"], 2, "only tflite"),
        (["--model=rosettes", "--out=o", "--size=0,5"], 2, "--size=0,5"),
        (["--model=rosettes", "--out=o", "--images=3"], 2, "images"),
        (["--model=missing", "--out=o"], 2, "missing: unknown preset"),
        (["--model=rosettes", "--out=o", "--data=nowhere"], 1, "nowhere"),
    ],
)
def test_wrong_flags(command, monkeypatch, tmp_path, arguments, code, message):
    monkeypatch.chdir(tmp_path)
    found, _, err = command(main.main, *arguments)
    assert found == code and message in err and err.count("\n") == 1
    assert not list(tmp_path.rglob("*.*"))


@pytest.mark.parametrize(
    ("arguments", "missing"),
    [
        (["--format=all", "--quantize=int8"], "ai_edge_litert and onnxruntime and litert_quantizer"),
        (["--format=onnx"], "onnxruntime"),
        (["--format=triton"], "ai_edge_litert"),
        (["--format=onnx,openvino"], "onnxruntime and openvino"),
    ],
)
def test_libraries_that_are_missing_are_told_before_any_work(command, monkeypatch, tmp_path, arguments, missing):
    for name, _ in job.LIBRARIES.values():
        monkeypatch.setitem(sys.modules, name, None)
    code, _, err = command(main.main, "--model=nuclei", f"--out={tmp_path / 'o'}", *arguments)
    extras = "export,openvino" if "openvino" in missing else "export"
    assert code == 2 and f"needs {missing}; pip install 'ris-tf[{extras}]'" in err and err.count("\n") == 1, err


def test_package_without_its_library(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "bioimageio.spec", None)
    code, _, err = command(main.main, "--model=nuclei", f"--out={tmp_path / 'o'}", "--format=bioimageio")
    assert code == 2 and "needs bioimageio.spec; pip install 'ris-tf[bioimageio]'" in err and err.count("\n") == 1, err


def test_help_needs_no_library_of_export():
    names = *(name for name, _ in job.LIBRARIES.values()), "pydensecrf"
    program = f"import sys; sys.modules.update(dict.fromkeys({names})); from ris_tf.export import main; main.main()"
    done = subprocess.run([sys.executable, "-c", program, "--helpshort"], capture_output=True, text=True, check=False)
    assert done.returncode == 0 and "--quantize" in done.stdout, done.stderr


def test_a_network_of_one_size_names_it(command, small_of, tmp_path):
    config, path = small_of("paper"), tmp_path / "model.keras"
    config.model.paper.score_pool, config.data.view = 0, "tiles"  # its score head reads every cell
    build(config).save(path)
    code, _, err = command(main.main, f"--model={path}", "--size=90,90", f"--out={tmp_path / 'out'}")
    assert code == 2 and f"--size=90,90: {path} reads tiles of one size only; give --size=60,60, or none" in err, err
    assert artifact.graph_of({"model": path, "size": [60, 60], "steps": None}).input == (60, 60)


def test_a_least_area_for_larger_images_is_told(command, tmp_path):
    """Leaves of 512 x 512 images pass; in the graph's 256 x 256 they have a quarter of the pixels."""
    model = RIS.from_preset("rosettes")
    model.config.data.synthetic_size = 512
    image = drawings.sample("rosettes", 0, 0, 512)[0]
    least = int(np.bincount(model.predict_instances(image).labels.ravel())[1:].max())  # of at least one object
    model.config.predict.min_area = least
    model.save(tmp_path / "model.keras")
    code, _, err = command(main.main, f"--model={tmp_path / 'model.keras'}", f"--out={tmp_path / 'o'}", "--images=16")
    assert code == 1 and f"predict.min_area, {least} pixels, is for larger ones; give the size" in err, err
    assert "--size=512,512" in err and err.count("\n") == 1


def test_card_has_the_text_of_a_preset_for_the_preset_alone(small, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    graph = Graph(build(small))
    checked = SimpleNamespace(accuracy=1.0, counts=[1])
    assert "The training data is not recorded" not in card.card(graph, "rosettes", "d", 16, checked, [])
    (tmp_path / "rosettes").mkdir()
    (tmp_path / "rosettes" / "best.keras").touch()
    for own in ("rosettes", str(tmp_path / "rosettes"), "rosettes/best.keras"):
        assert "The training data is not recorded" in card.card(graph, own, "d", 16, checked, [])


def test_nothing_is_proven_by_images_without_objects(small, command, tmp_path):
    model, path = build(small), tmp_path / "model.keras"
    model.form.score.out.bias.assign([-9.0])
    model.save(path)
    code, _, err = command(main.main, f"--model={path}", f"--out={tmp_path / 'o'}", "--format=onnx", "--images=16")
    assert code == 1 and "finds no object in 16 images" in err and "--data" in err and err.count("\n") == 1, err


@pytest.mark.parametrize(("name", "extra", "told"), [("mine", "", True), ("mine", "synthetic:heaps", False)])
def test_eight_bits_want_images_of_their_kind(small, command, monkeypatch, tmp_path, name, extra, told):
    small.name, small.data.extra = name, extra
    monkeypatch.setattr(artifact, "graph_of", lambda order: Graph(build(small)))
    monkeypatch.setattr(job.sources, "open_source", lambda data, *_: pytest.fail(data))
    order = "--model=nuclei", f"--out={tmp_path / 'o'}", "--format=tflite", "--quantize=int8"
    if told:
        code, _, err = command(main.main, *order)
        assert code == 2 and "for 'mine'; give images with --data" in err and err.count("\n") == 1, err
        small.data.view = "tiles"  # where nothing is calibrated
    with pytest.raises(pytest.fail.Exception, match="synthetic:discs" if told else "synthetic:heaps"):
        command(main.main, *order)


def test_other_versions_stay_beside_an_export(tmp_path):
    ready, out = tmp_path / "ready", tmp_path / "out"
    files = "saved_model/1/saved_model.pb", "triton/cells/1/model.py", "triton/cells/config.pbtxt", "web/page.js", "a"
    stale = "saved_model/1/stale", "triton/cells/1/stale", "web/stale", "refused.tflite"
    others = "saved_model/2/saved_model.pb", "triton/cells/2/model.py", "triton/other/1/model.py", "notes.txt"
    for folder, names in ((ready, files), (out, files + stale + others)):
        for name in names:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(folder.name)
    job._publish(ready, out, ["refused.tflite"])
    found = {str(path.relative_to(out)): path.read_text() for path in out.rglob("*") if path.is_file()}
    assert found == {**dict.fromkeys(files, "ready"), **dict.fromkeys(others, "out")}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("preset", "kind", "arguments"),
    [
        ("rosettes", "rosettes", ["--format=saved_model,bioimageio,tflite", "--quantize=none,float16,int8"]),
        ("nuclei", "tissue", ["--format=tflite", "--quantize=none,float16,int8", "--images=24"]),
    ],
)
def test_files_of_a_preset(command, tmp_path, preset, kind, arguments):
    code, out, err = command(main.main, f"--model={preset}", f"--out={tmp_path}", *arguments)
    assert code == 0, err
    files = {path.name for path in tmp_path.iterdir()}
    assert {"MODEL_CARD.md", "metadata.json", "model.tflite", "model_float16.tflite"} <= files
    described = json.loads((tmp_path / "metadata.json").read_text())
    packed = {to_bioimageio.NAME} if preset == "rosettes" else set()
    assert set(described["files"]) | packed | {"MODEL_CARD.md", "metadata.json", "check.npz"} == files
    for name in packed:
        import bioimageio.core  # takes seconds

        found = bioimageio.core.test_model(tmp_path / name)
        assert found.status == "passed", found.format()
    picture, figures = tmp_path / "picture.png", []
    model, image = RIS.from_preset(preset), drawings.sample(kind, 5, 1, 300)[0][:240]
    Image.fromarray(image).save(picture)
    expected = model.predict_instances(image)
    for name in described["files"]:
        if not name.endswith(("_encode.onnx", "_step.onnx", "_maps.onnx", "_unrolled.onnx")):
            found = runtime.load(tmp_path / name, threads=2).predict_instances(image)
            assert abs(found.count - expected.count) <= (name == "model_int8.tflite")
    code, out, err = command(predict.main, f"--model={tmp_path / 'model.tflite'}", f"--out={tmp_path / 'p'}", picture)
    assert code == 0 and out.startswith(f"{expected.count:6d}  picture"), err
    assert command(check_command.main, tmp_path / "model.tflite")[0] == 0
    for model in (preset, tmp_path / "model.tflite"):
        arguments = [f"--data=synthetic:{kind}", "--images=3", f"--out={tmp_path / 'e'}"]
        assert command(evaluate.main, f"--model={model}", *arguments)[0] == 0
        figures.append(json.loads((tmp_path / "e" / "metrics.json").read_text()))
    assert figures[0] == pytest.approx(figures[1], abs=1e-3)
    runner = Interpreter(str(tmp_path / "model.tflite")).get_signature_runner("predict")
    for name, detail in {**runner.get_input_details(), **runner.get_output_details()}.items():
        known = described["inputs"].get(name) or described["outputs"][name]
        assert list(detail["shape"]) == known["shape"] and np.dtype(detail["dtype"]).name == known["dtype"]
    if preset == "rosettes":
        order = {"model": preset, "size": None, "steps": None, "quantize": "none"}
        (again,) = artifact.convert("to_litert", order, tmp_path / "again")
        assert again.read_bytes() == (tmp_path / "model.tflite").read_bytes()
        assert (tmp_path / "model_int8.tflite").stat().st_size <= 1.5e6
        # Without the names of the tensors, which OpenVINO needs, it had 2.50e6.
        assert (tmp_path / "model_float16.tflite").stat().st_size <= 2.55e6
        counts = (tmp_path / "MODEL_CARD.md").read_text().split("pictures with ")[1].split(" objects")[0].split(", ")
        assert counts[0] == "0" and counts[-1] == "20"
