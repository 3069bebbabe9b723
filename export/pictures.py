"""Pictures that exported files are calibrated and tried with: uint8, of the size that the graph takes."""

import numpy as np

from ris_tf.data.normalize import normalize
from ris_tf.resampling import fitting_box, sample


def framed(graph, image):
    """One image at the size of the graph.

    In the "tiles" view its middle, as it is, with nothing around where it is smaller; in the others all of it.

    Args:
      graph: `inference.Graph`.
      image: as `normalize` takes it.

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
    # Grey values reach 2 after the stretch by percentiles, which the graph does again.
    return np.round(sample(pixels, box, (height, width), beside) * (255 if channels == 3 else 127)).astype(np.uint8)


def collage(frames, side):
    """side x side pictures, each made smaller, as one of the same size: more objects than any of them has."""
    height, width, channels = frames[0].shape
    rows, columns = (np.linspace(0, length, side + 1).round().astype(int) for length in (height, width))
    result = np.zeros([height, width, channels], np.uint8)
    for index in range(side * side):
        frame = frames[index % len(frames)].astype(np.float32)
        (top, bottom), (left, right) = rows[index // side :][:2], columns[index % side :][:2]
        result[top:bottom, left:right] = np.round(sample(frame, (0, 0, height, width), (bottom - top, right - left)))
    return result


def to_try(graph, images):
    """Pictures with from no object to more than the steps allow.

    Args:
      graph: `inference.Graph`.
      images: list of arrays, at least one.

    Returns:
      uint8 [N, H, W, C], N = len(images) + 4.
    """
    frames = [framed(graph, image) for image in images]
    crowded = [collage(frames[shift:] + frames[:shift], side) for shift, side in ((0, 2), (1, 2), (2, 3))]
    return np.stack([np.zeros_like(frames[0]), *frames, *crowded])
