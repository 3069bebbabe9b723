"""ris-predict: counts and outlines the objects in pictures."""

import contextlib
import json
from pathlib import Path

import numpy as np
from absl import flags
from tqdm import tqdm

from ris_tf import command, consensus, label_files, large, outputs, presets, storage
from ris_tf.crf import library
from ris_tf.data.readers import image_files, read_image
from ris_tf.data.regions import can_be_regions, is_large, is_zarr, open_regions, zarr_library
from ris_tf.errors import DataError, UsageError
from ris_tf.files import open_list, open_table, write_png, write_table, write_text, write_tiff
from ris_tf.kept import Kept, file_state
from ris_tf.visualize import overlay

_USAGE = """
Counts and outlines the objects in images.

  ris-predict --model=nuclei cells.tif --out=found
  ris-predict --model=runs/mine folder_of_images --out=found

For each image NAME: NAME_labels.png (uint16 label map, 0 background, the image's size) and NAME_overlay.png.
For all of them: counts.csv. --model takes a preset ({names}), a work folder, a .keras file, or what
ris-export wrote (.tflite, .onnx, saved_model).

--write says what is written beside counts.csv, separated by commas:
  labels   NAME_labels.png      overlay  NAME_overlay.png
  tiff     NAME_labels.tif, compressed, for napari and QuPath
  zarr     NAME_labels.zarr, OME-Zarr; needs zarr
  roi      NAME_rois.zip, for ImageJ; needs roifile
  csv      objects.csv: score, area, centroid and bounding box of every object
  coco     coco_results.json (masks as RLE), and coco_images.json, the images it speaks of

A TIFF or zarr of more than 67,108,864 pixels is never held whole: it is read by tiles, and its labels are written as
tiled TIFF, NAME_labels.tif, without overlay. Interrupted, the same command goes on where it was; until it has ended,
NAME_parts holds what was found. The model has to be one of the view "tiles", such as nuclei.

Of several other images, too, what was found is kept, in OUT/unfinished, until all are done: the same command goes on.
"""

FORMS = ("labels", "overlay", "coco", "tiff", "zarr", "roi", "csv")
_DEFAULT = ("labels", "overlay")
_ENDINGS = {  # of the file that a form is for each image
    "labels": "_labels.png",
    "overlay": "_overlay.png",
    "tiff": "_labels.tif",
    "zarr": "_labels.zarr",
    "roi": "_rois.zip",
}
_BY_TILES = {"labels": "_labels.tif", "tiff": "_labels.tif", "zarr": "_labels.zarr"}  # the same, see `large.predict`


def predict(model, paths, out, crf=False, write=_DEFAULT, pixel_size=None, as_large=False, digest=None):
    """Predicts images, writes what was found, and holds it all.

    Args:
      model, paths, out, crf, write, pixel_size, as_large, digest: see `one_by_one`.

    Returns:
      {image name: Instances}; LargeInstances for what was read by tiles.

    Raises:
      DataError, UsageError: see `one_by_one`.
    """
    return dict(one_by_one(model, paths, out, crf, write, pixel_size, as_large, digest))


