"""Checks that exported files give the same results as the Keras model: counts, pixels, scores and accuracy."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.stats import binom

from ris_tf.errors import DataError
from ris_tf.evaluation import metrics
from ris_tf.evaluation.agreement import agreement
from ris_tf.export import trial
from ris_tf.export.pictures import to_try
from ris_tf.inference.zoom import find_zoom
from ris_tf.on_openvino import WEIGHTS, XML
from ris_tf.runtime import UNROLLED

SCORE, PIXELS, COUNTS = 1e-4, 0.9999, 1.0  # bounds for float32: largest difference, and smallest shares that are equal
PIXELS_FLOAT16 = 0.999
COUNTS_STEPS, COUNTS_8_BITS = 0.99, 0.95  # smallest shares of equal counts in the long run: step by step, 8 bits
LOSS = 0.01  # largest loss of symmetric best Dice
_TIMED = 8  # largest number of images for the time with two threads
_CHANCE = 0.05  # probability that a file which just meets one of these shares is refused by chance


class Row(NamedTuple):
    """The comparison of one file with Keras, run either as a whole graph or step by step.

    Attributes:
      file: name of the file.
      way: "whole graph" or "step by step".
      images: number of images compared.
      zooms: share of images for which the file finds the same zoom as Keras; NaN if it looks for none.
      score: largest difference of a score, where both look at an image at the zoom that Keras finds.
      pixels: share of pixels with the same label, up to the numbering of the instances, at this zoom, too.
      counts: share of images with the same count, each at its own zoom.
      lost: loss of symmetric best Dice on images with known labels, at its own zoom; NaN for the whole graph.
      megabytes: size of the file.
      milliseconds: median time of one image with 1 and with 2 threads.
      operators: names of the operators in the graph, separated by spaces.
      failed: the bound that was missed, or "".
    """

    file: str
    way: str
    images: int
    zooms: float
    score: float
    pixels: float
    counts: float
    lost: float
    megabytes: float
    milliseconds: tuple
    operators: str
    failed: str


class Check:
    """Compares exported files with the model that they were made from.

    Args:
      graph: `graph.Graph`.
      samples: list of (image, labels), at least one.

    Raises:
      DataError: the Keras model finds no object in any image, or none in the pictures of the size that the graph takes,
        so that equality would prove nothing.
    """

    def __init__(self, graph, samples):
        self.images, self.truth = zip(*samples, strict=True)
        self.pictures = to_try(graph, list(self.images))
        predict = tf.function(graph.predict, autograph=False)
        found = [predict(picture[None]) for picture in self.pictures]
        self.graph = {name: np.concatenate([one[name] for one in found]) for name in ("labels", "scores", "count")}
        self.zooms = []
        if graph.model.config.data.view == "tiles":
            self.zooms = [find_zoom(graph.model.looking(), graph.model.config, image) for image in self.images]
        self.host = [graph.model.predict_instances(image) for image in self.images]
        if not any(one.count for one in self.host):
            raise DataError(
                f"the model finds no object in {len(samples)} images, so comparing the files would prove nothing; "
                "use --data to give images with objects that it finds"
            )
        if self.counts == [0]:
            (height, width), (own, across) = graph.image[:2], self.images[0].shape[:2]
            raise DataError(
                f"the model finds objects in the images, but none once they have the size of {height} x {width} pixels "
                f"that the graph takes; predict.min_area, {graph.config.predict.min_area} pixels, is for larger ones; "
                f"give the size of your images, as --size={own},{across}"
            )
        self.accuracy = self._accuracy([one.labels for one in self.host])

    @property
    def counts(self):
        """The distinct counts that Keras gives for the pictures, sorted."""
        return sorted({int(count) for count in self.graph["count"]})

    def __call__(self, path, bounds):
        """Runs a file with 1 thread, compares the results with Keras, and times it with 2 threads on a few images.

        Args:
          path: Path of the file or SavedModel.
          bounds: kind of quantisation, which determines the bounds: "none", "float16", "dynamic" or "int8".

        Returns:
          list of Row: the whole graph, and step by step; of an unrolled ONNX file only the former.

        Raises:
          DataError: the file does not run.
        """
        images = () if path.stem.endswith(UNROLLED) else self.images
        one = trial.run(path, 1, self.pictures, images, self.zooms if images else ())
        two = trial.run(path, 2, self.pictures[1 : 1 + _TIMED], images[:_TIMED])
        none = float("nan")
        expected, found = (
            [(labels, scores) for labels, scores in zip(of["labels"], of["scores"], strict=True)]
            for of in (self.graph, one)
        )
        counts = _equal_counts([labels for labels, _ in expected], [labels for labels, _ in found])
        ways = [("whole graph", none, *_differences(expected, found), counts, none, "milliseconds")]
        if images:
            at = "zoomed" if self.zooms else "host"
            found = [(one[f"{at}_labels_{i}"], one[f"{at}_scores_{i}"]) for i in range(len(images))]
            differences = _differences([(instances.labels, instances.scores) for instances in self.host], found)
            own = [one[f"host_labels_{i}"] for i in range(len(images))]
            counts, lost = _equal_counts([one.labels for one in self.host], own), self.accuracy - self._accuracy(own)
            zooms = float(np.mean(one["zooms"] == self.zooms)) if self.zooms else none
            ways.append(("step by step", zooms, *differences, counts, lost, "host_milliseconds"))
        beside = [path, path.with_suffix(WEIGHTS)] if path.suffix == XML else [path]
        files = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else beside
        megabytes = sum(part.stat().st_size for part in files) / 1e6
        rows = []
        for way, *figures, key in ways:
            count = len(self.pictures if key == "milliseconds" else images)
            times = float(np.median(one[key])), float(np.median(two[key]))
            row = Row(path.name, way, count, *figures, megabytes, times, str(one["operators"]), "")
            rows.append(row._replace(failed=_failed(row, bounds)))
        return rows

    def _accuracy(self, found):
        """Returns the mean symmetric best Dice of label maps against the ground truth."""
        return float(np.mean([metrics.symmetric_best_dice(*pair) for pair in zip(self.truth, found, strict=True)]))


def _differences(expected, found):
    """Returns the largest difference of a score and the share of equal pixels, of lists of (labels, scores)."""
    pairs = zip(expected, found, strict=True)
    shares, differences = zip(*(agreement(here[0], there[0], here[1], there[1]) for here, there in pairs), strict=True)
    return max(differences), float(np.mean(shares))


def _equal_counts(expected, found):
    """Returns the share of label maps with the same count."""
    return float(np.mean([here.max() == there.max() for here, there in zip(expected, found, strict=True)]))


def _failed(row, bounds):
    """Returns the first bound that a row misses, or ""."""
    counts = COUNTS if row.way == "whole graph" else least_counts(row.images, COUNTS_STEPS)
    exact = [("score", row.score, SCORE, 1), ("pixels", row.pixels, PIXELS, -1), ("counts", row.counts, counts, -1)]
    lost = "SBD lost", row.lost, LOSS, 1
    float16 = [("pixels", row.pixels, PIXELS_FLOAT16, -1), lost]
    eight_bits = [lost, ("counts", row.counts, least_counts(row.images, COUNTS_8_BITS), -1)]
    for name, value, limit, sign in {"none": exact, "float16": float16}.get(bounds, eight_bits):
        if sign * value > sign * limit:
            return f"{name} {value:.6g}, bound {limit:g}"
    return ""


def least_counts(images, share):
    """Returns the smallest share of equal counts that is accepted for a number of images, float.

    Which few counts differ depends on the processor: one pixel can decide whether enough of an object is visible. With
    24 images, a file that keeps 97% of the counts in the long run has two different counts in one of six trials.
    Therefore a file is refused only if it misses `share` by more than chance explains, by an exact binomial test.
    """
    return (images - binom.ppf(1 - _CHANCE, images, 1 - share)) / images


def table(rows):
    """Formats rows as a Markdown table."""
    lines = [
        "| file | way | images | equal zoom | score, largest difference | equal pixels | equal counts | SBD lost | MB"
        " | ms, 1 and 2 threads | within bounds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        zooms, lost = ("" if np.isnan(x) else f"{x:{how}}" for x, how in ((row.zooms, ".1%"), (row.lost, ".4f")))
        lines.append(
            f"| {row.file} | {row.way} | {row.images} | {zooms} | {row.score:.1e} | {row.pixels:.5%} "
            f"| {row.counts:.1%} | {lost} | {row.megabytes:.2f} | {row.milliseconds[0]:.0f}, {row.milliseconds[1]:.0f} "
            f"| {row.failed or 'yes'} |"
        )
    return "\n".join(lines)
