"""Write images and label maps with the same names: SPLIT/images/NAME.png and SPLIT/masks/NAME.png."""

from ris_tf.data import lossless
from ris_tf.errors import DataError


def write(folder, splits):
    """Writes a data set. Folders in names become parts of the names: x/a is written as x_a.

    Args:
      folder: Path of an empty folder.
      splits: {split: iterable of (name, image, labels)}; samples are read one at a time.

    Raises:
      DataError: two names are the same without folders.
    """
    for split, samples in splits.items():
        written = {}
        for kind in ("images", "masks"):
            (folder / split / kind).mkdir(parents=True)
        for name, image, labels in samples:
            flat = name.replace("/", "_")
            if written.setdefault(flat, name) != name:
                raise DataError(
                    f"{split}: {written[flat]} and {name} would both be written as {flat}; rename one of them"
                )
            lossless.write_image(folder / split / "images" / flat, image)
            lossless.write_labels(folder / split / "masks" / flat, labels)
