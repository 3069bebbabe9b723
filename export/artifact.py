"""What every exported file carries, and how conversions run: each in a process of its own, under a temporary name."""

import json
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from ris_tf import model as models
from ris_tf import storage
from ris_tf.errors import DataError, UsageError
from ris_tf.export.inference import Graph


def record(graph):
    """The config of an exported model as JSON text: that of the model, with the steps and sizes of the export."""
    config = graph.config.to_dict()
    config["model"].update(size=list(graph.input), steps=graph.steps)
    config["export"] = {"image": list(graph.image)}
    return json.dumps(config)


def graph_of(order):
    """The graph that an order asks for: {"model": source, "size": [H, W] or None, "steps": int or None, ...}.

    It stands on a model of its own in float32, whatever the training used: mixed precision does not convert. The steps
    and, in the "tiles" view, the size of the tiles are in that model's config.

    Raises:
      UsageError: no such model, or its weights fit no tiles of that size.
      DataError: the file holds no model of this kind.
    """
    trained = storage.load(order["model"])
    config, size = trained.config.copy_and_resolve_references(), order["size"]
    config.model.steps = order["steps"] or config.model.steps
    if size and config.data.view == "tiles":
        multiple = trained.form.size_multiple
        config.model.size = tuple(-(-length // multiple) * multiple for length in size)
    model = models.build(config)
    if [weight.shape for weight in model.weights] != [weight.shape for weight in trained.weights]:
        one, given = (",".join(map(str, shape)) for shape in (trained.config.model.size, size))
        raise UsageError(f"--size={given}: {order['model']} reads tiles of one size alone; give --size={one}, or none")
    model.set_weights(trained.get_weights())
    return Graph(model, size)


def convert(module, order, out):
    """Runs a converter, `python -m ris_tf.export.MODULE ORDER OUT`, and moves what it wrote into `out`.

    Args:
      module: name of the converter, which reads the order, JSON, and writes files into its folder OUT.
      order: dict, see `graph_of`.
      out: Path of the folder for the results; made if missing.

    Returns:
      list of Path, what was written.

    Raises:
      DataError: the converter crashed or wrote nothing; nothing is left behind then.
    """
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix=f".{module}.", dir=out) as folder:
        done = subprocess.run(
            [sys.executable, "-m", f"ris_tf.export.{module}", json.dumps(order), folder],
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
    """Moves a file or folder to where an older one may lie; returns the target."""
    if target.is_dir():
        stale = part.parent / f"{part.name}.stale"
        target.rename(stale)  # goes with the temporary folder
    part.replace(target)
    return target


def remove(target):
    """Removes a file or folder that may lie there."""
    shutil.rmtree(target) if target.is_dir() else target.unlink(missing_ok=True)


def order_and_folder():
    """What a converter was called with: (order, Path)."""
    return json.loads(sys.argv[1]), Path(sys.argv[2])
