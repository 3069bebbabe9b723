"""Pictures of the report: images with their errors marked, and the steps of the network on one image (the "film")."""

import typing

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ris_tf.evaluation.tune import with_fields
from ris_tf.inference.looks import resolve
from ris_tf.inference.order import Recorder, steps_before_stop
from ris_tf.inference.prediction import predict_instances
from ris_tf.instances.visualize import DARK, draw_outlines, enlargement, outline_of, overlay, to_rgb

COLOURS = {  # of the outlines, RGB; told apart from each other, from leaves and soil, and from black and white
    "right": (90, 200, 250),
    "missed": (255, 59, 48),
    "extra": (255, 230, 0),
    "split": (255, 100, 230),
    "merged": (255, 149, 0),
    "inexact": (60, 105, 240),
}
_MARGIN = 0.1  # around the objects, as a share of the longer side of the box that contains them
_MOST_NAMED = 40  # if there are more errors, none is named, because the names would cover the picture


class Frame(typing.NamedTuple):
    """One step of the film.

    Attributes:
      picture: uint8 [h, w, 3].
      score: the step's score, float in [0, 1].
      stop: whether this step ends the count, that is, its object no longer counts.
    """

    picture: np.ndarray
    score: float
    stop: bool


def window(*maps):
    """The part of an image that contains all objects, with a margin; all of it if there is no object.

    Args:
      *maps: integer [H, W], label maps of the image; 0 is background, negative is ignored.

    Returns:
      (rows, columns), slices.
    """
    inside = np.any([labels > 0 for labels in maps], axis=0)
    if not inside.any():
        return slice(0, inside.shape[0]), slice(0, inside.shape[1])
    bounds = [np.flatnonzero(inside.any(axis=axis))[[0, -1]] for axis in (1, 0)]
    margin = int(np.ceil(_MARGIN * max(last - first for first, last in bounds))) + 1
    ends = zip(bounds, inside.shape, strict=True)
    return tuple(slice(max(int(first) - margin, 0), min(int(last) + margin + 1, end)) for (first, last), end in ends)


def marked(image, truth, labels, mistakes):
    """Draws the outlines of the predictions, and every error in its colour and with its name.

    Args:
      image: [H, W, C] of any real dtype.
      truth, labels: int [H, W], true and predicted label map, the latter from `labels.without_ignored`.
      mistakes: list of Mistake for these two maps.

    Returns:
      uint8 [k * H, k * W, 3] with k from `visualize.enlargement`. The colours of the outlines are COLOURS.
      For missed and merged errors the true objects are outlined, for all others the predictions.
    """
    factor = enlargement(labels if labels.any() else truth)
    picture, truth, labels = (part.repeat(factor, 0).repeat(factor, 1) for part in (to_rgb(image), truth, labels))
    ids_true, ids_pred = (np.unique(part)[np.unique(part) > 0] for part in (truth, labels))
    draw_outlines(picture, labels, COLOURS["right"])
    named = []
    for one in mistakes:
        of_truth = one.kind in ("missed", "merged")
        ids = ids_true[list(one.true)] if of_truth else ids_pred[list(one.pred)]
        inside = np.where(np.isin(truth if of_truth else labels, ids), truth if of_truth else labels, 0)
        draw_outlines(picture, inside, COLOURS[one.kind])
        rows, columns = np.nonzero(inside)
        if rows.size:
            named.append((int(columns.mean()), int(rows.mean()), int(rows.min()), int(rows.max()), one.kind))
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    size = max(14, max(truth.shape) // 40)
    font, halo = ImageFont.load_default(size=size), max(1, size // 8)
    for column, row, top, bottom, kind in named if len(named) <= _MOST_NAMED else ():
        if bottom - top < 4 * size:  # a small object would be hidden by its name, which is written below or above it
            row = bottom + size if bottom + 2 * size < canvas.height else top - size
        reach = font.getlength(kind) / 2 + halo, size / 2 + halo  # keeps the name inside the picture
        place = [
            np.clip(at, edge, side - edge) for at, edge, side in zip((column, row), reach, canvas.size, strict=True)
        ]
        pale = tuple((255 + value) // 2 for value in COLOURS[kind])
        draw.text(place, kind, pale, font, anchor="mm", stroke_width=halo, stroke_fill=DARK)
    return np.asarray(canvas)


def film(model, image):
    """Shows the steps of one look at an image; for a tiled image, at the tile in which most objects were found.

    Args:
      model: RIS.
      image: [H, W, C] of any real dtype.

    Returns:
      list of Frame; the last one may be the step whose score ended the count. Empty if a first pass found no
      foreground, so that the image was not looked at.
    """
    config = with_fields(model.config, {"orientations": 1})
    recorder, predict = Recorder(model.look), config.predict
    predict_instances(recorder, config, image, foreground=model.foreground)
    tiles = [
        (steps_before_stop(score, predict), look, index)
        for look, (_, _, scores) in enumerate(recorder.looks)
        for index, score in enumerate(scores)
    ]
    if not tiles:  # the first pass found no foreground
        return []
    taken, look, index = max(tiles)
    tile, masks, scores = (part[index] for part in recorder.looks[look])
    shown, size = (np.clip(tile, 0, 1) * 255).astype(np.uint8), tile.shape[:2]
    steps = range(min(taken + 1, len(scores)))
    maps = [resolve(masks[: step + 1], scores[: step + 1], size, predict)[0] for step in steps]
    part = window(*maps)
    factor, frames = enlargement(maps[-1][part]), []
    for step, labels in zip(steps, maps, strict=True):
        picture = overlay(shown[part], labels[part], factor=factor)
        if step < taken:  # the new object in white
            new = resolve(masks[step : step + 1], scores[step : step + 1], size, predict)[0][part]
            picture[outline_of(new.repeat(factor, 0).repeat(factor, 1))] = 255
        frames.append(Frame(picture, float(scores[step]), step == taken))
    return frames
