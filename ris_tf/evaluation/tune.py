"""Tunes the decoding thresholds by grid search on images with known label maps (`ris-evaluate --tune`).

The fields are searched in stages, each with a full grid: first the score and mask thresholds; for tiled images then the
diameter that the zoom aims at; then the least area; finally the two thresholds again, on a finer grid. A candidate is a
set of field values. The best candidate has the highest mean AP (pooled, IoU 0.5 to 0.9) + SBD - |DiC| over the mean
count: outlines and counts weigh the same. Mean AP alone prefers to leave out whatever is doubtful, see
docs/research/self-configured.md.

Within a stage the network runs once per image and diameter, no matter how many candidates there are: its outputs are
kept while the image is decoded with every candidate. For tiled images, the zoom of each diameter is found with the
values of the other fields that the stage started from. In the last stage, "as used", the winners of the
other stages and the original values are measured as they will be used, each with the zoom of its own fields. If no
winner is better than the original values, these are kept.
"""

import copy
import hashlib
import itertools
import json

import numpy as np
from tqdm import tqdm

from ris_tf.evaluation import count_range, metrics
from ris_tf.inference.prediction import predict_instances
from ris_tf.inference.zoom import find_zoom
from ris_tf.instances.unfinished import pixel_state

_SCORES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9)
_MASKS = (0.35, 0.4, 0.45, 0.5, 0.55, 0.6)
_FINE = {"score_threshold": (-0.05, -0.025, 0.0, 0.025, 0.05), "mask_threshold": (-0.025, 0.0, 0.025)}  # offsets
LEAST_SCORE = min(_SCORES) + min(_FINE["score_threshold"])  # the lowest score threshold that is tried
_SHARES = (0.8, 0.9, 1.0, 1.1, 1.25)  # factors of the diameter
_AREAS = (0.25, 0.5, 1.0, 2.0, 4.0)  # factors of the least area; none at all is tried, too


class Remembered:
    """Caches a network's outputs by tile or window, so that what was seen before is not computed again.

    It is called in the same way as the network.

    Args:
      look: the network, see `inference.prediction.predict_instances`.

    Attributes:
      seen: number of tiles and windows that the network has processed, int.
    """

    def __init__(self, look):
        self._look, self._known, self._views, self.seen = look, {}, {}, 0
        self.multiple = getattr(look, "multiple", 0)  # see `looks.Look`

    def __call__(self, tiles):
        return self._outputs([_digest(tile) for tile in tiles], lambda some: self._look(tiles[some]))

    def across(self, view):
        name = _digest(view)
        if name not in self._views:
            self._views[name] = self._look.across(view)
        at = self._views[name]
        return lambda windows: self._outputs(
            [(name, *window) for window in windows], lambda some: at([windows[index] for index in some])
        )

    def _outputs(self, keys, compute):
        fresh = {key: index for index, key in enumerate(keys) if key not in self._known}
        if fresh:
            masks, scores = (np.asarray(part) for part in compute(list(fresh.values())))
            self._known |= {key: (masks[i], scores[i]) for i, key in enumerate(fresh)}
            self.seen += len(fresh)
        masks, scores = zip(*(self._known[key] for key in keys), strict=True)
        return np.stack(masks), np.stack(scores)


def _digest(pixels):
    return hashlib.blake2b(np.ascontiguousarray(pixels)).digest()


