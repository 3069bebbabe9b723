"""Overlay images: draws instances over their image with filled masks, outlines, numbers and the count."""

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from ris_tf.instances.colours import instance_colours
from ris_tf.instances.extents import extents
from ris_tf.instances.labels import relabel
from ris_tf.wording import counted

CONTRAST = (1.0, 99.8)  # percentiles shown as black and white, so that a few hot pixels do not darken the rest
FILL = 0.25  # opacity of an object's colour inside its outline
SMALLEST_SHOWN = 512  # px, longest side; smaller images are enlarged at least to this size
LARGEST_ENLARGED = 2600  # px, longest side to which an image is enlarged for the sake of small objects
FONT_SIZES = (9, 28)  # px, smallest and largest; an object without room for the smallest gets no number
MEASURED = 64  # px; of larger objects only every second, third, ... pixel is looked at, to place a number
DARK = (20, 20, 20)  # beside outlines and around letters


def overlay(image, labels, scores=None, factor=None):
    """Draws instances over their image.

    Args:
        image: `[H, W]`, `[H, W, 1]`, `[H, W, 3]` or `[H, W, 4]` of any real dtype. uint8 colour is
            shown as it is; all other images are stretched from their 1st to their 99.8th percentile.
        labels: integer `[H, W]`; 0 is background, ids may have gaps; ignored (negative) pixels are shown darker.
        scores: None, or float `[N]` in [0, 1] in ascending order of the ids. Scores are written in percent below the
            numbers of objects that have room for them.
        factor: int, the number by which the image is enlarged; None for `enlargement(labels)`.

    Returns:
        uint8 `[factor * H, factor * W, 3]`. Pixels without a label keep their colour, except for a dark
        line around each object.

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
        raise ValueError(f"scores must have one value per instance: {count}. Received: {len(scores)}")

    colours = instance_colours(picture, labels)
    factor, places = factor or enlargement(labels), _centres(labels)
    picture, labels = (part.repeat(factor, axis=0).repeat(factor, axis=1) for part in (picture, labels))
    coloured, inside = colours[labels], labels > 0
    shown = picture[inside].astype(np.float32)
    picture[inside] = np.round(shown + FILL * (coloured[inside] - shown))
    draw_outlines(picture, labels, coloured)

    canvas = Image.fromarray(picture)
    draw = ImageDraw.Draw(canvas)
    _write_numbers(draw, factor * places, scores)
    _write_count(draw, count, labels)
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


def _stretched(image):
    """Stretches an image of any dtype to uint8, between the percentiles `CONTRAST`."""
    image = image.astype(np.float32)
    finite = image[np.isfinite(image)]
    low, high = np.percentile(finite, CONTRAST) if finite.size else (0.0, 1.0)
    if high <= low:  # nearly all pixels are equal: use the full range of values instead
        low, high = (finite.min(), finite.max()) if finite.size else (0.0, 1.0)
    scaled = (np.nan_to_num(image, nan=low) - low) / max(high - low, np.finfo(np.float32).tiny)
    return np.round(255 * np.clip(scaled, 0, 1)).astype(np.uint8)


def enlargement(labels):
    """The whole number by which a picture is enlarged so that outlines and numbers are legible.

    It brings the longest side to 512 pixels or more. If objects are small, it is larger, so that about three
    quarters of them have room for their numbers, but then the longest side has at most 2600 pixels.

    Args:
        labels: integer `[H, W]`; 0 is background, negative is ignored.

    Returns:
        int, 1 or more.
    """
    side, areas = max(labels.shape), np.bincount(np.maximum(labels, 0).ravel())[1:]
    areas = areas[areas > 0]
    least = -(-SMALLEST_SHOWN // side)
    if not areas.size:
        return least
    radius = np.sqrt(np.percentile(areas, 25) / np.pi) / 1.5  # objects are no discs
    wanted = int(np.ceil(_radius_of(len(str(len(areas))), FONT_SIZES[0]) / radius))
    return max(least, min(wanted, LARGEST_ENLARGED // side))


def draw_outlines(picture, labels, colours):
    """Draws the outline of each instance into a picture, and a dark line around it where there is background.

    Args:
        picture: uint8 `[H, W, 3]`, changed in place.
        labels: integer `[H, W]`; 0 is background.
        colours: uint8 `[H, W, 3]`, the colour of the outline at each pixel, or one colour `[3]`.
    """
    outline = outline_of(labels)
    picture[_grown(outline) & (labels == 0)] = DARK
    picture[outline] = np.broadcast_to(colours, picture.shape)[outline]


def outline_of(labels):
    """Outlines of the instances, bool `[H, W]`: their outermost two pixels."""
    outline = _edges(labels)
    return outline | _edges(np.where(outline, 0, labels))


def _edges(labels):
    """Pixels of instances with a direct neighbour that is none of theirs: `find_boundaries` of skimage, much faster."""
    edges = np.zeros(labels.shape, bool)
    down, right = labels[1:] != labels[:-1], labels[:, 1:] != labels[:, :-1]
    edges[1:] |= down
    edges[:-1] |= down
    edges[:, 1:] |= right
    edges[:, :-1] |= right
    return edges & (labels > 0)


def _radius_of(digits, size):
    """Radius of the disc into which a number fits: a digit is about 0.6 of the font size wide and 0.7 high."""
    return size * (0.5 * np.hypot(0.6 * digits, 0.7) + 0.1)


def _centres(labels):
    """Finds the position of each object's number.

    Returns:
        float `[N, 3]`, row, column and radius in pixels, by id; the middle of a pixel is at 0.5. The position is the
        centre of mass if it lies well inside the object, otherwise (crescents, rings) the point farthest from the
        outline. The radius is that of the largest disc around the position that lies inside the object.
    """
    found, inside, centres = extents(labels), np.where(_edges(labels), 0, labels), []
    for value, middle, (left, top, width, height) in zip(*found[:1], *found[2:], strict=True):
        step = -(-max(width, height) // MEASURED)
        depth = step * _depth(inside[top : top + height : step, left : left + width : step] == value)
        place = tuple(np.round(middle).astype(int))
        here = depth[(place[0] - top) // step, (place[1] - left) // step]
        if labels[place] != value or here < 0.7 * depth.max():
            row, column = np.unravel_index(np.argmax(depth), depth.shape)
            place, here = (top + step * row, left + step * column), depth[row, column]
        centres.append((place[0] + 0.5, place[1] + 0.5, here))
    return np.reshape(centres, [-1, 3])


def _depth(mask):
    """Distance of each pixel to the nearest one outside a mask, bool `[h, w]`; outside the window it is False."""
    mask = np.pad(mask, 1)
    height, width = mask.shape
    rows, columns = np.arange(height)[:, None], np.arange(width)
    above = np.maximum.accumulate(np.where(mask, 0, rows))  # the row of the nearest one in this column
    below = np.minimum.accumulate(np.where(mask, height, rows)[::-1])[::-1]
    upright = np.minimum(rows - above, below - rows)
    across = columns[:, None] - columns
    return np.sqrt((across**2 + upright[:, None] ** 2).min(axis=-1))[1:-1, 1:-1]


def _grown(mask):
    """A mask and its direct neighbours, bool `[H, W]`."""
    grown = mask.copy()
    grown[1:] |= mask[:-1]
    grown[:-1] |= mask[1:]
    grown[:, 1:] |= mask[:, :-1]
    grown[:, :-1] |= mask[:, 1:]
    return grown


def _write_numbers(draw, places, scores):
    """Writes each object's number at its place from `_centres`, with its score below if there is room."""
    least, most = FONT_SIZES
    for index, (row, column, radius) in enumerate(places):
        number = str(index + 1)
        size = int(min(most, radius / _radius_of(len(number), 1)))
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
    draw.text(place, text, fill="white", font=font, anchor="mm", stroke_width=halo, stroke_fill=DARK)


def _write_count(draw, count, labels):
    """Writes the count, such as "24 objects", into a dark box in the corner with the fewest pixels of objects."""
    text = counted(count, "object")
    (height, width), size = labels.shape, int(np.clip(max(labels.shape) / 45, 12, 40))
    font = ImageFont.load_default(size=size)
    left, top, right, bottom = draw.textbbox((0, 0), text, font=font)
    pad = size // 2
    wide, high = int(right - left) + 2 * pad, int(bottom - top) + 2 * pad
    corners = [(x, y) for y in (0, max(height - high, 0)) for x in (0, max(width - wide, 0))]
    x, y = min(corners, key=lambda corner: np.count_nonzero(labels[corner[1] :, corner[0] :][:high, :wide]))
    draw.rectangle((x, y, x + wide, y + high), fill=DARK)
    draw.text((x + pad - left, y + pad - top), text, fill="white", font=font)
