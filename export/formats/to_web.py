"""Writes a static web page that counts in the browser: the page in export/web/, the model, and its npm libraries."""

import json
import shutil
import tempfile
from pathlib import Path

from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact
from ris_tf.runtime import RECORD, record_of

PAGE = Path(__file__).resolve().parents[1] / "web"
# The files of each npm package that the page loads. The loaders of LiteRT and ONNX Runtime choose among them by what
# the browser supports. package.json, which names version and licence, is copied, too.
LIBRARIES = {
    "@litertjs/core": (
        "dist/index.js",
        *(f"wasm/litert_wasm_{kind}internal.{end}" for kind in ("", "compat_") for end in ("js", "wasm")),
    ),
    "@litertjs/wasm-utils": ("dist/index.js",),
    "onnxruntime-web": tuple(
        f"dist/{name}" for name in ("ort.wasm.min.mjs", "ort-wasm-simd-threaded.mjs", "ort-wasm-simd-threaded.wasm")
    ),
}
INSTALL = "npm install @litertjs/core@2 onnxruntime-web@1"


def page_libraries(node_modules):
    """Returns the files of the libraries in an npm folder: list of str, paths relative to the folder.

    Raises:
      UsageError: a file is missing.
    """
    files = [f"{name}/{part}" for name, parts in LIBRARIES.items() for part in ("package.json", *parts)]
    for file in files:
        if not (node_modules / file).is_file():
            raise UsageError(f"--node_modules={node_modules}: has no {file}; run {INSTALL} in its parent folder")
    return files


def write(exported, out, node_modules, tflite="model.tflite"):
    """Writes the folder of the page.

    Args:
      exported: Path of a folder written by ris-export, with LiteRT and ONNX files and metadata.json.
      out: Path of the new folder; an existing one is replaced.
      node_modules: Path of the folder in which npm installed the libraries.
      tflite: name of the .tflite file to use; it is copied as model.tflite.

    Raises:
      UsageError: a library is missing.
      DataError: an exported file is missing or was not written by ris-export.
    """
    libraries = page_libraries(node_modules)
    model = {tflite: "model.tflite", **{name: name for name in ("model_encode.onnx", "model_step.onnx")}}
    for name in (*model, "metadata.json"):
        if not (exported / name).is_file():
            raise DataError(f"{exported / name}: no such file; the page needs an export with --format=tflite,onnx")
    out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{out.name}.", dir=out.parent) as temporary:
        folder = Path(temporary) / out.name
        shutil.copytree(PAGE, folder)
        for name, copy in model.items():
            shutil.copyfile(exported / name, folder / copy)
        for name in libraries:
            (folder / "libraries" / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(node_modules / name, folder / "libraries" / name)
        (folder / RECORD).write_text(json.dumps(record_of(exported / tflite)))
        metadata = json.loads((exported / "metadata.json").read_text())
        metadata["files"] = sorted(model.values())
        (folder / "metadata.json").write_text(json.dumps(metadata, indent=2) + "\n")
        artifact.replace(folder, out)
