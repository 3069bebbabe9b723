"""Demonstration: runs shipped presets on a photograph and on synthetic images (`python -m ris_tf.demo`)."""

from pathlib import Path

import numpy as np
import skimage.data
from absl import flags

from ris_tf import storage
from ris_tf.commands import command, places
from ris_tf.data.synthetic import drawings
from ris_tf.errors import UsageError
from ris_tf.evaluation import metrics
from ris_tf.files.writing import write_png
from ris_tf.instances.visualize import overlay

_SEED = 2026  # far from the seeds that the presets were trained on
_USAGE = """
Counts the coins in a photograph, and discs and leaves in synthetic images, with models that ship with the package.
Prints each count beside the true one, and writes overlays.

  python -m ris_tf.demo --out=demo_out
"""


def demo(out):
    """Runs the shipped presets, prints the counts and writes overlays.

    Args:
      out: folder; created if missing.

    Returns:
      list of (name, true count, found count).
    """
    out = Path(out)
    out.mkdir(parents=True, exist_ok=True)
    results = []
    for preset, samples in (("coins", _coins()), ("rosettes", _synthetic("rosettes", 3))):
        model = storage.open_model(preset)
        for name, image, truth in samples:
            instances = model.predict_instances(image)
            write_png(out / f"{name}_overlay.png", overlay(image, instances.labels))
            if isinstance(truth, int):
                true, note = truth, ""
            else:
                true, note = int(truth.max()), f"   SBD {metrics.symmetric_best_dice(truth, instances.labels):.2f}"
            counts = f"{instances.count:3d} found, {true:3d} true"
            print(f"{name:12s} {counts}{note}   {out / name}_overlay.png", flush=True)
            results.append((name, true, instances.count))
    return results


def _coins():
    yield "coins", skimage.data.coins(), 24
    yield from _synthetic("discs", 1)
    yield from _synthetic("heaps", 1)


def _synthetic(kind, number):
    for index in range(number):
        yield f"{kind}_{index}", *drawings.sample(kind, _SEED, index, 384)


def main():
    flags.DEFINE_string("out", "demo_out", "folder for the overlays; created if missing")

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        places.folder("out", values.out)
        results = demo(values.out)
        off = np.mean([abs(true - found) for _, true, found in results])
        print(f"mean |difference in count|: {off:.1f}. The overlays in {values.out} show what was found.")

    command.run(job, __name__, _USAGE)


if __name__ == "__main__":
    main()
