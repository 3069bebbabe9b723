"""How unsure a model is of an image, without knowing the truth: by how much its orientations disagree."""

from itertools import combinations

import numpy as np

from ris_tf.evaluation.metrics import symmetric_best_dice
from ris_tf.inference.consensus import turn, turn_back

ORIENTATIONS = 4  # as it is, mirrored left to right, top to bottom, and both ways


def disagreement(predict, image):
    """Predicts an image in several orientations, and compares the results.

    Args:
        predict: function of an image [H, W, ...] that returns Instances.
        image: [H, W, ...], upright.

    Returns:
        Instances of the image as it is, and a float from 0, all orientations give the same instances, to 1: one minus
        the mean symmetric best Dice between two orientations.
    """
    found = [predict(np.ascontiguousarray(turn(image, way, 1, 0))) for way in range(ORIENTATIONS)]
    labels = [turn_back(one.labels, way, 1, 0) for way, one in enumerate(found)]
    return found[0], 1 - float(np.mean([symmetric_best_dice(*pair) for pair in combinations(labels, 2)]))
