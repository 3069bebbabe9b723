"""ris-predict: counts and outlines the objects in images."""

import contextlib
import json
from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf import presets, storage
from ris_tf.commands import command, engine, forms, pictures, places, plane_flags, result_ids, tables
from ris_tf.data.images.orientation import as_stored, orientation_of, turned_note, upright
from ris_tf.data.images.regions import can_be_regions, is_large
from ris_tf.data.images.single import image_files
from ris_tf.errors import DataError, UsageError
from ris_tf.files.writing import open_list, open_table, write_table, write_text
from ris_tf.inference.crf import library
from ris_tf.instances import outputs
from ris_tf.instances.labels import Instances
from ris_tf.instances.unfinished import Kept, file_state
from ris_tf.large import prediction

_USAGE = """
Counts and outlines the objects in images.

  ris-predict --model=nuclei cells.tif --out=found
  ris-predict --model=runs/mine folder_of_images --out=found

--model takes a preset ({names}), a work folder of ris-train, a .keras file,
or a file or folder written by ris-export (.tflite, .onnx, .xml, saved_model). If you give a folder of images, all
images directly inside it are read; subfolders are not searched.

The command writes counts.csv, with the count of every image, and whatever --write lists, separated by commas
(by default labels,overlay). NAME is the name of an image without its ending.

{forms}

If the command is interrupted, run it again to resume. Until all images are done, the results of finished images are
kept in OUT/unfinished.

{planes}
A TIFF or zarr of more than 67,108,864 pixels is read tile by tile and is never held in memory as a whole. This needs
a model of the view "tiles", such as nuclei. The labels are written as a tiled TIFF, NAME_labels.tif, without an
overlay. Until the command has finished, intermediate results are kept in OUT/NAME_parts.
"""


def predict(*arguments, **named):
    """Predicts images, writes the results, and returns those of all images.

    Args:
      *arguments, **named: see `one_by_one`.

    Returns:
      {image name: Instances}; LargeInstances for images that were read tile by tile.

    Raises:
      DataError, UsageError: see `one_by_one`.
    """
    return dict(one_by_one(*arguments, **named))


