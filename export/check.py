"""Proof that exported files give what Keras gives: counts, pixels, scores and accuracy beside the model's own."""

from typing import NamedTuple

import numpy as np
import tensorflow as tf
from scipy.optimize import linear_sum_assignment

from ris_tf import metrics
from ris_tf.export import trial
from ris_tf.export.pictures import to_try
from ris_tf.inference import predict_instances

SCORE, PIXELS, COUNTS = 1e-4, 0.9999, 1.0  # bounds of float32: largest difference, shares that are equal at least
PIXELS_FLOAT16 = 0.999
LOSS, COUNTS_8_BITS = 0.01, 0.95  # of symmetric best Dice; share of equal counts
_NOISE, _DRAWS = 1e-5, 8  # added to what the network reads, in units of its range, to see ties; how often it is tried


class Row(NamedTuple):
    """One way through one file, against Keras.

    `pixels` is the share of pixels with the same label, up to the numbering of the instances; `counts` the share of
    images with the same count; `score` the largest difference of a score; `lost` the loss of symmetric best Dice on
    images with known labels, NaN for the whole graph; `milliseconds` the median at 1 and at 2 threads; `ties` the
    images compared with Keras under noise, see `Check`; `failed` the bound that was missed, or "".
    """

    file: str
    way: str
    images: int
    score: float
    pixels: float
    counts: float
    lost: float
    megabytes: float
    milliseconds: tuple
    operators: str
    ties: int
    failed: str


def agreement(first, second, first_scores, second_scores):
    """How far two results agree, whatever the order in which the instances were found.

    Args:
      first, second: integer [H, W], 0 background, 1..n.
      first_scores, second_scores: float [n], of the labels.

    Returns:
      share: of pixels whose labels correspond; difference: the largest of corresponding scores, 0 without any.
    """
    size = first.max() + 1, second.max() + 1
    table = np.bincount(first.ravel() * size[1] + second.ravel(), minlength=size[0] * size[1]).reshape(size)
    rows, columns = linear_sum_assignment(table[1:, 1:], maximize=True)
    share = (table[0, 0] + table[1:, 1:][rows, columns].sum()) / first.size
    pairs = [(r, c) for r, c in zip(rows, columns, strict=True) if table[r + 1, c + 1]]
    return share, max((abs(float(first_scores[r]) - float(second_scores[c])) for r, c in pairs), default=0.0)


