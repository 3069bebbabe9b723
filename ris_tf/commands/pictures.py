"""The images of a run of ris-predict: files, or planes of files that hold several."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from absl import flags

from ris_tf.data.images import planes
from ris_tf.data.images.regions import is_zarr, open_regions, stack_axes
from ris_tf.data.images.single import image_files, read_image
from ris_tf.errors import DataError

HELP = """A TIFF, zarr or npy with several planes is refused, unless --z, --t, --channel or --page choose one or all of
them. The results of a plane are named after it, such as NAME_z0_labels.png; for several axes NAME_t3_z0_labels.png.
"""
FLAGS = {  # of ris-predict, with their help
    "z": "plane of a z-stack: a number counted from 0, or all",
    "t": "time point of a time series: a number counted from 0, or all",
    "channel": "channel of an image with several: a number counted from 0, or all; rgb if three channels, or three "
    "pages, are the colours of one image",
    "page": "page of a TIFF whose pages have no other name, or plane of a zarr or npy along an axis without a name: a "
    "number counted from 0, or all",
}


class Picture(NamedTuple):
    """One image to predict.

    Attributes:
      name: Path that names its results: that of the file or, for one of several planes, such as stack_z0.tif. There
        need not be such a file.
      file: Path of its file or zarr folder.
      choice: the plane, `planes.Choice`.
    """

    name: Path
    file: Path
    choice: planes.Choice

    def read(self):
        """Reads the image: [H, W, 1 or 3] uint8, uint16 or float32.

        Raises:
          DataError: see `files.read_image` and `regions.open_regions`; or a channel of an RGB image was chosen.
        """
        if is_zarr(self.file):
            regions = open_regions(self.file, self.choice)
            self.check_colours(regions.shape)
            return regions.read(*(slice(0, length) for length in regions.shape[:2]))
        image = read_image(self.file, self.choice)
        self.check_colours(image.shape)
        return image

    def check_colours(self, shape: Sequence[int]) -> None:
        """Raises DataError if a channel was chosen and the image, of the shape (H, W, C), has colours."""
        if shape[2] == 3 and isinstance(self.choice.channel, int):
            raise DataError(f"{self.file}: is an RGB image, whose colours are read together; leave out --channel")


def listed(paths: Sequence[Path | str], choice: planes.Choice | None = None) -> tuple[list[Picture], dict[str, str]]:
    """Lists the images to predict.

    Args:
      paths: files and folders, see `files.image_files`.
      choice: which planes of files with several.

    Returns:
      list of Picture, and {name of a file: problem} for the files without a choice among their planes.

    Raises:
      DataError, UsageError: see `files.image_files`.
    """
    choice, found, problems = choice or planes.Choice(), [], {}
    for file in image_files(paths):
        try:
            chosen = planes.expand(file, stack_axes(file), choice)
        except DataError as error:
            problems[file.name] = str(error)
            continue
        for plane, one in chosen.items():
            found.append(Picture(file.with_name(f"{file.stem}{plane}{file.suffix}"), file, one))
    return found, problems


def chosen(values: flags.FlagValues) -> planes.Choice:
    """Returns the choice that the flags state.

    Raises:
      UsageError: a value is neither an index nor a word that stands for several.
    """
    return planes.Choice(**{flag: planes.parse(flag, values[flag].value) for flag in planes.Choice._fields})
