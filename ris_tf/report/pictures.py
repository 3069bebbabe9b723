"""Pictures of the report: images with their errors marked, and the steps of the network on one image (the "film")."""

import typing

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ris_tf.evaluation.tune import with_fields
from ris_tf.inference.order import Recorder, steps_before_stop
from ris_tf.inference.prediction import predict_instances, resolve
from ris_tf.instances.visualize import SMALLEST_SHOWN, outline_of, overlay, to_rgb

COLOURS = {  # of the outlines, RGB
    "right": (90, 200, 250),
    "missed": (255, 59, 48),
    "extra": (255, 214, 10),
    "split": (255, 100, 230),
    "merged": (255, 149, 0),
    "inexact": (120, 255, 120),
}
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


def marked(image, truth, labels, mistakes):
    """Draws the outlines of the predictions, and every error in its colour and with its name.

    Args:
      image: [H, W, C] of any real dtype.
      truth, labels: int [H, W], true and predicted label map, the latter from `labels.without_ignored`.
      mistakes: list of Mistake for these two maps.

    Returns:
      uint8 [k * H, k * W, 3], enlarged by a whole number k, same as in `visualize.overlay`. The colours are COLOURS.
      For missed and merged errors the true objects are outlined, for all others the predictions.
    """
    factor = max(1, -(-SMALLEST_SHOWN // max(truth.shape)))
    picture, truth, labels = (part.repeat(factor, 0).repeat(factor, 1) for part in (to_rgb(image), truth, labels))
    ids_true, ids_pred = (np.unique(part)[np.unique(part) > 0] for part in (truth, labels))
    picture[outline_of(labels, 2)] = COLOURS["right"]
    named = []
    for one in mistakes:
        of_truth = one.kind in ("missed", "merged")
        ids = ids_true[list(one.true)] if of_truth else ids_pred[list(one.pred)]
        inside = np.where(np.isin(truth if of_truth else labels, ids), truth if of_truth else labels, 0)
        picture[outline_of(inside, 2)] = COLOURS[one.kind]
        rows, columns = np.nonzero(inside)
        if rows.size:
            named.append((int(columns.mean()), int(rows.mean()), one.kind))
    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    for column, row, kind in named if len(named) <= _MOST_NAMED else ():
        size = max(14, max(truth.shape) // 30)
        font, halo = ImageFont.load_default(size=size), max(1, size // 8)
        reach = font.getlength(kind) / 2 + halo, size / 2 + halo  # keeps the name inside the picture
        place = [
            np.clip(at, edge, side - edge) for at, edge, side in zip((column, row), reach, canvas.size, strict=True)
        ]
        draw.text(place, kind, COLOURS[kind], font, anchor="mm", stroke_width=halo, stroke_fill=(20, 20, 20))
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
    shown, frames = (np.clip(tile, 0, 1) * 255).astype(np.uint8), []
    for step in range(min(taken + 1, len(scores))):
        labels = resolve(masks[: step + 1], scores[: step + 1], tile.shape[:2], predict)[0]
        picture = overlay(shown, labels)
        if step < taken:  # the new object in white
            factor = picture.shape[0] // labels.shape[0]
            new = resolve(masks[step : step + 1], scores[step : step + 1], tile.shape[:2], predict)[0]
            picture[outline_of(new.repeat(factor, 0).repeat(factor, 1), 2)] = 255
        frames.append(Frame(picture, float(scores[step]), step == taken))
    return frames