def one_by_one(
    model,
    paths,
    out,
    crf=False,
    write=forms.DEFAULT,
    pixel_size=None,
    as_large=False,
    digest=None,
    ids=None,
    choice=None,
    roi=None,
):
    """Predicts images and writes the results, with only one image in memory at a time.

    Args:
      model: RIS or Exported.
      paths: list of str, files and folders.
      out: folder; created if missing.
      crf: whether masks are refined by a fully connected CRF.
      write: list of names in `forms.FORMS`.
      pixel_size: side of a pixel in micrometres, stored in the forms csv, tiff and zarr; None if unknown.
      as_large: whether every TIFF and zarr is read tile by tile, as large ones always are.
      digest: str, see `storage.digest`. With a digest, the results of finished images are kept in `out`/unfinished
        until the last image is done, and an interrupted run resumes from them. None keeps nothing.
      ids: ResultIds of the images for the form coco, see `pictures.Picture.name`; None for `result_ids.numbered`.
      choice: `planes.Choice` of the planes of files with several; None refuses such files.
      roi: GeoJSON file of regions in which objects are counted, see `tables.regions`; None for none.

    Yields:
      (image name, Instances); LargeInstances for images that were read tile by tile. The files that cover all images
      are complete when the iterator is exhausted.

    Raises:
      DataError: some images cannot be read (the message names all of them, and nothing is written), two images have
        the same name, or an image has more objects than a uint16 PNG can number.
      UsageError: `out` is a file, an image or `roi` would be overwritten, a form is unknown, a library is missing, or
        there are regions and an image is read tile by tile.
    """
    forms.check(write, pixel_size)
    if crf:
        library()  # a missing library is reported before any work
    (images, problems), out = pictures.listed(paths, choice), Path(out)
    if out.exists() and not out.is_dir():
        raise UsageError(f"--out={out}: is a file; give a folder")
    names, tiled = {}, set()
    for image in images:
        if image.name.stem in names:
            raise DataError(
                f"{image.name}: has the same name as {names[image.name.stem].name}, and the results of one would "
                "overwrite those of the other; rename one of them, or predict them in two runs with different --out"
            )
        names[image.name.stem] = image
        if is_large(image.file, image.choice) or (as_large and can_be_regions(image.file)):
            tiled.add(image.name.stem)
    _check_apart(names, tiled, out, write, roi)
    regions = tables.regions(roi, tiled)
    ids = ids or result_ids.numbered([image.name for image in images])
    for name, image in names.items():
        try:
            if name in tiled:
                image.check_colours(prediction.check(model, image.file, write, image.choice).shape)
            else:
                shape = image.read().shape
                _check_size(shape, image.name)
                ids.check(image.name, shape)
                tables.check_regions(roi, regions, image.name.name, shape)
        except DataError as error:
            problems[image.name.name] = str(error)
    if problems:
        (_, first), *others = problems.items()
        more = f" ({len(others)} more cannot be read: {', '.join(name for name, _ in others)})" if others else ""
        raise DataError(first + more)
    out.mkdir(parents=True, exist_ok=True)
    rows, sizes, inside, series = [], {}, [], []
    kept = Kept(out / "unfinished", model.config, digest, crf) if digest and len(names) > 1 else None
    table = open_table(out / "objects.csv", outputs.columns(pixel_size)) if "csv" in write else contextlib.nullcontext()
    coco = open_list(out / "coco_results.json") if "coco" in write else contextlib.nullcontext()
    with table as objects, coco as add_entries:
        for name, image in tqdm(names.items(), "images", disable=len(names) < 2):
            if name in tiled:
                found = prediction.predict(model, image.file, out, name, crf, write, pixel_size, image.choice)
            else:
                found = _predict_one(model, image, out, crf, write, pixel_size, kept)
            rows.append(tables.count_row(image.name.name, found, model.config.predict.count_spread))
            inside += tables.region_rows(roi, regions, image.name.name, found)
            series.append(tables.moment(image, found))
            if "csv" in write:
                listed = prediction.object_rows if name in tiled else outputs.object_rows
                objects.writerows(listed(image.name.name, found, pixel_size))
            if "coco" in write:
                add_entries(outputs.coco_results(found, *ids.ids[image.name]))
                sizes[image.name] = found.labels.shape
            yield name, found
    write_table(out / "counts.csv", rows)
    if regions:
        write_table(out / "regions.csv", inside)
    tables.write_series(out, write, series)
    if "coco" in write:
        write_text(out / "coco_images.json", json.dumps(ids.dataset(sizes)) + "\n")
    for name in tiled:
        prediction.forget(out, name)
    if kept:
        kept.remove()


def _predict_one(model, picture, out, crf, write, pixel_size, kept):
    """Predicts an image that is held in memory as a whole, writes its own files, and returns its Instances."""
    file, state = picture.name, file_state(picture.file)  # taken before it is read, because it may change meanwhile
    image, turn = picture.read(), orientation_of(picture.file)
    before = kept.read_instances(file.name, state) if kept else None
    viewed = before[0] if before else model.predict_instances(upright(image, turn), crf)
    if kept and not before:
        kept.write_instances(file.name, state, viewed)
    instances = viewed
    if turn > 1:  # so that it fits the pixels in the file
        instances = Instances(as_stored(viewed.labels, turn), viewed.scores, viewed.limit_reached)
    forms.write_all(out, write, forms.Found(file, image, instances, viewed, pixel_size))
    return instances


def _check_apart(names, tiled, out, write, roi):
    """Raises UsageError if a result could overwrite the regions, an image, or its annotations in the images' folder."""
    images = {_identity(image.file) for image in names.values()}
    for name, image in names.items():
        for form, path in forms.paths(out, name, write, name in tiled).items():
            if path.stem == image.file.stem and out.is_dir() and out.samefile(image.file.parent):
                raise UsageError(
                    f"{path}: annotations of {image.file.name} have this name; give another --out for {form} than the "
                    "folder of the images"
                )
            if roi and path.exists() and path.samefile(roi):
                raise UsageError(f"--roi={roi}: would be overwritten by the results of {image.name.name}; move it")
            if path.exists() and _identity(path) in images:
                raise UsageError(
                    f"{path}: is one of the images and would be overwritten by the results of {image.name.name}; "
                    "give another --out"
                )


