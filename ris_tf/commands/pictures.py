"""The images of a run of ris-predict: files, or planes of files that hold several."""

from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

from ris_tf.data.images import planes
from ris_tf.data.images.regions import is_zarr, open_regions, stack_axes
from ris_tf.data.images.single import image_files, read_image
from ris_tf.errors import DataError


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
        return read_image(self.file, self.choice)

    def check_colours(self, shape: Sequence[int]) -> None:
        """Raises DataError if a channel was chosen and the image, of the shape (H, W, C), has colours."""
        planes.check_colours(self.file, shape, self.choice)


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
