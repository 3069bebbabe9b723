"""ris-describe: prints what a model is: what it sees, its limits and thresholds, its training, and its figures."""

import csv
import json
import zipfile
from pathlib import Path

from ris_tf import presets, runtime, storage
from ris_tf.commands import command, places
from ris_tf.errors import DataError, UsageError

_USAGE = """
Prints what a model is: what it sees, its limits and thresholds, what it was trained on, and its figures.

  ris-describe nuclei
  ris-describe runs/mine
  ris-describe exported/model.tflite

MODEL is a preset ({names}), a work folder of ris-train, a .keras file, or a file or folder written by ris-export.
"""
_VIEWS = {
    "whole": "the whole image, resized to {size} pixels",
    "focus": "the whole image, then a closer look at the region of the objects, at {size} pixels each",
    "tiles": "overlapping tiles of {size} pixels, at a zoom that gives the typical object {diameter:g} pixels",
}
_FIGURES = {"val_sbd": "SBD", "val_ap_0.5": "AP(0.5)", "val_abs_dic": "|DiC|"}  # columns of log.csv


def described(source):
    """Describes a model, without TensorFlow unless it is a SavedModel.

    Args:
      source: see `storage.open_model`.

    Returns:
      list of (title, text), str.

    Raises:
      UsageError: there is no such model.
      DataError: the folder or file does not contain a model.
    """
    path = Path(source)
    if runtime.is_exported(path):
        config = runtime.record_of(path) if path.suffix == ".tflite" else _plain(runtime.load(path).config)
        return [("model", f"{source}, written by ris-export"), *_network(config)]
    file = storage.file_of(source)
    if file is None:
        config, _ = presets.find(str(source))
        return [("model", f"preset {source}"), *_network(config), *_card(presets.FOLDER / f"{source}.md")]
    config = _config_of(file)
    return [("model", str(file)), *_network(config), *_training(file.parent)]


def _plain(config):
    """The config of an exported model, with dicts instead of namespaces."""
    return {name: _plain(value) if hasattr(value, "__dict__") else value for name, value in vars(config).items()}


def _config_of(file):
    """Reads the config of a .keras file: dict."""
    try:
        with zipfile.ZipFile(file) as archive:
            return json.loads(archive.read("config.json"))["config"]["config"]
    except (zipfile.BadZipFile, KeyError, ValueError, TypeError) as error:
        raise DataError(f"{file}: holds no model of ris_tf") from error


def _network(config):
    """What a model sees, finds and decides, from its config."""
    model, data, predict = config["model"], config["data"], config["predict"]
    size = "x".join(map(str, model["size"]))
    where = "a tile" if data["view"] == "tiles" else "an image"
    thresholds = f"score {predict['score_threshold']:g}, mask {predict['mask_threshold']:g}"
    lines = [
        ("sees", _VIEWS[data["view"]].format(size=size, diameter=predict["diameter"])),
        ("reads", "colour" if model["channels"] == 3 else "grey; colour images are converted"),
        ("finds", f"at most {model['steps']} objects in {where}, of {predict['min_area']} pixels or more"),
        ("thresholds", thresholds),
    ]
    orientations = predict.get("orientations", 1)  # older models do not have this field
    if orientations > 1:
        lines.append(("orientations", f"{orientations}, of which most must agree"))
    return lines


def _card(file):
    """The entries of a preset's card, "- **Title:** text", each on one line."""
    entries = file.read_text("utf-8").split("\n- **")[1:]
    return [(title.lower(), " ".join(text.split())) for title, text in (one.split(":**", 1) for one in entries)]


def _training(folder):
    """What the work folder of a model says about its training; empty without a work folder."""
    lines = []
    try:
        record = json.loads((folder / "config.json").read_text())
        init = f", from {record['init']}" if record.get("init") else ""
        train = record["train"]
        lines.append(("training", f"{train['steps']} steps of batch {train['batch']} on {record['trained_on']}{init}"))
        with (folder / "log.csv").open(newline="") as table:
            rows = [row for row in csv.DictReader(table) if row.get("val_sbd")]
    except (OSError, ValueError, KeyError):
        return lines
    if rows:
        best = max(rows, key=lambda row: float(row["val_sbd"]))
        figures = ", ".join(
            f"{name} {float(best[column]):.3f}" for column, name in _FIGURES.items() if best.get(column)
        )
        lines.append(("figures", f"{figures} on validation images at step {best['step']}, the best"))
    if (folder / "tuning.csv").is_file():
        lines.append(("tuning", "the thresholds were tuned on the validation images afterwards"))
    return lines


def main():
    def job(values, rest):
        del values
        if len(rest) != 1:
            raise UsageError("give one model, as in ris-describe nuclei; see --helpshort")
        places.model(rest[0])
        lines = described(rest[0])
        width = max(len(title) for title, _ in lines)
        print(*(f"{title:{width}}  {text}" for title, text in lines), sep="\n")

    command.run(job, __name__, _USAGE.format(names=", ".join(presets.names())))


if __name__ == "__main__":
    main()
