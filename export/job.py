"""Runs an export: converts a model to several formats, checks every file in its own runtime, and keeps what passes."""

import importlib.util
import shutil
import tempfile
from pathlib import Path

import numpy as np
from tqdm import tqdm

from ris_tf import storage
from ris_tf.data import sources
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, UsageError
from ris_tf.evaluation import stored
from ris_tf.export import artifact, card
from ris_tf.export.check import Check
from ris_tf.export.formats.table import ASSEMBLED, CONVERTED, Assembly
from ris_tf.export.formats.to_litert import SUFFIX
from ris_tf.export.pictures import LEAST, framed
from ris_tf.files.writing import write_text
from ris_tf.on_openvino import WEIGHTS
from ris_tf.runtime import UNROLLED
from ris_tf.settings.schema import extra_sources
from ris_tf.wording import counted

LIBRARIES = {  # {format or kind of quantisation: (package that it needs, extra that installs it)}
    **{name: (row.runtime, row.extra) for name, row in CONVERTED.items() if row.runtime != "tensorflow"},
    "int8": ("litert_quantizer", "export"),
}
_CALIBRATED = 32  # largest number of pictures for calibrating the ranges of 8 bits


def export(model, formats, quantize, size, steps, out, data, split, images, node_modules=None):
    """Converts a model to several formats, checks every file, and writes those that pass.

    Args:
      model: preset, work folder or .keras file.
      formats: list of keys of CONVERTED and ASSEMBLED; the parts of the latter are also written.
      quantize: list of keys of `to_litert.SUFFIX`, for LiteRT; the other formats are float32.
      size: [H, W] of the images; None for the size of the network's input.
      steps: largest number of objects; None for that of the model.
      out: Path of the folder; created if missing.
      data: data set on which the files are tried and 8 bits are calibrated, in any form that ris-evaluate takes; None
        for synthetic images.
      split: split of the data.
      images: number of images to use.
      node_modules: Path of the folder with the page's libraries, for "web".

    Returns:
      list of `check.Row`; files whose rows have `failed` set were not kept.

    Raises:
      DataError: a conversion failed, a file does not run in its own runtime, there are fewer than 16 images, or the
        model finds no object in any of them.
      UsageError: a library is missing, or there are no images for calibrating 8 bits.
    """
    folders = [kind for kind in formats if kind in ASSEMBLED]
    formats = list(dict.fromkeys(part for kind in formats for part in _parts(kind)))
    _check_libraries(formats + quantize)  # reported before any work
    preset = storage.file_of(model) is None
    assembly = Assembly(None, f"model{SUFFIX[quantize[0]]}.tflite", node_modules, preset)
    for kind in folders:
        ASSEMBLED[kind].check(assembly)
    order = {"model": str(model), "size": size, "steps": steps}
    graph = artifact.graph_of(order)
    data = data or _synthetic_data(graph, quantize)
    samples = _samples(graph, data, split, images)
    checked = Check(graph, samples)
    wanted = [(kind, "none") for kind in formats if kind != "tflite"]
    wanted += [("tflite", how) for how in quantize if "tflite" in formats]
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=".ris-export.", dir=out) as folder:
        folder = Path(folder)
        np.save(folder / "pictures.npy", np.stack([framed(graph, image) for image, _ in samples[:_CALIBRATED]]))
        order["pictures"] = str(folder / "pictures.npy")
        ready = folder / "ready"
        ready.mkdir()
        rows, refused = _convert(wanted, order, checked, folder, ready)
        names = sorted(path.name for path in ready.iterdir())
        if names:
            stored.write(ready / stored.NAME, graph.model.predict_instances, np.load(order["pictures"]))
            write_text(ready / "metadata.json", card.to_json(card.metadata(graph, names)))
            write_text(ready / "MODEL_CARD.md", card.card(graph, model, data, len(samples), checked, rows))
            assembly = assembly._replace(exported=ready)
            for row in (ASSEMBLED[kind] for kind in folders):
                if all(map(assembly.has, row.parts)):
                    row.write(assembly)
                else:
                    refused.append(row.unit(graph.config.name))
            _publish(ready, out, refused)
    return rows


def _parts(kind):
    """Returns the converted formats that a format consists of."""
    return ASSEMBLED[kind].parts if kind in ASSEMBLED else (kind,)


def _convert(wanted, order, checked, folder, ready):
    """Converts to every wanted (format, quantisation) and moves what passes its check into `ready`.

    Returns:
      list of `check.Row`, and list of the paths, relative to --out, of the files that did not pass.
    """
    rows, refused = [], []
    for kind, how in tqdm(wanted, "files"):
        written = artifact.convert(CONVERTED[kind].converter, {**order, "quantize": how}, folder / kind)
        # ONNX and OpenVINO have several files: the whole graph has the shortest name, those of its parts belong to it.
        wholes = [path for path in written if path.stem.endswith(UNROLLED)]
        wholes.insert(0, min(written, key=lambda path: (len(path.name), path.suffix == WEIGHTS)))
        found = [row for path in wholes for row in checked(path, how)]
        rows += found
        if any(row.failed for row in found):
            refused += _units(folder / kind)
        else:
            for path in written:
                path.rename(ready / path.name)
        shutil.rmtree(folder / kind)
    return rows, refused


def _samples(graph, data, split, images):
    """Reads the images that the files are tried on: list of (image, labels)."""
    reading = graph.config.data
    source = sources.open_source(data, split, reading.synthetic_size, images, 0, reading.category, reading.held_out)
    samples = [read() for _, read in source[:images]]
    if len(samples) < LEAST:
        raise DataError(
            f"{data}: {split} has {counted(len(samples), 'image')}; expected {LEAST} or more to try the files"
        )
    return samples


def _synthetic_data(graph, quantize):
    """Returns --data for the synthetic images on which the files of a model are tried."""
    kind = _synthetic_kind(graph.config)
    if kind is None and "int8" in quantize and not graph.tiled:
        raise UsageError(
            "--quantize=int8: calibration needs images like the training data, and there are no synthetic ones for "
            f"{graph.config.name!r}; give images with --data"
        )
    return f"synthetic:{kind or 'discs'}"


def _check_libraries(kinds):
    """Raises UsageError if a library that a format or a kind of quantisation needs is not installed."""
    wanted = [LIBRARIES[kind] for kind in kinds if kind in LIBRARIES]
    missing = {name: extra for name, extra in wanted if importlib.util.find_spec(name) is None}
    if missing:
        extras = ",".join(sorted({"export", *missing.values()}))
        raise UsageError(f"needs {' and '.join(missing)}; pip install 'ris-tf[{extras}]'")


def _units(folder):
    """Returns the paths, relative to the folder, that an export replaces. Other versions of a model are kept."""
    inside = [*folder.glob("saved_model/*"), *folder.glob("triton/*/*")]
    whole = [path for path in folder.iterdir() if path.name not in ("saved_model", "triton")]
    return [path.relative_to(folder) for path in inside + whole]


def _publish(ready, out, refused):
    """Moves an export into `out`, replacing an older one.

    Older files that are refused now are removed, because the new model card does not describe them.
    """
    for unit in _units(ready):
        (out / unit).parent.mkdir(parents=True, exist_ok=True)
        artifact.replace(ready / unit, out / unit)
    for unit in refused:
        artifact.remove(out / unit)


def _synthetic_kind(config):
    """Returns the kind of synthetic images that a model was trained on, by its name or `data.extra`, or None."""
    kinds = drawings.KINDS
    named = [name.removeprefix("synthetic:") for name in (config.name, *extra_sources(config))]
    return next((name for name in named if name in kinds), None)
