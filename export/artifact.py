"""Code shared by the converters: the record in every file, and running a converter in a process of its own."""

import json
import shutil
import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from ris_tf import storage
from ris_tf.errors import DataError, UsageError


def record(graph):
    """Returns the record of an exported model as JSON text: its config, with the steps and sizes of the export."""
    config = graph.config.to_dict()
    config["model"].update(size=list(graph.input), steps=graph.steps)
    config["export"] = {"image": list(graph.image), "multiple": graph.multiple}
    return json.dumps(config)


def append(path, texts):
    """Appends texts to a LiteRT file as a zip, in the way of TFLite Metadata's associated files.

    Args:
      path: Path of the file.
      texts: {name in the zip: str}. The time is not recorded, so that the same model always gives the same bytes.
    """
    with zipfile.ZipFile(path, "a") as appended:
        for name, text in texts.items():
            appended.writestr(zipfile.ZipInfo(name), text)


def graph_of(order):
    """Builds the graph that is to be exported.

    The graph uses a float32 model, because mixed precision cannot be converted. The number of steps and, in the "tiles"
    view, the size of the tiles are set in the config of this model. If the model was trained in another precision or
    the config differs, a new model gets its weights.

    Args:
      order: dict: "model" is a preset, work folder or file; "size" is [H, W] or None; "steps" is int or None. Other
        keys are ignored.

    Returns:
      `graph.Graph`.

    Raises:
      UsageError: the model does not exist, or its weights do not fit tiles of that size.
      DataError: the file does not contain a model of this package.
    """
    from ris_tf import model as models  # TensorFlow takes seconds to import, and the table of formats needs this file
    from ris_tf.export.graph import Graph

    trained = storage.load(order["model"])
    config, size = trained.config.copy_and_resolve_references(), order["size"]
    config.model.steps = order["steps"] or config.model.steps
    if size and config.data.view == "tiles":
        multiple = trained.form.size_multiple
        config.model.size = tuple(-(-length // multiple) * multiple for length in size)
    if config == trained.config and trained.compute_dtype == "float32":
        return Graph(trained, size)
    model = models.build(config)
    if [weight.shape for weight in model.weights] != [weight.shape for weight in trained.weights]:
        one, given = (",".join(map(str, shape)) for shape in (trained.config.model.size, size))
        raise UsageError(f"--size={given}: {order['model']} reads tiles of one size only; give --size={one}, or none")
    model.set_weights(trained.get_weights())
    return Graph(model, size)


def convert(module, order, out):
    """Runs a converter, `python -m ris_tf.export.formats.MODULE ORDER FOLDER`, and moves its files to `out`.

    Args:
      module: name of the converter; it reads ORDER as JSON and writes its files to FOLDER, which is temporary.
      order: dict, see `graph_of`.
      out: Path of the folder for the results; created if missing.

    Returns:
      list of Path, the files and folders written.

    Raises:
      DataError: the converter crashed or wrote nothing; no files are left behind.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{module}.", dir=out) as folder:
        done = subprocess.run(
            [sys.executable, "-m", f"ris_tf.export.formats.{module}", json.dumps(order), folder],
            capture_output=True,
            text=True,
            check=False,
        )
        written = sorted(Path(folder).iterdir())
        if done.returncode or not written:
            last = (done.stderr.strip().splitlines() or ["no message"])[-1]
            how = f"signal {-done.returncode}" if done.returncode < 0 else f"status {done.returncode}"
            raise DataError(f"{out}: conversion by {module} failed with {how}: {last}")
        return [replace(part, out / part.name) for part in written]


def replace(part, target):
    """Moves a file or folder, replacing an older one at the target; returns the target."""
    if target.is_dir():
        stale = part.parent / f"{part.name}.stale"
        target.rename(stale)  # removed together with the temporary folder
    part.replace(target)
    return target


def remove(target):
    """Removes a file or folder, if it exists."""
    shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)


def order_and_folder():
    """Returns the arguments of a converter: the order, dict, and the Path of its output folder."""
    return json.loads(sys.argv[1]), Path(sys.argv[2])
