"""The object at a place of an image that a person points to, whether or not the recurrence finds it."""

import numpy as np

from ris_tf.data.focus import closer_box
from ris_tf.data.normalize import normalize
from ris_tf.inference.prediction import view_of
from ris_tf.inference.resampling import background, fitting_box, place_above, sample
from ris_tf.inference.zoom import zoom_of


def object_at(model, image, row, column, labels=None, zoom=None):
    """Outlines the object at a place, by one look of the network at what lies around it.

    Args:
      model: RIS.
      image, row, column, labels, zoom: see `RIS.object_at`.

    Returns:
      bool [H, W].

    Raises:
      ValueError: the array is not an image, the place lies outside it, or the labels have another size.
    """
    config, image = model.config, normalize(image, model.config.model.channels)
    shape = image.shape[:2]
    if not (0 <= row < shape[0] and 0 <= column < shape[1]):
        raise ValueError(f"the place ({row}, {column}) must lie in the image. Received: an image of {shape}")
    covered = np.zeros(shape, bool) if labels is None else np.asarray(labels) > 0
    if covered.shape != shape:
        raise ValueError(f"labels must have the size of the image, {shape}. Received: {covered.shape}")
    box, seen = _around(model, image, row, column, zoom)
    size = config.model.size
    coverage = sample(covered[..., None].astype(np.float32), box, [length // 4 for length in size], [0.0])
    place = [(column + 0.5 - box[1]) * size[1] / box[3], (row + 0.5 - box[0]) * size[0] / box[2]]
    drawn = np.asarray(model.draw(seen[None], np.float32([place]), coverage[None]))[0]
    part, window = place_above(drawn, box, shape, config.predict.mask_threshold)
    mask = np.zeros(shape, bool)
    mask[window] = part > config.predict.mask_threshold
    return mask & ~covered


def _around(model, image, row, column, zoom):
    """The box that the network sees for a place, (top, left, height, width), and what it sees: float32 [*size, C]."""
    config, shape = model.config, image.shape[:2]
    if config.data.view == "tiles":
        zoom = zoom or zoom_of(model.looking(), config, image)
        lengths = [round(length / zoom) for length in config.model.size]
        starts = [
            int(np.clip(round(at + 0.5 - length / 2), 0, max(0, most - length)))
            for at, length, most in zip((row, column), lengths, shape, strict=True)
        ]
        box = (*starts, *lengths)
        return box, sample(image, box, config.model.size, background(image, box))
    box = fitting_box(*shape, config.model.size)
    seen = view_of(image, box, config)
    if config.data.view == "focus":
        found = np.asarray(model.foreground(seen[None]))[0]
        closer = closer_box(found, box, shape, config.model.size, config.predict.zoom_limits[1])
        if closer and 0 <= row - closer[0] < closer[2] and 0 <= column - closer[1] < closer[3]:
            return closer, view_of(image, closer, config)
    return box, seen
