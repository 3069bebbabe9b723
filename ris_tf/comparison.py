"""Two evaluations of the same images side by side: what `ris-evaluate --compare A B` does."""

import csv
import json
import math
from collections import Counter
from pathlib import Path

from ris_tf import page, plots
from ris_tf.bootstrap import differences
from ris_tf.errors import DataError
from ris_tf.figures import FIGURES, text, verdict
from ris_tf.metrics import THRESHOLDS, evaluate_image, summarise

_COLUMNS = ("image", *evaluate_image([[0]], [[0]]))


def compare(a, b):
    """Compares what two runs wrote.

    Args:
      a, b: folders with the metrics.json and per_image.csv of ris-evaluate.

    Returns:
      dict: "a", "b": the folders, str; "images": int; "figures": {key: {"a", "b", "difference": floats or None;
      "low", "high": 95% interval of the paired difference, None of figures that need more than per_image.csv}}.

    Raises:
      DataError: a file is missing or broken, or the images are not the same.
    """
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
    """The comparison as lines of text."""
    lines = [
        f"A {compared['a']}",
        f"B {compared['b']}",
        f"{compared['images']} images; better or worse: 0 is outside the 95% interval of the paired difference",
        f"{'':22}{'A':>9}{'B':>9}{'B - A':>9}   95% interval",
    ]
    for line in _lines(compared):
        interval = f"{text(line['low'], True)} to {text(line['high'], True)}" if line["low"] is not None else "-"
        values = f"{text(line['a']):>9}{text(line['b']):>9}{text(line['difference'], True):>9}"
        lines.append(f"{line['title']:22}{values}   {interval}  {line['verdict']}".rstrip())
    return "\n".join(lines)


def html(compared):
    """The comparison as a page with everything inside.

    Raises:
      UsageError: matplotlib or jinja2 is not installed.
    """
    page.check_libraries()
    rows = _matched(compared["a"], compared["b"])
    means = [[sum(row[f"ap_{t}"] for t in THRESHOLDS) / len(THRESHOLDS) for row in of_run] for of_run in rows]
    sbd = [[row["sbd"] for row in of_run] for of_run in rows]
    return page.render(
        "compare.html",
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
    for figure in FIGURES:
        line = compared["figures"][figure.key]
        named = {"key": figure.key, "title": figure.title}
        yield {**line, **named, "verdict": verdict(figure, line["low"], line["high"])}


def _matched(a, b):
    """Rows of both runs, in the order of A's images."""
    rows_a, rows_b = (_by_name(folder) for folder in (a, b))
    for here, there, rows in ((a, b, rows_a.keys() - rows_b.keys()), (b, a, rows_b.keys() - rows_a.keys())):
        if rows:
            raise DataError(f"{there}: lacks the image {min(rows)!r} of {here}; expected the same images in both")
    return list(rows_a.values()), [rows_b[name] for name in rows_a]


def _by_name(folder):
    """{name of an image: its row}."""
    rows = _rows(folder)
    name, times = Counter(row["image"] for row in rows).most_common(1)[0]
    if times > 1:
        file = Path(folder) / "per_image.csv"
        raise DataError(f"{file}: {times} rows are of the image {name!r}; expected one of each image")
    return {row["image"]: row for row in rows}


def _rows(folder):
    file = Path(folder) / "per_image.csv"
    try:
        with file.open(newline="", encoding="utf-8") as stream:
            lines = csv.DictReader(stream)
            missing = [name for name in _COLUMNS if name not in (lines.fieldnames or ())]
            if missing:
                raise DataError(
                    f"{file}: has no column {missing[0]!r}; measure again with this version of ris-evaluate"
                )
            rows = [_row(f"{file}: line {lines.line_num}", line) for line in lines]
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected an output folder of ris-evaluate") from error
    except (csv.Error, UnicodeDecodeError) as error:
        raise DataError(f"{file}: is no table of ris-evaluate ({error}); measure again") from error
    if not rows:
        raise DataError(f"{file}: holds no image; expected a row for each")
    return rows


def _row(where, line):
    row = {"image": line["image"]}
    for name in _COLUMNS[1:]:
        value = line[name]
        if value is None:
            raise DataError(f"{where}: ends before {name!r}; expected a value for each column")
        try:
            number = float(value)
        except ValueError:
            number = math.nan
        if not math.isfinite(number):
            raise DataError(f"{where}: {name!r} is {value[:40]!r}; expected a number")
        row[name] = int(value) if value.lstrip("-").isdecimal() else number
    return row


def _figures(folder):
    file = Path(folder) / "metrics.json"
    try:
        figures = dict(json.loads(file.read_text("utf-8"), parse_int=float))
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; expected an output folder of ris-evaluate") from error
    except (TypeError, ValueError, RecursionError) as error:
        raise DataError(f"{file}: is no JSON of figures; expected metrics.json of ris-evaluate") from error
    for key in (figure.key for figure in FIGURES):
        value = figures.get(key)
        if value is not None and not (isinstance(value, float) and math.isfinite(value)):
            raise DataError(f"{file}: {key!r} is {str(value)[:40]!r}; expected a number or null")
    return figures
