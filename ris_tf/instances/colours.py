"""Colours of objects in pictures: told apart from the object itself and from the objects beside it."""

import colorsys

import numpy as np

from ris_tf.instances.cielab import difference, lab

GOLDEN_RATIO = (5**0.5 - 1) / 2
FROM_OBJECT, FROM_OTHERS = 45, 30  # differences of colours (CIEDE2000) from the object, and from those beside it
_BRIGHT = 55  # least lightness in CIELAB, because there are dark lines beside outlines
_GAP = 1 / 32  # objects are beside each other if half of the gap is smaller than this share of the longest side
_SEARCHED = 1024  # px, longest side of the map in which neighbours are searched
_SHADES = ((0.80, 1.0), (0.90, 0.92), (0.55, 1.0))  # saturation and brightness


def palette():
    """Bright colours in an order in which neighbours differ much, uint8 `[n, 3]`, RGB.

    The hue advances by the golden ratio, so that it never comes close to a hue used a few places before. Saturation and
    brightness alternate, too.
    """
    hues = (0.55 + np.arange(48) * GOLDEN_RATIO) % 1
    colours = [colorsys.hsv_to_rgb(hue, *_SHADES[index % len(_SHADES)]) for index, hue in enumerate(hues)]
    colours = np.round(255 * np.array(colours)).astype(np.uint8)
    return colours[lab(colours / 255)[:, 0] >= _BRIGHT]


def instance_colours(picture, labels):
    """Chooses a colour for each object.

    A colour suits an object if it differs by FROM_OBJECT from the object's mean colour; if hardly any does, as on white
    objects, the more different ones suit. Object n takes the n-th colour of the palette, or the next one that suits and
    differs by FROM_OTHERS from the colours of the objects beside it that have smaller numbers. If there is none, it
    takes the one that suits and differs most from these.

    Args:
        picture: uint8 `[H, W, 3]`, RGB.
        labels: integer `[H, W]`; 0 is background, 1..N are objects.

    Returns:
        uint8 `[N + 1, 3]`, RGB; row 0, the background, is black.
    """
    ids = np.arange(1, int(labels.max(initial=0)) + 1)
    colours = palette()
    shown = lab(colours / 255)
    sums = [np.bincount(labels.ravel(), picture[..., channel].ravel()) for channel in range(3)]
    means = np.stack(sums, axis=-1)[1:] / np.bincount(labels.ravel())[1:, None]
    own = difference(lab(means / 255)[:, None], shown[None])  # [N, colours]
    suits = own >= np.minimum(FROM_OBJECT, 0.75 * own.max(axis=1, keepdims=True))
    between = difference(shown[:, None], shown[None])  # [colours, colours]
    beside = _smaller_beside(labels)
    taken = np.zeros(len(ids) + 1, int)
    for number in ids:
        order = (number - 1 + np.arange(len(colours))) % len(colours)
        order = order[suits[number - 1, order]]
        distance = between[taken[beside.get(number, [])]].min(axis=0, initial=np.inf)[order]
        taken[number] = order[np.argmax(np.minimum(distance, FROM_OTHERS))]  # the first that is far, or the farthest
    return np.where(np.arange(len(ids) + 1)[:, None] > 0, colours[taken], 0).astype(np.uint8)


def _smaller_beside(labels):
    """{number of an object: numbers of the objects beside it that are smaller}, without objects that have none."""
    side = max(labels.shape)
    few = labels[:: -(-side // _SEARCHED), :: -(-side // _SEARCHED)]
    regions = _spread(few, round(_GAP * max(few.shape)))
    pairs = (regions[1:], regions[:-1]), (regions[:, 1:], regions[:, :-1])
    met = np.concatenate([np.stack([a[a != b], b[a != b]]) for a, b in pairs], axis=1)
    low, high = met.min(axis=0), met.max(axis=0)
    found = np.unique(np.stack([high, low])[:, low > 0], axis=1)
    numbers, starts = np.unique(found[0], return_index=True)
    return dict(zip(numbers.tolist(), np.split(found[1], starts)[1:], strict=True))  # the first part is empty


def _spread(labels, distance):
    """Grows all objects into the background, pixel by pixel up to `distance`; the shapes grow as octagons do."""
    spread = np.pad(labels, 1)
    for turn in range(distance):
        along = spread.copy()
        along[1:-1] = np.maximum(np.maximum(spread[:-2], spread[2:]), spread[1:-1])
        beside = along if turn % 2 else spread  # in every other turn diagonally as well
        found = np.maximum(np.maximum(beside[1:-1, :-2], beside[1:-1, 2:]), along[1:-1, 1:-1])
        np.copyto(spread[1:-1, 1:-1], found, where=spread[1:-1, 1:-1] == 0)
    return spread[1:-1, 1:-1]
