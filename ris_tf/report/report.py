"""Builds report.html, the evaluation report of one run as a single page."""

import numpy as np

from ris_tf.evaluation import mistakes
from ris_tf.evaluation.bootstrap import intervals
from ris_tf.evaluation.figures import FIGURES
from ris_tf.evaluation.metrics import THRESHOLDS
from ris_tf.instances.labels import without_ignored
from ris_tf.report import page, pictures, plots

_EACH = 3  # number of best and of worst images shown
_FILM_OBJECTS = 24  # an image with at most this many predictions is chosen for the film


def report(model, source, evaluation, order, title, details, crf=False, made=None):
    """Renders the report of an evaluation.

    Args:
      model: RIS.
      source: list of (name, read), in the order of the evaluation.
      evaluation: `commands.evaluate.Evaluation`.
      order: list from `inference.order.Order.taken`; may be empty.
      title: str.
      details: list of (name, value) about the run, shown at the top.
      crf: whether masks were refined by a CRF.
      made: `page.Made` for the foot line, or None.

    Returns:
      HTML, str.

    Raises:
      UsageError: matplotlib or jinja2 is not installed.
    """
    page.check_libraries()
    result, rows, tables = evaluation.result, evaluation.rows, evaluation.tables
    bounds = intervals(rows, evaluation.voc, evaluation.coco)
    errors = [mistakes.find(one) for one in tables]
    calibration, off = plots.calibration(tables)
    return page.render(
        "report.html",
        made=made,
        title=title,
        details=details,
        result=result,
        figures=[(one, result[one.key], result.get(f"{one.key}_std"), bounds.get(one.key)) for one in FIGURES],
        precision=[(t, result[f"ap_{t}"], result[f"image_ap_{t}"], bounds[f"ap_{t}"]) for t in THRESHOLDS],
        ranked=[(t, result[f"apr_{t}"], bounds.get(f"apr_{t}")) for t in plots.VOLUME],
        counts_plot=page.svg(plots.counts(rows)),
        precision_plot=page.svg(plots.precision(tables, evaluation.voc)),
        calibration_plot=page.svg(calibration),
        calibration_error=off,
        order_plots=[page.svg(one) for one in plots.order(order)] if order else [],
        tiled=model.config.data.view == "tiles",
        errors=mistakes.count([one for of_image in errors for one in of_image]),
        colours={kind: "#{:02x}{:02x}{:02x}".format(*colour) for kind, colour in pictures.COLOURS.items()},
        examples=_examples(model, source, rows, errors, crf),
        film=_film(model, source, rows),
        rows=[(row, mistakes.count(of_image)) for row, of_image in zip(rows, errors, strict=True)],
    )


def _rank(rows):
    """Indices of the images from worst to best, by mean AP, then SBD."""
    means = [np.mean([row[f"ap_{t}"] for t in THRESHOLDS]) for row in rows]
    return sorted(range(len(rows)), key=lambda index: (means[index], rows[index]["sbd"]))


def _examples(model, source, rows, errors, crf):
    """The best, the median and the worst images: list of (heading, row, numbers of errors, data URL of the picture)."""
    ranked = _rank(rows)
    named = {ranked[len(ranked) // 2]: "Median"}  # if there are few images, one may qualify for several headings
    for best, worst in zip(ranked[: -_EACH - 1 : -1], ranked[:_EACH], strict=True):
        named.setdefault(worst, "Worst")
        named.setdefault(best, "Best")
    shown = []
    for index in reversed(ranked):
        if index in named:
            image, truth = source[index][1]()
            known = without_ignored(truth, model.predict_instances(image, crf).labels)[1]  # errors count its objects
            part = pictures.window(truth, known)
            picture = page.jpeg(pictures.marked(image[part], truth[part], known[part], errors[index]))
            shown.append((named[index], rows[index], mistakes.count(errors[index]), picture))
    return shown


def _film(model, source, rows):
    """The film of an image: (name, list of (data URL, score, stop)).

    The image is the one of median rank among those with few predictions.
    """
    ranked = _rank(rows)
    few = [index for index in ranked if 0 < rows[index]["count_pred"] <= _FILM_OBJECTS] or ranked
    name, read = source[few[len(few) // 2]]
    frames = pictures.film(model, read()[0])
    return name, [(page.jpeg(frame.picture), frame.score, frame.stop) for frame in frames]
