"""A folder to host anywhere: the page in export/web/, a model in the files it reads, and what runs them."""

import json
import shutil
import tempfile
from pathlib import Path

from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact
from ris_tf.runtime import RECORD, record_of

PAGE = Path(__file__).resolve().parent / "web"
# What the page loads of each npm package, and its package.json, which names version and licence. The loaders of LiteRT
# and ONNX Runtime choose among these files by what the browser can do.
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
    """Files of the libraries below an npm folder: list of str, relative.

    Raises:
      UsageError: one is not there.
    """
    files = [f"{name}/{part}" for name, parts in LIBRARIES.items() for part in ("package.json", *parts)]
    for file in files:
        if not (node_modules / file).is_file():
            raise UsageError(f"--node_modules={node_modules}: has no {file}; run {INSTALL} beside it")
    return files


def write(exported, out, node_modules, tflite="model.tflite"):
    """Writes the folder.

    Args:
      exported: Path of a folder that ris-export wrote, with LiteRT and ONNX files and metadata.json.
      out: Path of the new folder; one that is there is replaced.
      node_modules: Path of the folder that npm installed the libraries in.
      tflite: name of the .tflite file to take; the folder has it as model.tflite.

    Raises:
      UsageError: a library is missing.
      DataError: an exported file is missing or was not written by ris-export.
    """
    libraries = page_libraries(node_modules)
    model = {tflite: "model.tflite", **{name: name for name in ("model_encode.onnx", "model_step.onnx")}}
    for name in (*model, "metadata.json"):
        if not (exported / name).is_file():
            raise DataError(f"{exported / name}: no such file; the page needs --format=tflite,onnx")
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
