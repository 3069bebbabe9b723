"""What ris-predict can write: a row for each value of --write."""

import dataclasses
from collections.abc import Callable
from pathlib import Path

import numpy as np

from ris_tf.commands import tables
from ris_tf.data.images.zarr_arrays import zarr_library
from ris_tf.errors import DataError, UsageError
from ris_tf.files.writing import write_png, write_tiff
from ris_tf.instances import outline_files, outlines
from ris_tf.instances.labels import Instances
from ris_tf.instances.visualize import overlay
from ris_tf.large import label_files


@dataclasses.dataclass(frozen=True)
class Found:
    """What was found in an image that is held in memory as a whole.

    Attributes:
      name: Path that names the image.
      image: [H, W, C] as stored.
      instances: Instances that fit it.
      viewed: the same Instances as they fit the upright image.
      pixel_size: side of a pixel in micrometres, or None.
    """

    name: Path
    image: np.ndarray
    instances: Instances
    viewed: Instances
    pixel_size: float | None


@dataclasses.dataclass(frozen=True)
class Form:
    """One form of output.

    Attributes:
      file: what follows the name of an image in the name of its file, or the whole name if one file is for all images.
      about: what the file is, for the help.
      write: function (Path, Found), or None if one file is for all images.
      large: same as `file`, for an image that is read tile by tile; "" if there is no such file.
      sized: whether the size of a pixel is stored.
      needs: function that raises UsageError if an optional library is missing, or None.
    """

    file: str
    about: str
    write: Callable[[Path, Found], None] | None = None
    large: str = ""
    sized: bool = False
    needs: Callable | None = None


def _write_labels(path, found):
    if found.instances.count > np.iinfo(np.uint16).max:
        raise DataError(
            f"{found.name}: has {found.instances.count} objects, too many for a uint16 PNG; use --write=tiff"
        )
    write_png(path, found.instances.labels.astype(np.uint16))


def _write_zarr(path, found):
    labels, count = found.instances.labels, found.instances.count
    label_files.write_ome_zarr(path, label_files.strips_of(labels), labels.shape, count, found.pixel_size)


def _of_outlines(row):
    """The Form of a row of `outline_files.FORMS`."""

    def write(path, found):
        instances = found.viewed if row.as_viewed else found.instances
        row.write(path, outlines.outlined(instances), instances.labels.shape)

    return Form(row.ending, row.about, write, large=row.ending, needs=row.needs)


FORMS = {
    "labels": Form(
        "_labels.png",
        "label map: a uint16 image of the same size; 0 is the background, 1, 2, ... are the objects",
        _write_labels,
        large="_labels.tif",
    ),
    "overlay": Form(
        "_overlay.png",
        "the image with all objects outlined",
        lambda path, found: write_png(path, overlay(found.image, found.instances.labels)),
    ),
    "tiff": Form(
        "_labels.tif",
        "label map as a compressed TIFF, for napari and QuPath",
        lambda path, found: write_tiff(path, found.instances.labels, found.pixel_size),
        large="_labels.tif",
        sized=True,
    ),
    "zarr": Form(
        "_labels.zarr",
        "label map as OME-Zarr; needs zarr",
        _write_zarr,
        large="_labels.zarr",
        sized=True,
        needs=zarr_library,
    ),
    **{name: _of_outlines(row) for name, row in outline_files.FORMS.items()},
    "csv": Form("objects.csv", "score, area, centroid and bounding box of every object in all images", sized=True),
    "timeseries": Form("timeseries.csv", "count and total area of every image, in order of time, or else of name"),
    "plot": Form("timeseries.svg", "the same as a plot; needs matplotlib", needs=tables.check_plot),
    "coco": Form(
        "coco_results.json",
        "masks of all images as RLE; coco_images.json lists the images and their ids.\n"
        "With --annotations=FILE, the ids are those of your own COCO annotations",
    ),
}
DEFAULT = ("labels", "overlay")
SIZED = [name for name, form in FORMS.items() if form.sized]


def described():
    """The lines of the help that list the forms, str."""
    lines = []
    for name, form in FORMS.items():
        file = f"NAME{form.file}" if form.write else form.file
        first, *others = form.about.split("\n")
        lines += [f"  {name:<8} {file:<18} {first}", *(" " * 30 + line for line in others)]
    return "\n".join(lines)


def check(write, pixel_size):
    """Raises UsageError for an unknown form, a pixel size that no form stores, or a missing library.

    Args:
      write: list of str, the chosen forms.
      pixel_size: side of a pixel in micrometres, or None.
    """
    unknown = [name for name in write if name not in FORMS]
    if unknown or not write:
        raise UsageError(f"--write={','.join(write)}: expected one or more of {','.join(FORMS)}, separated by commas")
    if pixel_size is not None and not 1e-5 <= pixel_size <= 1e5:  # what the resolution field of a TIFF can express
        raise UsageError(f"--pixel_size={pixel_size}: expected the side of a pixel in micrometres, 1e-5 to 1e5")
    if pixel_size and not set(SIZED) & set(write):
        names = f"{', '.join(SIZED[:-1])} and {SIZED[-1]}"
        raise UsageError(f"--pixel_size={pixel_size}: applies only to {names}; add one of them to --write")
    for name in write:
        if FORMS[name].needs:
            FORMS[name].needs()  # a missing library is reported before any work


def paths(out, name, write, tiled=False):
    """The files that are written for one image alone.

    Args:
      out: Path of the folder.
      name: name of the image without its ending, str.
      write: list of str, the chosen forms.
      tiled: whether the image is read tile by tile.

    Returns:
      {form: Path}.
    """
    endings = {one: FORMS[one].large if tiled else FORMS[one].file for one in write if FORMS[one].write}
    return {one: out / f"{name}{ending}" for one, ending in endings.items() if ending}


def write_all(out, write, found):
    """Writes the files of one image, see `paths`; `found` is a Found."""
    for name, path in paths(out, found.name.stem, write).items():
        FORMS[name].write(path, found)
