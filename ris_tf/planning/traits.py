"""What the images and objects of a data set look like, in the numbers on which the rules depend."""

from typing import NamedTuple

import numpy as np
from scipy import ndimage
from tqdm import tqdm

from ris_tf.errors import DataError

_IMAGES = 40  # images that are looked at, evenly spread over the data
_LEAST = 0.02  # share of the objects that are smaller than `least`
_GREY = 0.02  # mean difference between the channels, as a share of the range, below which an image is grey


class Traits(NamedTuple):
    """Traits of a data set; lengths are in pixels of the images.

    Attributes:
      images: int, number of training images.
      height, width: float, medians over images.
      colour: bool, whether any image has colour.
      brighter: float, share of the images in which the objects are brighter than what is around them.
      most: int, largest number of objects in an image.
      typical: float, median number of objects in an image.
      diameter: float, median over objects of the diameter of a disc with the object's area.
      smallest, largest: float, smallest and largest median diameter in an image.
      thickness: float, median over objects of the diameter of the largest disc inside the object.
      box: float, median over images of the share of the image in the box around all objects.
      touching: float, share of the objects that touch another one.
      least: float, area in pixels below which only one object in fifty lies.
    """

    images: int
    height: float
    width: float
    colour: bool
    brighter: float
    most: int
    typical: float
    diameter: float
    smallest: float
    largest: float
    thickness: float
    box: float
    touching: float
    least: float


def traits_of(source, name):
    """Measures the traits of a data set.

    Args:
      source: list of (name, read), see `data.sources.open_source`.
      name: name of the data in messages.

    Returns:
      Traits.

    Raises:
      DataError: no image holds an object.
    """
    chosen = np.unique(np.linspace(0, len(source) - 1, _IMAGES).round().astype(int))
    shapes, colours, brighter, counts, boxes, of_images, objects = [], [], [], [], [], [], []
    for index in tqdm(chosen, "looking at the data", leave=False):
        image, labels = source[index][1]()
        shapes.append(labels.shape)
        colours.append(_has_colour(image))
        found = _objects(np.maximum(labels, 0))
        counts.append(len(found))
        if not found:
            continue
        objects += found
        of_images.append(np.median([diameter for diameter, *_ in found]))
        rows, columns = np.nonzero(labels > 0)
        boxes.append((np.ptp(rows) + 1) * (np.ptp(columns) + 1) / labels.size)
        brighter.append(_is_brighter(image, labels))
    if not objects:
        raise DataError(f"{name}: no image holds an object; expected label maps with a number for each object")
    diameters, thicknesses, touching = np.transpose(objects)
    return Traits(
        images=len(source),
        height=float(np.median([shape[0] for shape in shapes])),
        width=float(np.median([shape[1] for shape in shapes])),
        colour=any(colours),
        brighter=float(np.mean(brighter)),
        most=max(counts),
        typical=float(np.median(counts)),
        diameter=float(np.median(diameters)),
        smallest=float(min(of_images)),
        largest=float(max(of_images)),
        thickness=float(np.median(thicknesses)),
        box=float(np.median(boxes)),
        touching=float(np.mean(touching)),
        least=float(np.pi / 4 * np.quantile(diameters, _LEAST) ** 2),
    )


def _has_colour(image):
    if image.ndim < 3 or image.shape[2] < 3:
        return False
    image = image[..., :3].astype(np.float32)
    return float(np.mean(np.ptp(image, axis=2))) > _GREY * max(float(np.ptp(image)), 1e-6)


def _is_brighter(image, labels):
    """Whether the objects are brighter than a ring around them."""
    grey = image.astype(np.float32).reshape(*labels.shape, -1)[..., :3].mean(axis=2)
    inside = labels > 0
    ring = ndimage.binary_dilation(inside, iterations=8) & ~inside
    return float(grey[inside].mean()) > float(grey[ring if ring.any() else ~inside].mean() if not inside.all() else 0)


def _objects(labels):
    """Lists (diameter, thickness, whether it touches another) for each object."""
    found = []
    for number, window in enumerate(ndimage.find_objects(labels), 1):
        if window is None:
            continue
        near = tuple(slice(max(part.start - 1, 0), part.stop + 1) for part in window)
        inside = np.pad(labels[window] == number, 1)
        area = np.count_nonzero(inside)
        around = ndimage.binary_dilation(labels[near] == number, np.ones([3, 3]))
        others = labels[near][around]
        thickness = 2 * float(ndimage.distance_transform_edt(inside).max())
        touching = bool(((others > 0) & (others != number)).any())
        found.append((np.sqrt(4 / np.pi * area), thickness, touching))
    return found
