"""The training folder: DIR/train and DIR/val, each with images/ and masks/, which ris-train reads."""

from pathlib import Path

import numpy as np

from ris_tf.data import lossless
from ris_tf.data.images.single import entries, images_in, read_labels
from ris_tf.errors import DataError

RUNS = "runs"  # folder in it for the work folders of ris-train
_SHARE = 5  # one image in five checks the model


class TrainingFolder:
    """Where corrected images are saved. The first goes to `train`, the second to `val`, and then one in five to `val`.

    An image stays in its split when it is saved again, so no image that checks a model was ever trained on.

    Args:
      path: str or Path; created when the first image is saved.

    Raises:
      DataError: the folder holds something else.
    """

    def __init__(self, path):
        self.path = Path(path)
        if not self.path.exists():
            return
        if not self.path.is_dir():
            raise DataError(f"{self.path}: is a file; choose a folder to save in")
        if entries(self.path) and not (self.path / "train" / "images").is_dir():
            raise DataError(f"{self.path}: holds other files; choose an empty folder, or one with train/images/")

    def names(self, split):
        """Names of the images, without suffix, in a split, "train" or "val": list of str."""
        folder = self.path / split / "images"
        return [file.stem for file in images_in(folder)] if folder.is_dir() else []

    def splits(self):
        """{name of a saved image: its split}."""
        return {name: split for split in ("val", "train") for name in self.names(split)}

    def split_of(self, name):
        """The split that an image is saved in, str; None if it is not saved."""
        return self.splits().get(name)

    def labels_of(self, name):
        """Reads the saved label map of an image: int32 [H, W]; None if there is none.

        Raises:
          DataError: it cannot be read.
        """
        files = self._masks(self.split_of(name), name)
        return read_labels(files[0]) if files else None

    def save(self, name, image, labels):
        """Writes an image and its label map.

        Args:
          name: str, name of the image without suffix.
          image: uint8, uint16 or float32 [H, W, 1 or 3], upright.
          labels: integer [H, W], 0 for background.

        Returns:
          the split, str.

        Raises:
          OSError: a file cannot be written.
        """
        split = self.split_of(name) or self._next_split()
        before = self._masks(split, name)
        folder = self.path / split
        written = lossless.write_labels(folder / "masks" / name, np.asarray(labels, np.int32))
        for file in before:  # with few objects a PNG, with ignored pixels a TIFF
            if file != written:
                file.unlink()
        lossless.write_image(folder / "images" / name, image)
        return split

    def check(self):
        """Checks that there is enough to train on.

        Raises:
          DataError: there is no image in train or in val.
        """
        for split in ("train", "val"):
            if not self.names(split):
                raise DataError(f"{self.path}: has no image in {split}; save two corrected images or more")

    def next_run(self):
        """Path of a work folder that does not exist yet."""
        number = 1
        while (self.path / RUNS / f"{number:02d}").exists():
            number += 1
        return self.path / RUNS / f"{number:02d}"

    def _masks(self, split, name):
        folder = self.path / split / "masks" if split else None
        return [file for file in images_in(folder) if file.stem == name] if folder and folder.is_dir() else []

    def _next_split(self):
        train, val = len(self.names("train")), len(self.names("val"))
        return "val" if _SHARE * val < train + val else "train"