def one_by_one(model, paths, out, crf=False, write=_DEFAULT, pixel_size=None, as_large=False, digest=None):
    """Predicts images and writes what was found, holding one image at a time.

    Args:
      model: RIS.
      paths: files and folders, str.
      out: folder; made if missing.
      crf: whether masks are refined by a fully connected CRF.
      write: forms of FORMS to write.
      pixel_size: micrometres, for the table of objects and the TIFF files; None for none.
      as_large: whether every TIFF and zarr is read by tiles and never held whole, as large ones are.
      digest: str, see `storage.digest`: what is found is kept in `out`/unfinished until the last image is done, and a
        run that was interrupted goes on from there; None keeps nothing.

    Yields:
      (image name, Instances); LargeInstances for what was read by tiles. Files about all images are there once the
      last one is taken.

    Raises:
      DataError: images cannot be read (all are named, and nothing is written then), two images have the same name, or
        an image has more objects than a uint16 PNG can number.
      UsageError: `out` is a file, an image would be written over, a form is unknown, or a library is missing.
    """
    _check_forms(write, pixel_size)
    if crf:
        library()  # told before any work
    files, out = image_files(paths), Path(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out={out}: is a file; give a folder")
    names, tiled = {}, set()
    for file in files:
        if file.stem in names:
            raise DataError(f"{file}: has the same name as {names[file.stem]}; both would write {file.stem}_labels.png")
        names[file.stem] = file
        if is_large(file) or (as_large and can_be_regions(file)):
            tiled.add(file.stem)
    _check_apart(names, tiled, out, write)
    problems = {}
    for name, file in names.items():
        try:
            if name in tiled:
                large.check(model, file, write)
            else:
                _check_channels(_read(file), file)
        except DataError as error:
            problems[file.name] = str(error)
    if problems:
        (_, first), *others = problems.items()
        more = f" ({len(others)} more cannot be read: {', '.join(name for name, _ in others)})" if others else ""
        raise DataError(first + more)
    out.mkdir(parents=True, exist_ok=True)
    rows, sizes = [], {}
    ids = dict(zip(names, outputs.coco_ids([file.name for file in names.values()]), strict=True))
    kept = Kept(out / "unfinished", model.config, digest, crf) if digest and len(names) > 1 else None
    table = open_table(out / "objects.csv", outputs.columns(pixel_size)) if "csv" in write else contextlib.nullcontext()
    coco = open_list(out / "coco_results.json") if "coco" in write else contextlib.nullcontext()
    with table as objects, coco as add_entries:
        for name, file in tqdm(names.items(), "images", disable=len(names) < 2):
            if name in tiled:
                found = large.predict(model, file, out, name, crf, write, pixel_size)
            else:
                found = _predict_one(model, file, out, crf, write, pixel_size, kept)
            rows.append({"image": file.name, "count": found.count})
            if "csv" in write:
                listed = large.object_rows if name in tiled else outputs.object_rows
                objects.writerows(listed(file.name, found, pixel_size))
            if "coco" in write:
                add_entries(outputs.coco_results(found, ids[name]))
                sizes[file.name] = found.labels.shape
            yield name, found
    write_table(out / "counts.csv", rows)
    if "coco" in write:
        write_text(out / "coco_images.json", json.dumps(outputs.coco_images(sizes)) + "\n")
    for name in tiled:
        large.forget(out, name)
    if kept:
        kept.remove()


def _read(file):
    if not is_zarr(file):
        return read_image(file)
    regions = open_regions(file)
    return regions.read(*(slice(0, length) for length in regions.shape[:2]))


def _predict_one(model, file, out, crf, write, pixel_size, kept):
    """Predicts an image that is held whole, and writes all that is written for each image alone; returns Instances."""
    state = file_state(file)  # before it is read, for it may change
    image, paths = _read(file), _paths(out, file.stem, write, _ENDINGS)
    before = kept.read_instances(file.name, state) if kept else None
    instances = before[0] if before else model.predict_instances(image, crf)
    if kept and not before:
        kept.write_instances(file.name, state, instances)
    if "labels" in paths:
        if instances.count > np.iinfo(np.uint16).max:
            raise DataError(f"{file}: {instances.count} objects are more than a uint16 PNG can number; write tiff")
        write_png(paths["labels"], instances.labels.astype(np.uint16))
    if "overlay" in paths:
        write_png(paths["overlay"], overlay(image, instances.labels))
    if "tiff" in paths:
        write_tiff(paths["tiff"], instances.labels, pixel_size)
    if "zarr" in paths:
        strips, count = label_files.strips_of(instances.labels), instances.count
        label_files.write_ome_zarr(paths["zarr"], strips, image.shape[:2], count, pixel_size)
    if "roi" in paths:
        outputs.write_rois(paths["roi"], instances.labels)
    return instances


def _check_forms(write, pixel_size):
    unknown = [form for form in write if form not in FORMS]
    if unknown or not write:
        raise UsageError(f"--write={','.join(write)}: expected some of {','.join(FORMS)}, separated by commas")
    if pixel_size is not None and not 1e-5 <= pixel_size <= 1e5:  # what the resolution of a TIFF can say
        raise UsageError(f"--pixel_size={pixel_size}: expected the side of a pixel in micrometres, 1e-5 to 1e5")
    if pixel_size and not {"csv", "tiff", "zarr"} & set(write):
        raise UsageError(f"--pixel_size={pixel_size}: is for csv, tiff and zarr; name one of them in --write")
    if "zarr" in write:
        zarr_library()
    if "roi" in write:
        outputs.roi_library()  # told before any work


def _paths(out, name, write, endings):
    """{form: Path} of what is written for one image."""
    return {form: out / f"{name}{endings[form]}" for form in write if form in endings}


def _check_apart(names, tiled, out, write):
    """Raises UsageError if a file to be written is one of the images, as it is where `out` is their own folder."""
    images = {_identity(file) for file in names.values()}
    for name, file in names.items():
        for path in _paths(out, name, write, _BY_TILES if name in tiled else _ENDINGS).values():
            if path.exists() and _identity(path) in images:
                raise UsageError(
                    f"{path}: is one of the images, and what is found in {file.name} would be written over it; "
                    "give another --out"
                )


def _identity(path):
    found = path.stat()
    return found.st_dev, found.st_ino


def _check_channels(image, file):
    if min(image.shape[:2]) < 8:
        height, width = image.shape[:2]
        raise DataError(f"{file}: image is {width}x{height} pixels; expected at least 8x8")


def main():
    flags.DEFINE_string("model", None, "preset, work folder of ris-train, .keras file, or file or folder of ris-export")
    flags.DEFINE_string("out", None, "folder for the results")
    flags.DEFINE_boolean("crf", False, "refine each mask by a fully connected CRF; needs pydensecrf2")
    flags.DEFINE_enum("orientations", None, consensus.CHOICES, "ways to look at an image, mirrored and turned; slower")
    flags.DEFINE_list("write", list(_DEFAULT), f"what to write: some of {','.join(FORMS)}")
    flags.DEFINE_float("pixel_size", None, "micrometres of a pixel, for csv, tiff and zarr")
    flags.DEFINE_boolean("large", False, "read every TIFF and zarr by tiles, never whole, as large ones are")

    def job(values, rest):
        command.required(values, "model", "out")
        if not rest:
            raise UsageError("no image given; name image files or folders after the flags, see --helpshort")
        _check_forms(values.write, values.pixel_size)
        how = values.out, values.crf, values.write, values.pixel_size, values.large, storage.digest(values.model)
        model = storage.open_model(values.model)
        consensus.choose(model, values.orientations)
        lines = []  # printed last, for a bar shows the progress
        for name, instances in one_by_one(model, rest, *how):
            note = "  (read by tiles, no overlay)" if isinstance(instances, large.LargeInstances) else ""
            lines.append(f"{instances.count:6d}  {name}{note}")
        print(*lines, sep="\n")
        print(f"{values.out}: counts.csv and {', '.join(values.write)} written")

    command.run(job, __name__, _USAGE.format(names=", ".join(presets.names())))


if __name__ == "__main__":
    main()