class Check:
    """Compares files with the model that they were made from.

    Where two places tie for the next look, to the last digits of float32, rounding decides which comes first, and the
    masks that follow differ: between runtimes, but also in Keras. A float32 file that differs from Keras on an image is
    therefore compared again with Keras reading the image with noise of 1e-5. If it equals one of eight such results,
    these count; `Row.ties` says for how many images.

    Args:
      graph: `inference.Graph`.
      samples: list of (image, labels), at least one.
    """

    def __init__(self, graph, samples):
        self.model = graph.model
        self.images, self.truth = zip(*samples, strict=True)
        self.pictures = to_try(graph, list(self.images))
        self._predict = tf.function(lambda picture, noise: graph.predict(picture, noise=noise))
        self._seen = (*graph.input, graph.image[2])
        self.graph = [self._whole(index) for index in range(len(self.pictures))]
        self.host = [self._step_by_step(index) for index in range(len(self.images))]
        self.accuracy = self._accuracy([labels for labels, _ in self.host])

    @property
    def counts(self):
        """Counts of Keras on the pictures, sorted and each once."""
        return sorted({int(labels.max()) for labels, _ in self.graph})

    def __call__(self, path, bounds):
        """Runs a file at 1 and at 2 threads.

        Args:
          path: Path.
          bounds: "none", "float16", "dynamic" or "int8".

        Returns:
          list of two Row.

        Raises:
          DataError: the file does not run.
        """
        one, two = (trial.run(path, threads, self.pictures, self.images) for threads in (1, 2))
        graph = list(zip(one["labels"], one["scores"], strict=True))
        host = [(one[f"host_labels_{i}"], one[f"host_scores_{i}"]) for i in range(len(self.images))]
        lost = self.accuracy - self._accuracy([labels for labels, _ in host])
        files = [part for part in path.rglob("*") if part.is_file()] if path.is_dir() else [path]
        megabytes = sum(part.stat().st_size for part in files) / 1e6
        rows = []
        for way, expected, found, again, loss, key in (
            ("whole graph", self.graph, graph, self._whole, float("nan"), "milliseconds"),
            ("step by step", self.host, host, self._step_by_step, lost, "host_milliseconds"),
        ):
            score, pixels, counts, ties = self._compare(expected, found, again if bounds == "none" else None)
            times = float(np.median(one[key])), float(np.median(two[key]))
            figures = len(found), score, pixels, counts, loss, megabytes, times, str(one["operators"]), ties
            row = Row(path.name, way, *figures, "")
            rows.append(row._replace(failed=_failed(row, bounds)))
        return rows

    def _whole(self, index, noise=0.0):
        """Labels and scores of one picture by Keras, the graph as a whole."""
        found = self._predict(self.pictures[index : index + 1], tf.constant(noise, tf.float32))
        return found["labels"].numpy()[0], found["scores"].numpy()[0]

    def _step_by_step(self, index, noise=0.0):
        """Labels and scores of one image by Keras, with the loop in the host."""
        model = self.model

        def look(views):
            return model.look((views + noise).astype(np.float32))

        instances = predict_instances(look, model.config, self.images[index], foreground=model.foreground)
        return instances.labels, instances.scores

    def _accuracy(self, found):
        return float(np.mean([metrics.symmetric_best_dice(*pair) for pair in zip(self.truth, found, strict=True)]))

    def _compare(self, expected, found, again):
        """(largest difference of a score, share of equal pixels, share of equal counts, ties).

        `again` computes the expected labels and scores of an image under noise; None looks for no ties.
        """
        results, ties = [], 0
        for index, (one, other) in enumerate(zip(expected, found, strict=True)):
            result = _equality(one, other)
            if again and not _equal(result):
                draws = (_NOISE * np.random.default_rng(seed).standard_normal(self._seen) for seed in range(_DRAWS))
                shaken = (_equality(again(index, noise), other) for noise in draws)
                tied = next(filter(_equal, shaken), None)
                ties += tied is not None
                result = tied or result
            results.append(result)
        shares, differences, same = zip(*results, strict=True)
        return max(differences), float(np.mean(shares)), float(np.mean(same)), ties


def _equality(one, other):
    """Of two (labels, scores): share of equal pixels, largest difference of a score, whether the counts are equal."""
    return *agreement(one[0], other[0], one[1], other[1]), one[0].max() == other[0].max()


def _equal(result):
    share, difference, same = result
    return share >= PIXELS and difference <= SCORE and same


def _failed(row, bounds):
    """The first bound that a row misses, or ""."""
    exact = [("score", row.score, SCORE, 1), ("pixels", row.pixels, PIXELS, -1), ("counts", row.counts, COUNTS, -1)]
    float16 = [("pixels", row.pixels, PIXELS_FLOAT16, -1)]
    eight_bits = [("SBD lost", row.lost, LOSS, 1), ("counts", row.counts, COUNTS_8_BITS, -1)]
    for name, value, limit, sign in {"none": exact, "float16": float16}.get(bounds, eight_bits):
        if sign * value > sign * limit:
            return f"{name} {value:.6g}, bound {limit:g}"
    return ""


def table(rows):
    """Rows as lines of Markdown."""
    lines = [
        "| file | way | images | ties | score, largest difference | equal pixels | equal counts | SBD lost | MB | ms, 1"
        " and 2 threads | within bounds |",
        "|---|---|---|---|---|---|---|---|---|---|---|",
    ]
    for row in rows:
        lost, times = "" if np.isnan(row.lost) else f"{row.lost:.4f}", "{:.0f}, {:.0f}".format(*row.milliseconds)
        lines.append(
            f"| {row.file} | {row.way} | {row.images} | {row.ties} | {row.score:.1e} | {row.pixels:.5%}"
            f" | {row.counts:.1%} | {lost} | {row.megabytes:.2f} | {times} | {row.failed or 'yes'} |"
        )
    return "\n".join(lines)
