"""The pictures of the report: images with their errors marked, and the film of one image."""

import typing

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ris_tf.inference import predict_instances, resolve
from ris_tf.order import Recorder, steps_before_stop
from ris_tf.tune import with_fields
from ris_tf.visualize import SMALLEST_SHOWN, outline_of, overlay, to_rgb

COLOURS = {  # of the outlines, RGB
    "right": (90, 200, 250),
    "missed": (255, 59, 48),
    "extra": (255, 214, 10),
    "split": (255, 100, 230),
    "merged": (255, 149, 0),
    "inexact": (120, 255, 120),
}
_MOST_NAMED = 40  # errors that are named in the picture; more would cover it


class Frame(typing.NamedTuple):
    """One step of the film: uint8 [h, w, 3], the step's score, whether it is the one that ends the count."""

    picture: np.ndarray
    score: float
    stop: bool


def marked(image, truth, labels, mistakes):
    """Draws what was found, and every error by its name.

    Args:
      image: [H, W, C] of any real dtype.
      truth, labels: int [H, W], true and predicted, the latter of `labels.without_ignored`.
      mistakes: list of Mistake, of these two.

    Returns:
      uint8 [k * H, k * W, 3], enlarged by a whole number as `visualize.overlay` is. Outlines in COLOURS: of true
      objects where they were missed or merged, of predictions elsewhere.
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
        reach = font.getlength(kind) / 2 + halo, size / 2 + halo  # the name stays within the picture
        place = [
            np.clip(at, edge, side - edge) for at, edge, side in zip((column, row), reach, canvas.size, strict=True)
        ]
        draw.text(place, kind, COLOURS[kind], font, anchor="mm", stroke_width=halo, stroke_fill=(20, 20, 20))
    return np.asarray(canvas)


def film(model, image):
    """The steps of one look at an image: of a tiled image, at the tile in which most was found.

    Args:
      model: RIS.
      image: [H, W, C].

    Returns:
      list of Frame; the last one may be the step whose score ended the count.
    """
    config = with_fields(model.config, {"orientations": 1})
    recorder, predict = Recorder(model.look), config.predict
    predict_instances(recorder, config, image, foreground=model.foreground)
    tiles = [
        (steps_before_stop(score, predict), look, index)
        for look, (_, _, scores) in enumerate(recorder.looks)
        for index, score in enumerate(scores)
    ]
    if not tiles:  # a first look saw nothing at all
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
