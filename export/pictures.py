"""Makes the uint8 pictures, of the size that the graph takes, on which exported files are calibrated and checked."""

import numpy as np

from ris_tf.data.normalize import normalize
from ris_tf.inference.resampling import fitting_box, sample

LEAST = 16  # smallest number of images that a file is tried on


def framed(graph, image):
    """Fits an image to the size that the graph takes.

    In the "tiles" view, the middle of the image is cut out without scaling, and padded with zeros if it is smaller. In
    the other views, the whole image is resized.

    Args:
      graph: `graph.Graph`.
      image: image array, see `ris_tf.data.normalize.normalize`.

    Returns:
      uint8 [H, W, C].
    """
    height, width, channels = graph.image
    pixels = normalize(image, channels)
    if graph.tiled:
        top, left = (pixels.shape[0] - height) // 2, (pixels.shape[1] - width) // 2
        box, beside = (top, left, height, width), np.zeros(channels)
    else:
        box, beside = fitting_box(*pixels.shape[:2], (height, width)), None
    # Normalised grey values reach 2, hence 127. The graph normalises the picture again.
    return np.round(sample(pixels, box, (height, width), beside) * (255 if channels == 3 else 127)).astype(np.uint8)


def collage(frames, side):
    """Combines side x side reduced pictures into one of the same size, which holds more objects than each of them."""
    height, width, channels = frames[0].shape
    rows, columns = (np.linspace(0, length, side + 1).round().astype(int) for length in (height, width))
    result = np.zeros([height, width, channels], np.uint8)
    for index in range(side * side):
        frame = frames[index % len(frames)].astype(np.float32)
        (top, bottom), (left, right) = rows[index // side :][:2], columns[index % side :][:2]
        result[top:bottom, left:right] = np.round(sample(frame, (0, 0, height, width), (bottom - top, right - left)))
    return result


def to_try(graph, images):
    """Returns pictures with numbers of objects from none to more than the model has steps.

    Args:
      graph: `graph.Graph`.
      images: list of arrays, at least one.

    Returns:
      uint8 [N, H, W, C], N = len(images) + 4: an empty picture, the images, and three collages.
    """
    frames = [framed(graph, image) for image in images]
    crowded = [collage(frames[shift:] + frames[:shift], side) for shift, side in ((0, 2), (1, 2), (2, 3))]
    return np.stack([np.zeros_like(frames[0]), *frames, *crowded])
