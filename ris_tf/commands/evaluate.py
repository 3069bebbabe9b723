"""ris-evaluate: measures the accuracy of a model on images with ground-truth label maps."""

import dataclasses
import json
from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf import __version__, presets, runtime, storage
from ris_tf.commands import command, engine, places, plane_flags
from ris_tf.data import sources
from ris_tf.data.synthetic import drawings
from ris_tf.errors import DataError, UsageError
from ris_tf.evaluation import count_range, metrics, ranking
from ris_tf.evaluation.figures import text
from ris_tf.evaluation.overlaps import compare
from ris_tf.evaluation.tune import tune_model
from ris_tf.files.writing import write_table, write_text
from ris_tf.inference import choices, prediction
from ris_tf.inference.crf import library
from ris_tf.inference.order import Order
from ris_tf.instances.unfinished import Kept, now, pixel_state
from ris_tf.report import page, side_by_side
from ris_tf.report.report import report
from ris_tf.wording import counted

_KINDS = ", ".join(drawings.KINDS)
_USAGE = """
Measures a model on whole images: difference in count, best Dice, AP, PQ, AJI, AP^r and COCO's mask AP.

  ris-evaluate --model=nuclei --data=DIR --split=test --out=results --report
  ris-evaluate --model=rosettes --data=synthetic:rosettes --seed=7 --out=results
  ris-evaluate --model=runs/mine --data=DIR --tune --out=results     # finds the best thresholds on val and stores them
  ris-evaluate --compare results_a results_b --out=compared          # compares two earlier runs on the same images

--model takes a preset ({names}), a work folder of ris-train, a .keras file,
or a file or folder written by ris-export.

The command writes metrics.json and per_image.csv to --out. --report adds report.html, and --tune adds tuning.csv.
--compare prints a comparison; with --out it also writes compare.json, and with --report compare.html.

If the command is interrupted, run it again to resume. Until it has finished, the results of finished images are kept
in OUT/unfinished.

{planes}"""


@dataclasses.dataclass
class Evaluation:
    """The results of a measurement.

    Attributes:
      result: dict of the figures of the whole data set, see `metrics.summarise`, `ranking.voc_figures` and
        `ranking.coco`.
      rows: list of dict, one per image: "image" is its name; for the others see `metrics.row`.
      tables: list of Overlaps, one per image.
      voc, coco: Ranking of all predictions by the rules of VOC and of COCO.
    """

    result: dict
    rows: list
    tables: list
    voc: ranking.Ranking
    coco: ranking.Ranking


def measure(names, tables):
    """Computes all figures of a data set.

    Args:
      names: list of str, the names of the images.
      tables: list of Overlaps, at least one.

    Returns:
      Evaluation.
    """
    rows = [{"image": name, **metrics.row(table)} for name, table in zip(names, tables, strict=True)]
    voc = ranking.voc(tables)
    coco_figures, coco = ranking.coco(tables)
    result = {**metrics.summarise(rows), **ranking.voc_figures(voc), **coco_figures}
    return Evaluation(result, rows, tables, voc, coco)


def evaluate(model, source, crf=False, order=None, kept=None):
    """Measures a model on a data set.

    Args:
      model: RIS or Exported.
      source: data set opened by `sources.open_source`.
      crf: whether masks are refined by a fully connected CRF.
      order: None, or an `inference.order.Order` around the model's look, which records the order of the objects.
      kept: None, or an `instances.unfinished.Kept`. Results that it holds are not computed again, and new results are
        added to it. Call `Kept.remove` once they are no longer needed.

    Returns:
      Evaluation.

    Raises:
      DataError: a file is invalid.
      UsageError: `crf` is set, but pydensecrf2 is not installed.
    """
    if crf:
        library()  # a missing library is reported before any work
    tables = []
    for index, (_, read) in enumerate(tqdm(source, "images")):
        image, truth = read()
        found = _found(model, image, crf, order, kept, f"{index:07d}")  # not their names, which may hold any character
        tables.append(compare(truth, found.labels, found.scores))
    return measure([name for name, _ in source], tables)


def _found(model, image, crf, order, kept, name):
    """Returns the Instances of an image, computed now or kept from an interrupted run."""
    state = [*pixel_state(image), bool(order)]
    if before := kept.read_instances(name, state) if kept else None:
        instances, taken = before
        if order:
            order.taken += taken
        return instances
    noted = len(order.taken) if order else 0
    instances = prediction.predict_instances(order or model.looking(), model.config, image, crf, model.foreground)
    if kept:
        kept.write_instances(name, state, instances, order.taken[noted:] if order else ())
    return instances