def tune(look, config, source, foreground=None, crf=False, kept=None):
    """Searches the best values of the decoding fields of `config.predict`.

    Args:
      look, foreground: of the network, see `inference.prediction.predict_instances`. A look must go on down to
        LEAST_SCORE, or to the score threshold of the config if that is lower.
      config: config of the model; it is not changed.
      source: list of (name, read), see `data.sources.open_source`.
      crf: whether masks are refined by a CRF.
      kept: None, or an `instances.unfinished.Kept` that stores the results of each image and stage. Images whose
        results it has already are not measured again.

    Returns:
      fields: dict, the best values; those of `config` if no candidate is better. "count_spread", which is not searched,
        is learned from the counts that the best values give.
      trials: list of dict, one per candidate in the order of the search, with the keys "stage", the fields, "ap_mean",
      "sbd" and "abs_dic".
    """
    trials, winners = [], [_fields(config)]

    def search(stage, candidates, as_used=False):
        rows = []
        for index, (_, read) in enumerate(tqdm(source, f"tuning, {stage}", leave=False)):
            image, truth = read()
            name, state = f"{stage}_{index:07d}", [candidates, *pixel_state(image), *pixel_state(truth)]
            before = kept.read(name, state) if kept else None
            if before:
                rows.append(json.loads(str(before[0])))
                continue
            decoded = _decoded(look, config, image, candidates, foreground, crf, as_used)
            found = {candidate: metrics.evaluate_image(truth, labels) for candidate, labels in decoded}
            rows.append([found[candidate] for candidate in range(len(candidates))])
            if kept:
                kept.write(name, state, [np.array(json.dumps(rows[-1]))])
        results = [metrics.summarise(one) for one in zip(*rows, strict=True)]
        for fields, result in zip(candidates, results, strict=True):
            trials.append({"stage": stage, **fields, **{name: result[name] for name in ("ap_mean", "sbd", "abs_dic")}})
        best = candidates[results.index(max(results, key=_rank))]
        if best not in winners:
            winners.append(best)
        return best, [row[candidates.index(best)] for row in rows]

    best, _ = search("thresholds", _grid(winners[0], score_threshold=_SCORES, mask_threshold=_MASKS))
    if config.data.view == "tiles":
        best, _ = search("diameter", _grid(best, diameter=[round(share * best["diameter"], 1) for share in _SHARES]))
    areas = sorted({1, *(max(1, round(share * best["min_area"])) for share in _AREAS)})
    best, _ = search("least area", _grid(best, min_area=areas))
    near = {name: _near(best[name], steps) for name, steps in _FINE.items()}
    search("thresholds, finer", _grid(best, **near))
    best, rows = search("as used", list(winners), as_used=True)
    spread = count_range.spread_of([row["count_pred"] for row in rows], [row["count_true"] for row in rows])
    return {**best, "count_spread": spread}, trials


def tune_model(model, source, crf=False, kept=None):
    """Finds the best thresholds of a model and sets them in its config.

    Args:
      model: RIS.
      source, crf, kept: see `tune`.

    Returns:
      before: dict, the values that the fields had.
      fields, trials: see `tune`.
    """
    look = model.looking(min(LEAST_SCORE, model.config.predict.score_threshold))
    fields, trials = tune(look, model.config, source, model.foreground, crf, kept)
    before = {name: model.config.predict[name] for name in fields}
    model.config.predict.update(fields)
    return before, fields, trials


def with_fields(config, fields):
    """Copy of a model's config (RIS or Exported) with some fields of `predict` changed.

    Args:
      config: ConfigDict; it is not changed.
      fields: {name of a field of `predict`: value}.
    """
    changed = copy.deepcopy(config)
    for name, value in fields.items():
        setattr(changed.predict, name, value)
    return changed


def _fields(config):
    """Present values of the fields that are searched."""
    names = ["score_threshold", "mask_threshold", "min_area", *["diameter"] * (config.data.view == "tiles")]
    return {name: config.predict[name] for name in names}


def _grid(base, **values):
    """All combinations of the values; `base` comes first, so that it wins among equals."""
    grid = [{**base, **dict(zip(values, some, strict=True))} for some in itertools.product(*values.values())]
    return [base, *(fields for fields in grid if fields != base)]


def _near(value, steps):
    """The value plus each offset, clipped to [0, 1]."""
    return [round(float(np.clip(value + step, 0.0, 1.0)), 3) for step in steps]


def _rank(result):
    """Sort key of a candidate's result: a better one is larger. A difference below 0.001 is noise."""
    return round(result["ap_mean"] + result["sbd"] - (result["relative_abs_dic"] or 0.0), 3)


def _decoded(look, config, image, candidates, foreground, crf, as_used):
    """Yields (index of a candidate, label map); candidates with the same diameter share the network's outputs."""
    order = sorted(range(len(candidates)), key=lambda index: candidates[index].get("diameter", 0))
    for _, group in itertools.groupby(order, key=lambda index: candidates[index].get("diameter", 0)):
        group = list(group)
        remembered, zoom = Remembered(look), None
        if config.data.view == "tiles" and not as_used:
            diameter = {"diameter": candidates[group[0]]["diameter"]}
            zoom = find_zoom(remembered, with_fields(config, {**candidates[0], **diameter}), image)
        for index in group:
            now = with_fields(config, candidates[index])
            yield index, predict_instances(remembered, now, image, crf, foreground, zoom).labels
