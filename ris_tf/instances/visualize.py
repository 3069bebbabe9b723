"""Overlay images: draws instances over their image with filled masks, outlines, numbers and the count."""

import colorsys

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from scipy import ndimage
from skimage.segmentation import find_boundaries

from ris_tf.instances.labels import relabel

CONTRAST = (1.0, 99.8)  # percentiles shown as black and white, so that a few hot pixels do not darken the rest
FILL = 0.25  # opacity of an object's colour inside its outline
SMALLEST_SHOWN = 512  # px, longest side; smaller images are enlarged at least to this size
FONT_SIZES = (9, 28)  # px, smallest and largest; an object without room for the smallest gets no number
GOLDEN_RATIO = (5**0.5 - 1) / 2


def overlay(image, labels, scores=None):
    """Draws instances over their image.

    Args:
        image: `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]` of any real dtype. uint8 colour is
            shown as it is; all other images are stretched from their 1st to their 99.8th percentile.
        labels: integer `[H, W]`; 0 is background, ids may have gaps; ignored (negative) pixels are shown darker.
        scores: None, or float `[N]` in [0, 1] in ascending order of the ids. Scores are written in percent below the
            numbers of objects that have room for them.

    Returns:
        uint8 `[k * H, k * W, 3]`. k is 1 if the longest side is 512 pixels or more, and otherwise the
        smallest integer that brings it there, so that outlines and numbers are legible.

    Raises:
        ValueError: image and labels differ in size, or there is not one score for each instance.
    """
    ignored = np.asarray(labels) < 0
    labels = relabel(np.where(ignored, 0, labels))
    picture = to_rgb(image)
    count = int(labels.max(initial=0))
    if picture.shape[:2] != labels.shape:
        raise ValueError(f"image is {picture.shape[:2]} but labels are {labels.shape}; they must be of the same size")
    picture[ignored] = picture[ignored] // 3
    if scores is not None and len(scores) != count:
        raise ValueError(f"scores must be one for each of the {count} instances. Received: {len(scores)}")

    factor = max(1, -(-SMALLEST_SHOWN // max(labels.shape)))
    labels = labels.repeat(factor, axis=0).repeat(factor, axis=1)
    picture = picture.repeat(factor, axis=0).repeat(factor, axis=1)
    width = 2 if max(labels.shape) >= 2 * SMALLEST_SHOWN or factor > 1 else 1

    colours = instance_colours(count)[labels]  # [H, W, 3]
    inside = labels > 0
    outline = outline_of(labels, width)
    blend = picture + FILL * (colours.astype(np.float32) - picture)
    picture = np.where(inside[..., None], blend.round().astype(np.uint8), picture)
    picture[outline] = colours[outline]

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    _write_numbers(draw, labels, scores)
    _write_count(draw, count, labels.shape)
    return np.asarray(canvas).copy()


def to_rgb(image):
    """Converts an image of any real dtype to uint8 RGB for display.

    Args:
        image: `[H, W]` or `[H, W, C]` with C = 1, 3 or 4 (an alpha channel is dropped).

    Returns:
        uint8 `[H, W, 3]`. uint8 colour is kept. Grey images of any dtype, and colour images of other dtypes, are
        stretched from their 1st to their 99.8th percentile, with the same limits for all channels.

    Raises:
        ValueError: the image has another shape.
    """
    image = np.asarray(image)
    if image.ndim == 2:
        image = image[..., None]
    if image.ndim != 3 or image.shape[2] not in (1, 3, 4):
        raise ValueError(f"image must be [H, W] or [H, W, 1, 3 or 4]. Received: shape {image.shape}")
    image = image[..., :3]
    if image.dtype != np.uint8 or image.shape[2] == 1:
        image = _stretched(image)
    return np.broadcast_to(image, image.shape[:2] + (3,)).copy()


def instance_colours(count):
    """Colours for the background and `count` instances, chosen so that neighbours differ.

    The hue advances by the golden ratio, so that it never comes close to a hue used a few numbers before. Consecutive
    numbers differ most, because neighbouring objects mostly have close numbers. Saturation and brightness alternate
    too.

    Args:
        count: number of instances, int >= 0.

    Returns:
        uint8 `[count + 1, 3]`, RGB; row 0, the background, is black.
    """
    colours = np.zeros((count + 1, 3), dtype=np.uint8)
    for index in range(count):
        hue = (0.55 + index * GOLDEN_RATIO) % 1
        saturation, value = ((0.80, 1.0), (0.90, 0.92), (0.55, 1.0))[index % 3]
        colours[index + 1] = np.round(255 * np.array(colorsys.hsv_to_rgb(hue, saturation, value)))
    return colours


def _stretched(image):
    """Stretches an image of any dtype to uint8, between the percentiles `CONTRAST`."""
    image = image.astype(np.float32)
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, CONTRAST) if finite.size else (0.0, 1.0)
    if high <= low:  # nearly all pixels are equal: use the full range of values instead
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    scaled = (np.nan_to_num(image, nan=low) - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def outline_of(labels, width):
    """Outlines of the instances, bool `[H, W]`: their outermost `width` pixels; `width` is 1 or 2."""
    outline = find_boundaries(labels, mode="inner", connectivity=1)
    if width > 1:
        rest = np.where(outline, 0, labels)
        outline |= find_boundaries(rest, mode="inner", connectivity=1)
    return outline


def _centres(labels):
    """Finds the position of each object's number.

    Returns:
        list of `(row, column, radius)` in pixels, by id. The position is the centre of mass if it lies well inside the
        object, otherwise (crescents, rings) the point farthest from the outline. The radius is that of the largest
        disc around the position that lies inside the object.
    """
    ids = range(1, int(labels.max(initial=0)) + 1)
    inside = np.where(find_boundaries(labels, mode="inner"), 0, labels)
    depth = ndimage.distance_transform_edt(np.pad(inside, 1))[1:-1, 1:-1]  # padded: the image border counts too
    deepest = ndimage.maximum_position(depth, labels, ids)
    middle = np.round(ndimage.center_of_mass(labels > 0, labels, ids)).astype(int).reshape(-1, 2)
    centres = []
    for value, top, centre in zip(ids, deepest, middle, strict=True):
        well_inside = labels[tuple(centre)] == value and depth[tuple(centre)] >= 0.7 * depth[top]
        row, column = centre if well_inside else top
        centres.append((int(row), int(column), float(depth[row, column])))
    return centres


def _write_numbers(draw, labels, scores):
    """Writes each object's number at its position from `_centres`, with its score below if there is room."""
    least, most = FONT_SIZES
    for index, (row, column, radius) in enumerate(_centres(labels)):
        number = str(index + 1)
        # A digit is about 0.6 of the font size wide and 0.7 high; the text must fit into the disc.
        size = int(min(most, radius / (0.5 * np.hypot(0.6 * len(number), 0.7) + 0.1)))
        size_above_score = int(min(size, 0.9 * radius))
        size_of_score = int(0.6 * size_above_score)
        if scores is not None and size_of_score >= least:
            _write(draw, (column, row - size_of_score // 2), number, size_above_score)
            _write(draw, (column, row + size_above_score // 2), f"{100 * scores[index]:.0f}%", size_of_score)
        elif size >= least:
            _write(draw, (column, row), number, size)


def _write(draw, place, text, size):
    """Writes white text with a dark halo, centred on `place`, (column, row)."""
    font = ImageFont.load_default(size=size)
    halo = max(1, round(size / 10))
    draw.text(place, text, fill="white", font=font, anchor="mm", stroke_width=halo, stroke_fill=(20, 20, 20))


def _write_count(draw, count, shape):
    """Writes the count, such as "24 objects", into a dark box in the upper left corner."""
    text = f"{count} object" if count == 1 else f"{count} objects"
    size = int(np.clip(max(shape) / 34, 12, 48))
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = size // 2
    draw.rectangle((0, 0, right - left + 2 * pad, bottom - top + 2 * pad), fill=(20, 20, 20))
    draw.text((pad - left, pad - top), text, fill="white", font=font)