def table(result):
    """Formats the figures as lines of text."""
    lines = [
        f"{counted(result['images'], 'image')}, {counted(result['instances'], 'object')}",
        f"DiC   {result['dic']:+.2f} ({result['dic_std']:.2f})   mean and standard deviation over images",
        f"|DiC| {result['abs_dic']:.2f} ({result['abs_dic_std']:.2f})"
        + (f"   {result['relative_abs_dic']:.3f} of the mean count" if result["relative_abs_dic"] is not None else "")
        + f"   RMSE {result['count_rmse']:.2f}   R2 {text(result['count_r2'])}",
        *_in_range(result),
        f"SBD   {result['sbd']:.3f} ({result['sbd_std']:.3f})   BestDice {result['best_dice']:.3f}"
        f"   foreground Dice {result['foreground_dice']:.3f}",
        f"PQ    {result['pq']:.3f} = SQ {result['sq']:.3f} x RQ {result['rq']:.3f}   AJI {result['aji']:.3f}",
        "IoU   " + "  ".join(f"{t:>5}" for t in metrics.THRESHOLDS) + "   mean",
        "AP    " + "  ".join(f"{result[f'ap_{t}']:.3f}" for t in metrics.THRESHOLDS) + f"  {result['ap_mean']:.3f}",
        "IoU   " + "  ".join(f"{t:>5}" for t in ranking.VOLUME) + "  Ave",
        "AP^r  " + "  ".join(f"{text(result[f'apr_{t}']):>5}" for t in (*ranking.VOLUME, "ave")) + "  VOC's rules",
        f"COCO  AP {text(result['coco_ap'])}   AP50 {text(result['coco_ap_50'])}   AP75 {text(result['coco_ap_75'])}",
    ]
    return "\n".join(lines)


def _in_range(result):
    """Line about the likely ranges of the counts, in a list; an empty list if the model has none."""
    share = result.get("count_in_range")
    if share is None:
        return []
    return [f"Range {share:.3f}   of true counts lie in the likely range of their image; {count_range.SHARE} expected"]


def tuned(model, source, crf, orientations, kept):
    """Does what --tune asks for: sets the best thresholds in the model; returns the trials, see `tune.tune`."""
    before, fields, trials = tune_model(model, source, crf, kept)
    for name, value in fields.items():
        print(f"predict.{name}: {before[name]} " + ("kept" if value == before[name] else f"-> {value}"))
    if orientations:
        print(f"predict.orientations: {orientations}, as given")
    return trials


def compared(values, rest):
    """Does what --compare asks for: compares two earlier runs, and prints and writes the result."""
    if len(rest) != 1:
        raise UsageError(f"--compare takes two folders, as in --compare A B; received {1 + len(rest)}")
    if values.report:
        command.required(values, "out")
        page.check_libraries()
    out = places.folder("out", values.out) if values.out else None
    result = side_by_side.compare(values.compare, rest[0])
    print(side_by_side.table(result))
    if out:
        out.mkdir(parents=True, exist_ok=True)
        write_text(out / "compare.json", json.dumps(result, indent=2) + "\n")
        if values.report:
            made = page.Made(now(), __version__, command.line(), f"{values.compare} and {rest[0]}")
            write_text(out / "compare.html", side_by_side.html(result, made))
        print(f"{out}: compare.json{' and compare.html' if values.report else ''} written")


def _check(values):
    """Raises an error for every problem with the flags that can be found before any work starts."""
    command.required(values, "model", "data", "out")
    places.every(
        lambda: places.folder("out", values.out),
        lambda: places.model(values.model),
        lambda: sources.check([values.data]),
    )
    if values.report:
        page.check_libraries()
    if values.crf:
        library()
    if values.tuned_model:
        if not values.tune:
            raise UsageError(f"--tuned_model={values.tuned_model}: has an effect only with --tune; add --tune")
        file = Path(values.tuned_model)
        if file.suffix != ".keras" or not file.absolute().parent.is_dir():
            raise UsageError(f"--tuned_model={file}: expected the name of a .keras file in an existing folder")
    given = [name for name in choices.NAMES if values[name].value is not None]
    if values.tune and given:
        raise UsageError(f"--{given[0]}: --tune searches for it; leave one of the two out")
    if values.tune and runtime.is_exported(Path(values.model)):
        raise UsageError(f"--model={values.model}: an exported model cannot be tuned; tune its source and export again")
    if values.tune and not values.tuned_model and storage.file_of(values.model) is None:
        raise UsageError(f"--model={values.model}: --tune cannot change a preset; add --tuned_model=FILE.keras")


