"""ris-export: a trained model as files that give final instances with no code on the other side."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from ris_tf import command, presets
from ris_tf.data import pipeline
from ris_tf.errors import DataError, UsageError
from ris_tf.export import artifact, card, to_triton, to_web
from ris_tf.export.check import Check, table
from ris_tf.export.pictures import framed
from ris_tf.export.to_litert import SUFFIX
from ris_tf.files import write_text
from ris_tf.settings import extra_sources

FORMATS = {"saved_model": "to_saved_model", "tflite": "to_litert", "onnx": "to_onnx"}
FOLDERS = {"web": ("tflite", "onnx"), "triton": ("tflite",)}  # made of the files of these formats
QUANTIZE = ("none", "float16", "dynamic", "int8")
_LIBRARIES = {"tflite": "ai_edge_litert", "int8": "ai_edge_quantizer", "onnx": "onnxruntime"}  # of the extra `export`
_LEAST = 16  # images that a file is tried on
_CALIBRATED = 32  # pictures at most that the ranges of 8 bits come from
_USAGE = """
Writes a trained model as SavedModel (TF Serving), LiteRT (.tflite) and ONNX, and proves each file equal to Keras.

  ris-export --model=nuclei --format=all --out=exported
  ris-export --model=runs/mine --format=tflite --quantize=none,float16,int8 --data=DIR --out=exported
  ris-export --model=rosettes --format=web --out=exported

Each file is tried in its own runtime; one that misses its bound is not kept, and the exit status is 1.
Also writes MODEL_CARD.md and metadata.json. --model takes a preset ({names}), a work folder or a .keras file.

