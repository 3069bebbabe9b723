"""The ids of images and of the category in the COCO results of ris-predict."""

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from ris_tf.data.readers import coco_ids
from ris_tf.errors import DataError, UsageError
from ris_tf.instances import outputs


@dataclasses.dataclass(frozen=True)
class ResultIds:
    """The ids of a run.

    Attributes:
      ids: {image file: (image id, category id)}.
      meaning: one line that says what the ids mean.
      targets: {image file: coco_ids.Target} if the ids are those of a user's annotations; otherwise empty.
    """

    ids: dict[Path, tuple]
    meaning: str
    targets: dict[Path, coco_ids.Target]

    def check(self, file: Path, shape: Sequence[int]) -> None:
        """Raises DataError if an image, [H, W, ...], does not have the size that the annotations list."""
        if file not in self.targets:
            return
        listed = self.targets[file].image
        if (listed["height"], listed["width"]) != tuple(shape[:2]):
            raise DataError(
                f"{file}: image is {shape[1]}x{shape[0]} but the annotations say {listed['width']}x{listed['height']} "
                "(width x height); expected the image that was annotated"
            )

    def dataset(self, sizes: dict[Path, tuple]) -> dict:
        """The content of coco_images.json for images of the sizes {file: (height, width)}."""
        if not self.targets:
            return outputs.coco_images({file.name: size for file, size in sizes.items()})
        found = [self.targets[file] for file in sizes]
        return outputs.coco_listed([target.image for target in found], found[0].category)


def numbered(files: Sequence[Path]) -> ResultIds:
    """Ids that follow from the names of the images, see `outputs.coco_ids`; the category is 1."""
    numbers = outputs.coco_ids([file.name for file in files])
    meaning = (
        "the image ids are those in coco_images.json, made from the names of the images, and the category is 1; "
        "they need not agree with your own annotations, unless you give --annotations=FILE"
    )
    return ResultIds({file: (number, 1) for file, number in zip(files, numbers, strict=True)}, meaning, {})


def annotated(files: Sequence[Path], annotations: Path | str, category: str = "", preferred: str = "") -> ResultIds:
    """Ids of a user's own annotations; for the arguments and errors see `coco_ids.targets`."""
    found, others = coco_ids.targets(annotations, files, category, preferred)
    chosen = next(iter(found.values())).category
    meaning = f"the ids are those of {annotations}; the category is {chosen['name']} (id {chosen['id']})"
    if others:
        meaning += f"; images of that file that were not predicted: {others}"
    return ResultIds({file: (t.image["id"], t.category["id"]) for file, t in found.items()}, meaning, found)


def check_flags(values) -> None:
    """Raises UsageError if --annotations is no file, or if it or --category is given without what it applies to."""
    if values.annotations is not None and "coco" not in values.write:
        raise UsageError(f"--annotations={values.annotations}: applies only to coco; add it to --write")
    if values.annotations is not None and not os.path.isfile(values.annotations):
        raise UsageError(f"--annotations={values.annotations}: no such file; expected annotations in COCO format")
    if values.category is not None and values.annotations is None:
        raise UsageError(f"--category={values.category}: names a category of --annotations; give that file as well")


def chosen(values, model, files: Sequence[Path]) -> ResultIds:
    """The ids that the flags ask for; the category of the model decides between several in --annotations."""
    if values.annotations is None:
        return numbered(files)
    return annotated(files, values.annotations, values.category or "", model.config.data.category)
