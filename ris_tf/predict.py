"""ris-predict: counts and outlines the objects in pictures."""

from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from ris_tf import command
from ris_tf import model as models
from ris_tf.crf import library
from ris_tf.data.readers import image_files, read_image
from ris_tf.errors import DataError, UsageError
from ris_tf.files import write_png, write_table
from ris_tf.visualize import overlay

_USAGE = """
Counts and outlines the objects in images.

  ris-predict --model=nuclei cells.tif --out=found
  ris-predict --model=runs/mine folder_of_images --out=found

For each image NAME: NAME_labels.png (uint16 label map, 0 background, the image's size) and NAME_overlay.png.
For all of them: counts.csv. --model takes a preset ({names}), a work folder or a .keras file.
"""


def predict(model, paths, out, crf=False):
    """Predicts images and writes what was found.

    Args:
      model: RIS.
      paths: files and folders, str.
      out: folder; made if missing.
      crf: whether masks are refined by a fully connected CRF.

    Returns:
      {image name: Instances}.

    Raises:
      DataError: an image cannot be read (nothing is written then), two images have the same name, or an image has more
        objects than a uint16 label map can number.
      UsageError: `out` is a file, or `crf` without pydensecrf2.
    """
    if crf:
        library()  # told before any work
    files, out = image_files(paths), Path(out)
    names = {}
    for file in files:
        if file.stem in names:
            raise DataError(f"{file}: has the same name as {names[file.stem]}; both would write {file.stem}_labels.png")
        names[file.stem] = file
        _check_channels(read_image(file), file)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out={out}: is a file; give a folder")
    out.mkdir(parents=True, exist_ok=True)
    results, rows = {}, []
    for name, file in tqdm(names.items(), "images", disable=len(names) < 2):
        image = read_image(file)
        instances = model.predict_instances(image, crf)
        if instances.count > np.iinfo(np.uint16).max:
            raise DataError(f"{file}: {instances.count} objects are more than a uint16 label map can number")
        write_png(out / f"{name}_labels.png", instances.labels.astype(np.uint16))
        write_png(out / f"{name}_overlay.png", overlay(image, instances.labels))
        results[name] = instances
        rows.append({"image": file.name, "count": instances.count})
    write_table(out / "counts.csv", rows)
    return results


def _check_channels(image, file):
    if min(image.shape[:2]) < 8:
        height, width = image.shape[:2]
        raise DataError(f"{file}: image is {width}x{height} pixels; expected at least 8x8")


def main():
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, or .keras file")
    flags.DEFINE_string("out", None, "folder for the results")
    flags.DEFINE_boolean("crf", False, "refine each mask by a fully connected CRF; needs pydensecrf2")

    def job(values, rest):
        command.required(values, "model", "out")
        if not rest:
            raise UsageError("no image given; name image files or folders after the flags, see --helpshort")
        results = predict(models.load(values.model), rest, values.out, values.crf)
        for name, instances in results.items():
            print(f"{instances.count:6d}  {name}")
        print(f"{values.out}: overlays, label maps and counts.csv written")

    command.run(job, __name__, _USAGE.format(names=", ".join(models.presets.names())))


if __name__ == "__main__":
    main()
