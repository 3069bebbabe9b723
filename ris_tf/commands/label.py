"""ris-label: makes drafts of annotations, which a person corrects and ris-train reads."""

import functools
import shutil
from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf import presets
from ris_tf.commands import command, engine, places
from ris_tf.data.images.orientation import orientation_of, upright
from ris_tf.data.images.single import image_files, read_image
from ris_tf.errors import DataError
from ris_tf.evaluation.disagreement import disagreement
from ris_tf.files.writing import replacing, write_table
from ris_tf.inference.crf import library
from ris_tf.instances import labelme, outlines
from ris_tf.wording import counted

_USAGE = """
Makes drafts of annotations with a model: outlines that you correct in labelme, and then train on.

  ris-label photographs/ --model=rosettes --out=drafts
  ris-label photographs/ --model=runs/mine --out=drafts --first=20
  ris-train --data=drafts

Each image is copied to --out, with a file of annotations of the same name, such as a.png with a.json. Images that have
such a file there already are left alone, because you may have corrected it: run the command again to add images.

--order says how much the results in four orientations of an image disagree, in OUT/order.csv, the images first of which
the model is least sure. --first=N makes drafts of these N images only. Both take four times as long.

--model takes a preset ({names}), a work folder of ris-train, a .keras file,
or a file or folder written by ris-export.
"""
_OPENED = (".png", ".jpg", ".jpeg", ".tif", ".tiff")  # by labelme


def new_images(paths, out):
    """Lists the images that need a draft.

    Args:
      paths: list of files and folders, str.
      out: Path of the folder for the drafts.

    Returns:
      list of Path, and the number of images that have annotations in `out` already.

    Raises:
      DataError: two images would have the same file of annotations, another image of that name is in `out`, or labelme
        does not open an image; or see `single.image_files`.
      UsageError: see `single.image_files`.
    """
    files, named = image_files(paths), {}
    for file in files:
        if file.suffix.lower() not in _OPENED:
            raise DataError(f"{file}: labelme does not open this format; expected PNG, JPEG or TIFF")
        if file.stem in named:
            raise DataError(f"{file}: has the same name as {named[file.stem]}; rename one of them")
        named[file.stem] = file
    new = [file for file in files if not (out / f"{file.stem}.json").exists()]
    for file in new:
        copy = out / file.name
        if copy.exists() and not copy.samefile(file) and copy.read_bytes() != file.read_bytes():
            raise DataError(f"{copy}: is another image than {file}; rename one of them, or give another --out")
    return new, len(files) - len(new)


def write_draft(file, out, instances, label):
    """Copies an image into the folder `out`, unless it is there, and writes its annotations.

    Args:
      file: Path of the image.
      out: Path of the folder.
      instances: Instances that fit the upright image.
      label: what the objects are called.
    """
    if not (out / file.name).exists():
        with replacing(out / file.name) as temporary:
            shutil.copyfile(file, temporary)
    found = outlines.outlined(instances)
    labelme.write(out / f"{file.stem}.json", found, instances.labels.shape, file.name, label)


def _opened(file):
    """Reads an image and turns it upright."""
    return upright(read_image(file), orientation_of(file))


def _drafts(predict, files, out, label):
    counts = []
    for file in tqdm(files, "images", disable=len(files) < 2):
        instances = predict(_opened(file))
        write_draft(file, out, instances, label)
        counts.append(instances.count)
    return counts


def _ordered_drafts(predict, files, out, label, first):
    rows, found = [], {}
    for file in tqdm(files, "images", disable=len(files) < 2):
        instances, unsure = disagreement(predict, _opened(file))
        rows.append({"image": file.name, "disagreement": round(unsure, 4), "count": instances.count})
        found[file.name] = file, instances
        rows.sort(key=lambda row: (-row["disagreement"], row["image"]))
        for row in rows[first:] if first else []:
            found.pop(row["image"], None)  # so that few label maps are in memory
    for file, instances in found.values():
        write_draft(file, out, instances, label)
    write_table(out / "order.csv", rows)
    return [instances.count for _, instances in found.values()]


def main():
    engine.define()
    flags.DEFINE_string("out", None, "folder for images and annotations; created if missing")
    flags.DEFINE_string("label", None, "what the objects are called; unless given, the model's category, or object")
    flags.DEFINE_boolean("order", False, "write order.csv: the images of which the model is least sure come first")
    flags.DEFINE_integer("first", None, "make drafts of this many images of which the model is least sure", 1)

    def job(values, rest):
        command.required(values, "model", "out", also=[] if rest else ["an image or folder of images"])
        if values.crf:
            library()
        places.every(
            lambda: places.folder("out", values.out), lambda: places.model(values.model), lambda: image_files(rest)
        )
        out = Path(values.out)
        outlines.libraries()  # a missing library is reported before any work
        files, present = new_images(rest, out)
        kept = f"; {counted(present, 'image')} that had annotations left alone" if present else ""
        if not files:
            print(f"{out}: no new image{kept}")
            return
        for file in files:
            read_image(file)  # a broken image is reported before any work
        model = engine.open_model(values)
        predict = functools.partial(model.predict_instances, crf=values.crf)
        label = values.label or model.config.data.category or "object"
        out.mkdir(parents=True, exist_ok=True)
        if values.order or values.first:
            counts = _ordered_drafts(predict, files, out, label, values.first)
            print(f"{out / 'order.csv'}: the images of which the model is least sure come first")
        else:
            counts = _drafts(predict, files, out, label)
        print(f"{out}: {counted(len(counts), 'draft')} with {counted(sum(counts), 'object')}{kept}")

    command.run(job, __name__, _USAGE.format(names=", ".join(presets.names())))


if __name__ == "__main__":
    main()