Two more formats, not among all, make folders of these files. web: the LiteRT and ONNX files and OUT/web, a page that
counts in the browser, to host anywhere (its libraries come from npm: {install}).
triton: the LiteRT file and OUT/triton, a model repository for Triton Inference Server.
"""


def export(model, formats, quantize, size, steps, out, data, split, images, node_modules=None):
    """Converts, checks and writes.

    Args:
      model: preset, work folder or .keras file.
      formats: list of keys of FORMATS, and of FOLDERS, whose own formats are written too.
      quantize: list of QUANTIZE, for LiteRT; the other formats are float32.
      size: [H, W] of the images or None; steps: at most, or None.
      out: Path of the folder; made if missing.
      data: as of ris-evaluate: images that files are tried on and eight bits are calibrated with; None for drawn ones.
      split: of the data.
      images: how many.
      node_modules: Path of the folder with the page's libraries; for "web".

    Returns:
      list of `check.Row`; those with `failed` were not kept.

    Raises:
      DataError: a conversion or a file's own runtime failed, there are fewer than 16 images, or none holds an object.
      UsageError: a library is missing, or images to calibrate eight bits with.
    """
    folders = [kind for kind in formats if kind in FOLDERS]
    formats = list(dict.fromkeys(part for kind in formats for part in FOLDERS.get(kind, [kind])))
    _check_libraries(formats + quantize)  # told before any work
    if "web" in folders:
        to_web.page_libraries(node_modules)
    order = {"model": str(model), "size": size, "steps": steps}
    graph = artifact.graph_of(order)
    drawn = _drawn_kind(graph.config)
    if data is None and drawn is None and "int8" in quantize and not graph.tiled:
        raise UsageError(
            f"--quantize=int8: gets its ranges from images like those of the training, and none such are drawn for "
            f"{graph.config.name!r}; give them by --data"
        )
    data = data or f"synthetic:{drawn or 'discs'}"
    reading = graph.config.data
    source = pipeline.open_source(data, split, reading.synthetic_size, images, 0, reading.category, reading.held_out)
    samples = [read() for _, read in source[:images]]
    if len(samples) < _LEAST:
        raise DataError(f"{data}: {split} has {len(samples)} images; files are tried on at least {_LEAST}")
    checked = Check(graph, samples)
    wanted = [(kind, "none") for kind in formats if kind != "tflite"]
    wanted += [("tflite", how) for how in quantize if "tflite" in formats]
    rows, refused = [], []
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ris-export.", dir=out) as folder:
        folder = Path(folder)
        np.save(folder / "pictures.npy", np.stack([framed(graph, image) for image, _ in samples[:_CALIBRATED]]))
        order["pictures"] = str(folder / "pictures.npy")
        ready = folder / "ready"
        ready.mkdir()
        for kind, how in tqdm(wanted, "files"):
            written = artifact.convert(FORMATS[kind], {**order, "quantize": how}, folder / kind)
            main = min(written, key=lambda path: len(path.name))  # of ONNX's three the whole graph
            found = checked(main, how)
            rows += found
            if any(row.failed for row in found):
                refused += _units(folder / kind)
            else:
                for path in written:
                    path.rename(ready / path.name)
            shutil.rmtree(folder / kind)
        names = sorted(path.name for path in ready.iterdir())
        if names:
            write_text(ready / "metadata.json", card.to_json(card.metadata(graph, names)))
            write_text(ready / "MODEL_CARD.md", card.card(graph, model, data, len(samples), checked, rows))
            tflite = f"model{SUFFIX[quantize[0]]}.tflite"
            if "web" in folders and {tflite, "model.onnx"} <= set(names):
                to_web.write(ready, ready / "web", node_modules, tflite)
            elif "web" in folders:
                refused.append("web")
            if "triton" in folders and tflite in names:
                to_triton.write(ready / tflite, ready / "triton")
            elif "triton" in folders:
                refused.append(f"triton/{graph.config.name}/1")
            _publish(ready, out, refused)
    return rows


def _check_libraries(kinds):
    wanted = [_LIBRARIES[kind] for kind in kinds if kind in _LIBRARIES]
    missing = [name for name in wanted if importlib.util.find_spec(name) is None]
    if missing:
        raise UsageError(f"needs {' and '.join(missing)}; pip install 'ris-tf[export]'")


def _units(folder):
    """What an export replaces as a whole, relative to its folder; the versions of a model that others added stay."""
    inside = [*folder.glob("saved_model/*"), *folder.glob("triton/*/*")]
    whole = [path for path in folder.iterdir() if path.name not in ("saved_model", "triton")]
    return [path.relative_to(folder) for path in inside + whole]


def _publish(ready, out, refused):
    """Moves an export to where an older one may lie. Of that, what is refused now goes, for the card is of the new."""
    for unit in _units(ready):
        (out / unit).parent.mkdir(parents=True, exist_ok=True)
        artifact.replace(ready / unit, out / unit)
    for unit in refused:
        artifact.remove(out / unit)


def _drawn_kind(config):
    """Kind of drawn images that a model was trained on, by its name or `data.extra`; None where neither tells."""
    kinds = pipeline.synthetic.KINDS
    named = [name.removeprefix("synthetic:") for name in (config.name, *extra_sources(config))]
    return next((name for name in named if name in kinds), None)


def _pair(text):
    """ "H,W" -> [H, W]."""
    parts = text.split(",")
    if len(parts) != 2 or not all(part.strip().isdecimal() and int(part) >= 8 for part in parts):
        raise UsageError(f"--size={text}: expected height and width of at least 8 pixels, as in --size=256,256")
    return [int(part) for part in parts]


def _several(name, values, known):
    wrong = [value for value in values if value not in known]
    if wrong or not values:
        raise UsageError(f"--{name}={','.join(values)}: give one or more of {', '.join(known)}, or all")
    return list(dict.fromkeys(values))


def main():
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, or .keras file")
    flags.DEFINE_list("format", ["all"], f"files to write: all, or some of {', '.join((*FORMATS, *FOLDERS))}")
    flags.DEFINE_list("quantize", ["none"], f"kinds of .tflite files: all, or some of {', '.join(QUANTIZE)}")
    flags.DEFINE_string("size", None, "H,W of the images that the graph takes; by default the network's input")
    flags.DEFINE_integer("steps", None, "objects at most; by default the model's", lower_bound=1)
    flags.DEFINE_string("out", None, "folder for the files")
    flags.DEFINE_string("data", None, "data set, as of ris-evaluate, to try the files on; by default drawn images")
    flags.DEFINE_string("split", "val", "split of the data")
    flags.DEFINE_string("node_modules", "node_modules", "web: folder that npm installed the page's libraries in")
    flags.DEFINE_integer("images", 24, "images of the data to try the files on", lower_bound=_LEAST)

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        command.required(values, "model", "out")
        known = [*FORMATS, *FOLDERS]
        formats = list(FORMATS) if values.format == ["all"] else _several("format", values.format, known)
        quantize = list(QUANTIZE) if values.quantize == ["all"] else _several("quantize", values.quantize, QUANTIZE)
        if quantize != ["none"] and not {"tflite", *FOLDERS} & set(formats):
            raise UsageError(f"--quantize={','.join(quantize)}: only tflite is quantised; add it to --format")
        size = None if values.size is None else _pair(values.size)
        out = Path(values.out)
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out={out}: is a file; give a folder")
        data = values.data, values.split, values.images
        rows = export(values.model, formats, quantize, size, values.steps, out, *data, Path(values.node_modules))
        print(table(rows))
        failed = sorted({f"{row.file} ({row.way}: {row.failed})" for row in rows if row.failed})
        if failed:
            raise DataError(f"{out}: not equal to Keras, not kept: {'; '.join(failed)}")
        written = sorted({row.file for row in rows}) + [kind for kind in FOLDERS if kind in formats]
        print(f"{out}: {', '.join(written)}, MODEL_CARD.md and metadata.json written")

    command.run(job, __name__, _USAGE.format(names=", ".join(presets.names()), install=to_web.INSTALL))


if __name__ == "__main__":
    main()
