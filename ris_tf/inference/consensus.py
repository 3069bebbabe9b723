"""Test-time augmentation: combines looks at mirrored and transposed copies of an image by majority vote. NumPy only.

A network finds a clear object in every orientation of the image, but a speck or a wrong border only in some of them.
Each orientation gives instances. Instances of different orientations that overlap are taken as one object, and its mask
is the mean of their masks.
"""

import math

import numpy as np

from ris_tf.errors import UsageError
from ris_tf.inference.order import steps_before_stop
from ris_tf.settings.ranges import ORIENTATIONS, orientations_of

CHOICES = tuple(map(str, ORIENTATIONS))  # allowed values of a flag
# Two masks with an IoU above this show the same object. The masks of one look hardly overlap, so only one of them can.
SAME_IOU = 0.5
_ROWS, _COLUMNS = -3, -2  # axes of images [B, h, w, C]


def agreed(look, config):
    """Combines the looks of a network at `predict.orientations` orientations of an image into one look.

    The first four orientations are the image itself, mirrored left to right, mirrored top to bottom, and mirrored both
    ways. With 8 orientations, each of these is also used with rows and columns exchanged, which needs a square
    `model.size`.

    Args:
      look: see `prediction.predict_instances`.
      config: config of the model; `predict.orientations`, `predict.score_threshold` and `predict.mask_threshold` are
        read.

    Returns:
      function with the same arguments and results as `look`. After the last object its scores are 0, which ends the
      count. If most orientations used up all steps, these scores are 1 instead, with empty masks.
    """
    ways = range(config.predict.orientations)
    if len(ways) == 1:
        return look

    def look_around(images):
        masks, scores = [], []
        for way in ways:
            found = [np.asarray(part) for part in look(np.ascontiguousarray(turn(images, way, _COLUMNS, _ROWS)))]
            masks.append(turn_back(found[0], way, -1, -2))
            scores.append(found[1])
        seen = [_agreement(*one, config.predict) for one in zip(np.stack(masks, 1), np.stack(scores, 1), strict=True)]
        return tuple(map(np.stack, zip(*seen, strict=True)))

    return look_around


def choose(model, orientations):
    """Sets `predict.orientations` of a model, whose range of counts is then not known if the value is another one.

    Args:
      model: RIS or Exported.
      orientations: one of CHOICES; None keeps the value of the model's config.

    Raises:
      UsageError: 8 orientations were requested, but the model's input is not square.
    """
    if orientations is None:
        return
    height, width = model.config.model.size
    if int(orientations) not in orientations_of((height, width)):
        raise UsageError(
            f"--orientations={orientations}: the input of this model is not square, but {height}x{width}; "
            "expected 1, 2 or 4"
        )
    if int(orientations) != model.config.predict.orientations:
        model.config.predict.orientations, model.config.predict.count_spread = int(orientations), 0.0


def turn(array, way, columns, rows):
    """An array in one of eight orientations, a number from 0; `columns` and `rows` are the axes of the image."""
    mirrored = np.flip(array, [axis for bit, axis in enumerate((columns, rows)) if way >> bit & 1])
    return mirrored.swapaxes(rows, columns) if way & 4 else mirrored


def turn_back(array, way, columns, rows):
    """Undoes `turn`."""
    upright = array.swapaxes(rows, columns) if way & 4 else array
    return np.flip(upright, [axis for bit, axis in enumerate((columns, rows)) if way >> bit & 1])


def _agreement(masks, scores, predict):
    """Finds the objects that more than half of the orientations found.

    Args:
      masks: float32 [V, T, h, w], masks of V orientations.
      scores: float32 [V, T].
      predict: `config.predict`.

    Returns:
      masks float32 [T, h, w] and scores float32 [T], in the order in which the objects were found.
    """
    ways, steps = scores.shape
    taken = [steps_before_stop(one, predict) for one in scores]
    way, step = np.repeat(np.arange(ways), taken), np.concatenate([np.arange(count) for count in taken])
    near = _overlaps(masks[way, step] > predict.mask_threshold)
    support = sum((near * (way == v)).max(1, initial=0) for v in range(ways))
    left, objects = np.ones(len(way), bool), []
    for index in np.argsort(-support, kind="stable"):
        if left[index]:
            same = near[index] * left
            chosen = [np.argmax(same * (way == v)) for v in range(ways) if (same * (way == v)).any()]
            left[chosen] = False
            if 2 * len(chosen) > ways:
                objects.append(chosen)
    objects = sorted(objects, key=lambda chosen: step[chosen].mean())[:steps]
    mean_masks, mean_scores = np.zeros(masks.shape[1:], np.float32), np.zeros(steps, np.float32)
    for index, chosen in enumerate(objects):
        mean_masks[index] = masks[way[chosen], step[chosen]].mean(0)
        mean_scores[index] = scores[way[chosen], step[chosen]].mean()
    if 2 * taken.count(steps) > ways:
        mean_scores[len(objects) :] = 1
    return mean_masks, mean_scores


def _overlaps(inside):
    """IoU of every pair of masks, bool [N, h, w] -> float32 [N, N]; 0 where two masks are not the same object."""
    flat = inside.reshape(len(inside), math.prod(inside.shape[1:])).astype(np.float32)
    inter, area = flat @ flat.T, flat.sum(1)
    iou = inter / np.maximum(area + area[:, None] - inter, 1)
    return np.where(iou > SAME_IOU, iou, 0)