def _identity(path):
    found = path.stat()
    return found.st_dev, found.st_ino


def _check_size(shape, file):
    if min(shape[:2]) < 8:
        raise DataError(f"{file}: image is {shape[1]}x{shape[0]} pixels; expected at least 8x8")


def _limit_note(config, names):
    """Lines about images in which the network used up its steps, so that there may be more objects: list of str."""
    if not names:
        return []
    where = names[0] if len(names) == 1 else f"{len(names)} images, such as {names[0]}"
    if config.data.view == "tiles":
        return [f"{where}: parts hold more objects than this model can find; give a smaller --diameter"]
    return [f"{where}: at most {config.model.steps} objects can be found; there may be more: try nuclei or blobs"]


def _nothing_note(config, counts):
    """Lines about images in which nothing was found: list of str."""
    empty = [name for name, count in counts.items() if not count]
    if not empty:
        return []
    where = empty[0] if len(empty) == 1 else f"{len(empty)} images, such as {empty[0]}"
    threshold = f"--score_threshold (now {config.predict.score_threshold:g})"
    size = ", another --diameter" if config.data.view == "tiles" else ""
    return [f"{where}: no object found; if there are some, try a lower {threshold}{size} or another model"]


def main():
    engine.define()
    flags.DEFINE_string("out", None, "folder for the results; created if missing")
    flags.DEFINE_list(
        "write", list(forms.DEFAULT), f"what to write besides counts.csv: one or more of {','.join(forms.FORMS)}"
    )
    flags.DEFINE_float("pixel_size", None, "side of a pixel in micrometres; stored in csv, tiff and zarr")
    flags.DEFINE_string("annotations", None, "COCO annotations of the images, whose ids are used in coco_results.json")
    flags.DEFINE_string("category", None, "category of the objects in --annotations; needed if there are several")
    flags.DEFINE_string("roi", None, "GeoJSON file of named regions; regions.csv says how many objects lie in each")
    plane_flags.define(several=True)
    flags.DEFINE_boolean("large", False, "read every TIFF and zarr tile by tile, as large ones always are")

    def job(values, rest):
        command.required(values, "model", "out", also=[] if rest else ["an image or folder of images"])
        forms.check(values.write, values.pixel_size)
        result_ids.check_flags(values)
        tables.check_file(values.roi)
        choice = plane_flags.chosen(values, several=True)
        if values.crf:
            library()
        places.every(
            lambda: places.folder("out", values.out), lambda: places.model(values.model), lambda: image_files(rest)
        )
        images, _ = pictures.listed(rest, choice)
        options = values.out, values.crf, values.write, values.pixel_size, values.large, storage.digest(values.model)
        model = engine.open_model(values)
        ids = None
        if images and "coco" in values.write:
            ids = result_ids.chosen(values, model, [image.name for image in images])
        files = {image.name.stem: image.file for image in images}
        lines, counts, limited = [], {}, []  # printed at the end, so that they do not break up the progress bar
        for name, instances in one_by_one(model, rest, *options, ids, choice, values.roi):
            note = tables.likely_note(instances, model.config.predict.count_spread)
            note += "  (read tile by tile, no overlay)" if isinstance(instances, prediction.LargeInstances) else ""
            lines.append(f"{instances.count:6d}  {name}{note}")
            counts[name] = instances.count
            if instances.limit_reached:
                limited.append(name)
        notes = [*_limit_note(model.config, limited), *_nothing_note(model.config, counts)]
        print(*lines, *turned_note(list(files.values())), *notes, sep="\n")
        print(f"{values.out}: counts.csv{', regions.csv' if values.roi else ''} and {', '.join(values.write)} written")
        if ids:
            print(f"coco_results.json: {ids.meaning}")

    command.run(
        job, __name__, _USAGE.format(names=", ".join(presets.names()), forms=forms.described(), planes=plane_flags.HELP)
    )


if __name__ == "__main__":
    main()
