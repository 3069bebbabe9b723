"""The folder of the page: what ris-export --format=web writes, and what it refuses."""

import json
import shutil
import zipfile
from pathlib import Path

import pytest

from ris_tf import runtime
from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact, card, check, job, main
from ris_tf.export.formats import to_web
from ris_tf.export.graph import Graph
from ris_tf.files.writing import write_text
from ris_tf.model import build


def fake_libraries(folder):
    for name, parts in to_web.LIBRARIES.items():
        for part in ("package.json", *parts):
            (folder / name / part).parent.mkdir(parents=True, exist_ok=True)
            (folder / name / part).write_text(name)
    return folder


def fake_export(folder, small):
    folder.mkdir()
    graph = Graph(build(small))
    for name in ("model.tflite", "model_float16.tflite", "model_encode.onnx", "model_step.onnx"):
        (folder / name).write_text(name)
    with zipfile.ZipFile(folder / "model_float16.tflite", "a") as appended:
        appended.writestr(runtime.RECORD, artifact.record(graph))
    write_text(folder / "metadata.json", card.to_json(card.metadata(graph, ["model.tflite"])))
    return folder


def test_folder_is_complete(tmp_path, small):
    libraries, exported = fake_libraries(tmp_path / "node_modules"), fake_export(tmp_path / "exported", small)
    for _ in range(2):  # the second time over the first
        to_web.write(exported, tmp_path / "web", libraries, "model_float16.tflite")
    folder = tmp_path / "web"
    assert (folder / "model.tflite").read_bytes().startswith(b"model_float16")
    assert json.loads((folder / runtime.RECORD).read_text())["model"]["size"] == [64, 64]
    assert json.loads((folder / "metadata.json").read_text())["files"] == [
        "model.tflite",
        "model_encode.onnx",
        "model_step.onnx",
    ]
    page = (folder / "index.html").read_text()
    imports = json.loads(page.split('type="importmap">')[1].split("</script>")[0])["imports"]
    assert len(imports) == 3 and all((folder / file).is_file() for file in imports.values())
    assert "http" not in page.replace("python3 -m http.server", "")
    assert not [part for part in tmp_path.iterdir() if part.name.startswith(".")]
    with pytest.raises(DataError, match="model.tflite: is not a model written by ris-export"):
        to_web.write(exported, tmp_path / "other", libraries)
    (exported / "model_step.onnx").unlink()
    with pytest.raises(DataError, match="model_step.onnx: no such file"):
        to_web.write(exported, tmp_path / "other", libraries, "model_float16.tflite")
    assert not (tmp_path / "other").exists()


def test_missing_library_is_told_before_any_work(command, tmp_path):
    code, _, err = command(
        main.main, "--model=nuclei", "--format=web", f"--out={tmp_path}/o", f"--node_modules={tmp_path}"
    )
    assert code == 2 and f"--node_modules={tmp_path}: has no @litertjs/core/package.json; run npm install" in err
    (fake_libraries(tmp_path) / "onnxruntime-web/dist/ort.wasm.min.mjs").unlink()
    with pytest.raises(UsageError, match="has no onnxruntime-web/dist/ort.wasm.min.mjs"):
        to_web.page_libraries(tmp_path)


@pytest.mark.parametrize("failed", ["", "model.onnx", "conversion"])
def test_command_writes_the_folder_of_files_that_passed(command, monkeypatch, tmp_path, small, failed):
    fake_libraries(tmp_path / "node_modules"), fake_export(tmp_path / "ready", small)
    graph, converted = Graph(build(small)), []

    def convert(module, order, out):
        if failed == "conversion" and module == "to_litert":
            raise DataError("conversion failed")
        out.mkdir()
        names = (
            ["model_float16.tflite"]
            if module == "to_litert"
            else ["model.onnx", "model_encode.onnx", "model_step.onnx"]
        )
        (tmp_path / "ready" / "model.onnx").touch()
        converted.append((module, order["quantize"]))
        return [Path(shutil.copy(tmp_path / "ready" / name, out)) for name in names]

    class Checked:
        accuracy, counts = 1.0, [1]

        def __init__(self, *_):
            pass

        def __call__(self, path, _):
            bound = "counts" if path.name == failed else ""
            return [check.Row(path.name, "w", 16, 1.0, 0.0, 1.0, 1.0, 0.0, 1.0, (1.0, 1.0), "", bound)]

    monkeypatch.setattr(artifact, "graph_of", lambda order: graph)
    monkeypatch.setattr(artifact, "convert", convert)
    monkeypatch.setattr(job, "Check", Checked)
    flags = "--model=nuclei", "--format=web", "--quantize=float16", "--images=16", "--data=synthetic:discs"
    folders = f"--out={tmp_path}/o", f"--node_modules={tmp_path}/node_modules"
    older = {f"o/{name}" for name in ("MODEL_CARD.md", "model.onnx", "model_float16.tflite", "web/page.js")}
    for name in older:  # of an export before
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("older")
    code, out, err = command(main.main, *flags, *folders)
    if failed == "conversion":  # all is as it was
        assert code == 1 and "conversion failed" in err
        found = {str(path.relative_to(tmp_path)) for path in (tmp_path / "o").rglob("*") if path.is_file()}
        assert found == older and all((tmp_path / name).read_text() == "older" for name in older)
        return
    assert sorted(converted) == [("to_litert", "float16"), ("to_onnx", "none")]
    assert (tmp_path / "o/model_float16.tflite").read_bytes()[:5] == b"model"
    assert (tmp_path / "o/model.onnx").exists() == (not failed)  # not the older one beside a card of this export
    assert (tmp_path / "o/MODEL_CARD.md").read_text() != "older"
    assert code == bool(failed) and (tmp_path / "o/web/page.js").exists() == (not failed)
    assert ("model_float16.tflite, web" in out) == (not failed) and failed in err