def main():
    engine.define()
    flags.DEFINE_string("data", None, f"data set: a folder, hf:NAME, tfds:NAME, or synthetic:KIND ({_KINDS})")
    flags.DEFINE_string(
        "split",
        None,
        "split to use: train, val, test, all, or the name of a folder; unless given, test, or val with --tune",
    )
    flags.DEFINE_float(
        "held_out",
        None,
        "for data without a val split: the share of the images, last by name, that is used as val; unless given, "
        "the model's data.held_out",
        0,
        0.9,
    )
    flags.DEFINE_string("out", None, "folder for the results; created if missing")
    flags.DEFINE_integer("images", 50, "number of images with --data=synthetic:KIND", lower_bound=1)
    flags.DEFINE_integer("seed", 1, "random seed of the images with --data=synthetic:KIND", lower_bound=0)
    flags.DEFINE_boolean("report", False, "also write report.html (or compare.html); needs matplotlib and jinja2")
    flags.DEFINE_boolean("tune", False, "first find the best thresholds on the split, and store them in the model")
    flags.DEFINE_string("tuned_model", None, ".keras file for the tuned model; unless given, the model's own file")
    plane_flags.define()
    flags.DEFINE_string("compare", None, "compare two earlier runs, given by their result folders: --compare A B")

    def job(values, rest):
        if values.compare:
            compared(values, rest)
            return
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        choice = plane_flags.chosen(values)
        _check(values)
        out = Path(values.out)
        model = engine.open_model(values, changes=values.tune)
        reading = model.config.data
        split = values.split or ("val" if values.tune else "test")
        held_out = reading.held_out if values.held_out is None else values.held_out
        source = sources.open_source(
            values.data, split, reading.synthetic_size, values.images, values.seed, reading.category, held_out, choice
        )
        if not source:
            raise DataError(f"{values.data}: the split {split!r} contains no image; expected at least one")
        folder, digest = out / "unfinished", storage.digest(values.model)
        searched = Kept(folder, model.config, digest, values.crf)
        began = searched.started() if values.report else None
        trials = tuned(model, source, values.crf, values.orientations, searched) if values.tune else None
        order = Order(model.looking(), model.config.predict) if values.report else None
        kept = Kept(folder, model.config, digest, values.crf)
        found = evaluate(model, source, values.crf, order, kept if len(source) > 1 else None)
        inside = count_range.share_inside(found.rows, model.config.predict.count_spread)
        if inside is not None:
            found.result["count_in_range"] = inside
        out.mkdir(parents=True, exist_ok=True)
        write_table(out / "per_image.csv", found.rows)
        write_text(out / "metrics.json", json.dumps(found.result, indent=2) + "\n")
        written = ["metrics.json", "per_image.csv"]
        if values.report:
            predict, data = model.config.predict, f"{values.data}, {split}"
            details = [("model", values.model), ("data", data)]
            details += [("thresholds", f"score {predict.score_threshold}, mask {predict.mask_threshold}")]
            details += [("counts", line) for line in _in_range(found.result)]
            made = page.Made(began, __version__, command.line(), data)
            title = f"{values.model} on {values.data}"
            html = report(model, source, found, order.taken, title, details, values.crf, made)
            write_text(out / "report.html", html)
            written.append("report.html")
        if trials:
            write_table(out / "tuning.csv", trials)
            written.insert(0, "tuning.csv")
            file = Path(values.tuned_model) if values.tuned_model else storage.file_of(values.model)
            storage.save(model, file)  # last, because the kept results belong to the old thresholds
            print(f"{file}: the model was saved with these thresholds")
        searched.remove()
        kept.remove()
        print(table(found.result))
        print(f"{out}: {', '.join(written)} written")

    command.run(job, __name__, _USAGE.format(names=", ".join(presets.names()), planes=plane_flags.HELP_ONE))


if __name__ == "__main__":
    main()
