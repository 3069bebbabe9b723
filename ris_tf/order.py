"""In which order the network takes the objects of what it looks at."""

import numpy as np


class Recorder:
    """A network's look that keeps what it saw and gave.

    Args:
      look: as of `inference.predict_instances`.

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
    """A network's look that notes where and how large the object of each step was, and keeps nothing else.

    Args:
      look: as of `inference.predict_instances`.
      predict: `config.predict`.

    Attributes:
      taken: list of float64 [n, 3], one for each look that found n >= 2 objects, in the order of the steps: area over
        the mean area of the look, and the centre's row and column as shares of the view.
    """

    def __init__(self, look, predict):
        self._look, self._predict, self.taken = look, predict, []

    def __call__(self, tiles):
        masks, scores = (np.asarray(part) for part in self._look(tiles))
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
    """Steps before the first score, of float [T], that is not above the threshold."""
    stop = scores <= predict.score_threshold
    return int(np.argmax(stop)) if stop.any() else len(scores)
