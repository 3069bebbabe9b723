"""Compares two evaluations of the same images (`ris-evaluate --compare A B`), with intervals of the differences."""

import csv
import json
import math
from collections import Counter
from pathlib import Path

from ris_tf.errors import DataError
from ris_tf.evaluation.bootstrap import differences
from ris_tf.evaluation.figures import FIGURES, text, verdict
from ris_tf.evaluation.metrics import THRESHOLDS, evaluate_image, summarise
from ris_tf.report import page, plots
from ris_tf.wording import counted

_COLUMNS = ("image", *evaluate_image([[0]], [[0]]))


def compare(a, b):
    """Compares the results of two runs.

    Args:
      a, b: folders with the metrics.json and per_image.csv of ris-evaluate.

    Returns:
      dict with the keys "a" and "b", the folders, str; "images", their number, int; and "figures", {key of a figure:
      {"a", "b", "difference": floats or None; "low", "high": 95% interval of the paired difference B - A}}. The
      interval is None for figures that cannot be computed from per_image.csv.

    Raises:
      DataError: a file is missing or damaged, or the two runs have different images.
    """
    _check_files(a, b)
    rows_a, rows_b = _matched(a, b)
    figures_a, figures_b = ({**_figures(folder), **summarise(rows)} for folder, rows in ((a, rows_a), (b, rows_b)))
    bounds, figures = differences(rows_a, rows_b), {}
    for figure in FIGURES:
        one, other = figures_a.get(figure.key), figures_b.get(figure.key)
        low, high = bounds.get(figure.key, (None, None))
        difference = None if one is None or other is None else other - one
        figures[figure.key] = {"a": one, "b": other, "difference": difference, "low": low, "high": high}
    return {"a": str(a), "b": str(b), "images": len(rows_a), "figures": figures}


def table(compared):
    """Formats a comparison from `compare` as a table of text."""
    images = counted(compared["images"], "image")
    lines = [
        f"A {compared['a']}",
        f"B {compared['b']}",
        f"{images}; better or worse: the 95% interval of the paired difference excludes 0",
        f"{'':22}{'A':>9}{'B':>9}{'B - A':>9}   95% interval",
    ]
    for line in _lines(compared):
        interval = f"{text(line['low'], True)} to {text(line['high'], True)}" if line["low"] is not None else "-"
        values = f"{text(line['a']):>9}{text(line['b']):>9}{text(line['difference'], True):>9}"
        lines.append(f"{line['title']:22}{values}   {interval}  {line['verdict']}".rstrip())
    return "\n".join(lines)


def html(compared, made=None):
    """Renders a comparison from `compare` as a self-contained page; `made` is `page.Made` for the foot line, or None.

    Returns:
      HTML, str.

    Raises:
      DataError: per_image.csv of a run has been changed or removed since `compare`.
      UsageError: matplotlib or jinja2 is not installed.
    """
    page.check_libraries()
    rows = _matched(compared["a"], compared["b"])
    means = [[sum(row[f"ap_{t}"] for t in THRESHOLDS) / len(THRESHOLDS) for row in of_run] for of_run in rows]
    sbd = [[row["sbd"] for row in of_run] for of_run in rows]
    return page.render(
        "compare.html",
        made=made,
        title="Two evaluations of the same images",
        a=compared["a"],
        b=compared["b"],
        images=compared["images"],
        lines=_lines(compared),
        plots=[
            ("SBD", page.svg(plots.paired(*sbd, "SBD"))),
            ("AP", page.svg(plots.paired(*means, "AP, mean of IoU 0.5 to 0.9"))),
        ],
    )


def _lines(compared):
    """Yields a dict per figure: its entry in `compared`, "key", "title", and "verdict"."""
    for figure in FIGURES:
        line = compared["figures"][figure.key]
        named = {"key": figure.key, "title": figure.title}
        yield {**line, **named, "verdict": verdict(figure, line["low"], line["high"])}


def _check_files(*folders):
    """Raises DataError with the names of all files and folders of results that are missing."""
    files = [Path(folder) / name for folder in folders for name in ("metrics.json", "per_image.csv")]
    missing = dict.fromkeys(str(f if f.parent.is_dir() else f.parent) for f in files if not f.is_file())
    if missing:
        raise DataError(f"{', '.join(missing)}: no such file or folder; expected output folders of ris-evaluate")


def _matched(a, b):
    """Rows of both runs, paired by the name of the image and in the order of run A."""
    rows_a, rows_b = (_by_name(folder) for folder in (a, b))
    for here, there, rows in ((a, b, rows_a.keys() - rows_b.keys()), (b, a, rows_b.keys() - rows_a.keys())):
        if rows:
            raise DataError(f"{there}: has no image {min(rows)!r}, which {here} has; expected the same images in both")
    return list(rows_a.values()), [rows_b[name] for name in rows_a]


def _by_name(folder):
    """{name of an image: its row} of a run."""
    rows = _rows(folder)
    name, times = Counter(row["image"] for row in rows).most_common(1)[0]
    if times > 1:
        file = Path(folder) / "per_image.csv"
        raise DataError(f"{file}: has {times} rows for the image {name!r}; expected one row per image")
    return {row["image"]: row for row in rows}


def _rows(folder):
    """Rows of per_image.csv, list of dict."""
    file = Path(folder) / "per_image.csv"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            lines = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{file}: has no column {missing[0]!r}; measure this run again with this version of ris-evaluate"
                )
            rows = [_row(f"{file}: line {lines.line_num}", line) for line in lines]
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected an output folder of ris-evaluate") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: is not a table of ris-evaluate ({error}); measure this run again") from error
    if not rows:
        raise DataError(f"{file}: contains no image; expected one row per image")
    return rows


def _row(where, line):
    """A line of per_image.csv with its numbers as int or float; `where` names the line in errors."""
    row = {"image": line["image"]}
    for name in _COLUMNS[1:]:
        value = line[name]
        if value is None:
            raise DataError(f"{where}: ends before the column {name!r}; expected a value for every column")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(f"{where}: {name!r} is {value[:40]!r}; expected a number")
        row[name] = int(value) if value.lstrip("-").isdecimal() else number
    return row


def _figures(folder):
    """The content of metrics.json."""
    file = Path(folder) / "metrics.json"
    try:
        figures = dict(json.loads(file.read_text("utf-8"), parse_int=float))
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected an output folder of ris-evaluate") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: is not a JSON object of figures; expected metrics.json of ris-evaluate") from error
    for key in (figure.key for figure in FIGURES):
        value = figures.get(key)
        if value is not None and not (isinstance(value, float) and math.isfinite(value)):
            raise DataError(f"{file}: {key!r} is {str(value)[:40]!r}; expected a number or null")
    return figures
