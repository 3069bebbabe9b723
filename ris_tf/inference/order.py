"""Records the looks of a network and the order in which it finds objects; applies the stop rule."""

import numpy as np


class Recorder:
    """Wraps the look of a network and keeps its inputs and outputs.

    Args:
      look: see `prediction.predict_instances`.

    Attributes:
      looks: list of (tiles float32 [B, h, w, C], masks float32 [B, T, h', w'], scores float32 [B, T]).
    """

    def __init__(self, look):
        self._look, self.looks = look, []

    def __call__(self, tiles):
        masks, scores = (np.asarray(part) for part in self._look(tiles))
        self.looks.append((tiles, masks, scores))
        return masks, scores


class Order:
    """Wraps the look of a network and keeps only the place and size of the object found in each step.

    Args:
      look: see `prediction.predict_instances`.
      predict: `config.predict`.

    Attributes:
      taken: list of float64 [n, 3], one for each look that found n >= 2 objects. Rows are in the order of the steps.
        The columns are the object's area divided by the mean area in the look, and the row and column of its centre as
        a share of the view.
    """

    def __init__(self, look, predict):
        self._look, self._predict, self.taken = look, predict, []
        self.multiple = getattr(look, "multiple", 0)  # see `looks.Look`

    def __call__(self, tiles):
        return self._noted(self._look(tiles))

    def across(self, view):
        at = self._look.across(view)
        return lambda windows: self._noted(at(windows))

    def _noted(self, found):
        masks, scores = map(np.asarray, found)
        for of_tile, score in zip(masks, scores, strict=True):
            inside = of_tile[: steps_before_stop(score, self._predict)] > self._predict.mask_threshold
            areas = inside.sum(axis=(1, 2))
            inside, areas = inside[areas > 0], areas[areas > 0]
            if len(areas) < 2:
                continue
            height, width = inside.shape[1:]
            row = (inside.sum(axis=2) @ np.arange(height)) / areas / max(height - 1, 1)
            column = (inside.sum(axis=1) @ np.arange(width)) / areas / max(width - 1, 1)
            self.taken.append(np.stack([areas / areas.mean(), row, column], axis=1))
        return masks, scores


def steps_before_stop(scores, predict):
    """Number of steps before the first score that is not above `predict.score_threshold`; scores are float [T]."""
    stop = scores <= predict.score_threshold
    return int(np.argmax(stop)) if stop.any() else len(scores)
