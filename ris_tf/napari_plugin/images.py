"""The images that a person labels: the files of a folder, and drafts of ris-label beside them."""

from pathlib import Path

import numpy as np

from ris_tf.data.images.orientation import orientation_of, upright
from ris_tf.data.images.single import image_files, read_image
from ris_tf.data.readers import labelme
from ris_tf.errors import DataError


def listed(folder):
    """Lists the images of a folder.

    Args:
      folder: str or Path.

    Returns:
      list of Path, sorted.

    Raises:
      DataError: there is no such folder, it holds no image, or two images have the same name.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder}: no such folder; choose a folder of images")
    files, named = image_files([folder]), {}
    for file in files:
        if file.stem in named:
            raise DataError(f"{file}: has the same name as {named[file.stem].name}; rename one of them")
        named[file.stem] = file
    return files


def read(file):
    """Reads an image upright: uint8, uint16 or float32 [H, W, 1 or 3].

    Raises:
      DataError: the file cannot be read.
    """
    return upright(read_image(file), orientation_of(file))


def draft(file):
    """Reads the annotations that ris-label or labelme wrote beside an image.

    Args:
      file: Path of the image.

    Returns:
      int32 [H, W], as they fit the upright image; None if there are none.

    Raises:
      DataError: the annotations cannot be read.
    """
    annotations = file.with_suffix(".json")
    if not annotations.is_file() or labelme.LAYOUT.find(file.parent) is None:
        return None
    listing = labelme.LAYOUT.listing(file.parent, "all", "", 0.0)
    wrong = [problem for problem in listing.problems if str(annotations) in problem]
    if wrong:
        raise DataError(*wrong)
    return dict(listing.samples)[file.stem]()[1]


def opened(file, held, folder):
    """Reads an image, and its labels: those at hand, else those saved, else a draft beside the image.

    Args:
      file: Path of the image.
      held: int32 [H, W], labels at hand, or None.
      folder: folder.TrainingFolder.

    Returns:
      image: see `read`.
      labels: int32 [H, W], 0 everywhere if there are none.

    Raises:
      DataError: a file cannot be read, or the labels have another size than the image.
    """
    image, labels = read(file), held
    for source in (lambda: folder.labels_of(file.stem), lambda: draft(file)):
        labels = source() if labels is None else labels
    if labels is None:
        labels = np.zeros(image.shape[:2], np.int32)
    if labels.shape != image.shape[:2]:
        here, there = ("x".join(map(str, shape[1::-1])) for shape in (labels.shape, image.shape))
        raise DataError(f"{file.name}: its labels are {here}, but the image is {there} (width x height)")
    return image, labels
