"""ris-evaluate: measures a model on images with known label maps."""

import json
from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf import command, metrics
from ris_tf import model as models
from ris_tf.crf import library
from ris_tf.data import pipeline
from ris_tf.errors import UsageError
from ris_tf.files import write_table, write_text

_KINDS = ", ".join(pipeline.synthetic.KINDS)
_USAGE = """
Measures a model on whole images: difference in count (DiC), symmetric best Dice (SBD), AP at IoU 0.5 to 0.9.

  ris-evaluate --model=nuclei --data=DIR --split=test --out=results
  ris-evaluate --model=rosettes --data=synthetic:rosettes --seed=7 --out=results

Writes metrics.json and per_image.csv. --model takes a preset ({names}), a work folder or a .keras file.
"""


def evaluate(model, source, crf=False):
    """Measures a model.

    Args:
      model: RIS.
      source: from `pipeline.open_source`.
      crf: whether masks are refined by a fully connected CRF.

    Returns:
      result: dict, see `metrics.summarise`.
      rows: list of dict, one per image, see `metrics.evaluate_image`, after "image".

    Raises:
      DataError: a file is wrong.
      UsageError: `crf` without pydensecrf2.
    """
    if crf:
        library()  # told before any work
    rows = []
    for name, read in tqdm(source, "images"):
        image, truth = read()
        rows.append({"image": name, **metrics.evaluate_image(truth, model.predict_instances(image, crf).labels)})
    return metrics.summarise(rows), rows


def table(result):
    """The figures as lines of text."""
    lines = [
        f"{result['images']} images, {result['instances']} objects",
        f"DiC   {result['dic']:+.2f} ({result['dic_std']:.2f})   mean and standard deviation over images",
        f"|DiC| {result['abs_dic']:.2f} ({result['abs_dic_std']:.2f})"
        + (f"   {result['relative_abs_dic']:.3f} of the mean count" if result["relative_abs_dic"] is not None else ""),
        f"SBD   {result['sbd']:.3f} ({result['sbd_std']:.3f})",
        "IoU   " + "  ".join(f"{t:>5}" for t in metrics.THRESHOLDS) + "   mean",
        "AP    " + "  ".join(f"{result[f'ap_{t}']:.3f}" for t in metrics.THRESHOLDS) + f"  {result['ap_mean']:.3f}",
    ]
    return "\n".join(lines)


def main():
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, or .keras file")
    flags.DEFINE_string("data", None, f"folder with the data, hf:NAME, tfds:NAME, or synthetic:KIND ({_KINDS})")
    flags.DEFINE_string("split", "test", "split to measure: a folder's name, or train, val, test or all")
    flags.DEFINE_string("out", None, "folder for metrics.json and per_image.csv")
    flags.DEFINE_integer("images", 50, "number of synthetic images", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "seed of synthetic images", lower_bound=0)
    flags.DEFINE_boolean("crf", False, "refine each mask by a fully connected CRF; needs pydensecrf2")

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        command.required(values, "model", "data", "out")
        out = Path(values.out)
        if out.exists() and not out.is_dir():
            raise UsageError(f"--out={out}: is a file; give a folder")
        model = models.load(values.model)
        reading = model.config.data
        source = pipeline.open_source(
            values.data,
            values.split,
            reading.synthetic_size,
            values.images,
            values.seed,
            reading.category,
            reading.held_out,
        )
        result, rows = evaluate(model, source, values.crf)
        out.mkdir(parents=True, exist_ok=True)
        write_table(out / "per_image.csv", rows)
        write_text(out / "metrics.json", json.dumps(result, indent=2) + "\n")
        print(table(result))
        print(f"{out}: metrics.json and per_image.csv written")

    command.run(job, __name__, _USAGE.format(names=", ".join(models.presets.names())))


if __name__ == "__main__":
    main()
