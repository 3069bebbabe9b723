"""ris-data: inspects a data set, or converts it to another format."""

from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf.commands import command, places, plane_flags
from ris_tf.data import convert, inspection
from ris_tf.data.images.chosen import with_planes
from ris_tf.data.images.notes import warn_once
from ris_tf.data.readers import hub, layouts
from ris_tf.data.readers.splits import ALL, Listing
from ris_tf.errors import DataError, UsageError
from ris_tf.files.writing import write_png
from ris_tf.wording import counted

_USAGE = """
Checks a data set, or converts it to another format. The layout of the folder is recognised automatically.

  ris-data inspect DIR                                # prints counts, sizes and every problem; writes contact_sheet.png
  ris-data convert DIR --format=tfrecord --out=OUT    # writes sharded TFRecord files
  ris-data convert DIR --format=coco --out=OUT        # writes COCO instances, with masks as run lengths
  ris-data convert DIR --format=yolo --out=OUT        # writes YOLO segmentation, one polygon for each object
  ris-data convert DIR --format=label_maps --out=OUT  # writes images and label maps

Instead of DIR you can give hf:NAME or tfds:NAME, a data set of the package `datasets` or `tensorflow-datasets`, which
must be installed. If the data set has any problems, the exit status is 1, and nothing is converted.

{planes}
Recognised layouts: {layouts}.
"""

_SHEET = "contact_sheet.png"


def open_all(data, category="", choice=None):
    """Lists every split of a data set.

    Args:
      data: folder in any layout, "hf:NAME" or "tfds:NAME".
      category: category of the objects to read, if the annotations name categories; "" for all.
      choice: `planes.Choice` of one plane of files with several; None refuses such files.

    Returns:
      The name of the layout, and {split: Listing}. If a split cannot be listed, its Listing has only problems.

    Raises:
      DataError: the layout is not recognised.
      UsageError: the category does not exist, or the library that reads NAME is not installed.
    """
    if hub.is_name(data):
        named = {split: with_planes(hub.open_named(data, split), choice) for split in hub.split_names(data)}
        return "by name", {split: Listing(samples, []) for split, samples in named.items()}
    layout, root = layouts.detect(data)
    listings = {}
    try:
        splits = layout.splits(root, category, 0.0)
    except DataError as error:
        return layout.name, {ALL: Listing([], list(error.problems))}
    for split in splits or [ALL]:
        try:
            listing = layout.listing(root, split, category, 0.0)
            listings[split] = listing._replace(samples=with_planes(listing.samples, choice))
        except DataError as error:
            listings[split] = Listing([], list(error.problems))
    return layout.name, listings


def inspect(data, out, category="", choice=None):
    """Prints the contents of a data set and all of its problems, and writes a contact sheet of overlays.

    Args:
      data, category, choice: see `open_all`.
      out: Path of the PNG to write.

    Raises:
      DataError: the data set has problems, which is reported at the end, or its layout is not recognised.
      UsageError: `out` cannot be written as a file; or see `open_all`.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out={out}: {'is a folder' if out.is_dir() else 'its folder is missing'}; give a PNG file")
    places.writable(f"--out={out}", out.parent)
    layout, listings = open_all(data, category, choice)
    print(f"{data}: {layout}")
    problems, pictures, seen = [], [], {}
    share = -(-inspection.COLUMNS * inspection.ROWS // len(listings))
    for split, listing in listings.items():
        found = inspection.inspect(tqdm(listing.samples, split, leave=False), share, seen)
        print("\n".join(inspection.summary(split, found)))
        print(*(f"  note               {note}\n" for note in listing.notes), sep="", end="")
        wrong = [*listing.problems, *convert.name_problems(split, listing.samples), *found.problems]
        problems += [line for line in wrong if line not in problems]
        pictures += found.pictures
    if pictures:
        write_png(out, inspection.contact_sheet(pictures))
        print(f"{out}: {counted(len(pictures), 'overlay')}")
    for line in problems:
        print(f"problem: {line}")
    if problems:
        raise DataError(f"{data}: {counted(len(problems), 'problem')} found")
    print("no problems found")


def convert_to(data, out, form, category="", shard_bytes=convert.SHARD_BYTES, choice=None):
    """Writes every split of a data set in another format.

    Args:
      data, category, choice: see `open_all`.
      out: Path of the folder to write; must not exist yet.
      form: one of `convert.FORMATS`.
      shard_bytes: size of a TFRecord shard.

    Raises:
      DataError: the data set has problems; nothing is written.
      UsageError: `out` exists or cannot be written; or see `open_all`.
    """
    if out.exists():
        raise UsageError(f"--out={out}: already exists; give a folder that does not exist yet")
    _, listings = open_all(data, category, choice)
    problems = [line for listing in listings.values() for line in listing.problems]
    if problems:
        for note in (note for listing in listings.values() for note in listing.notes):  # it may explain them
            warn_once(note)
        raise DataError(*dict.fromkeys(problems))
    splits = {split: listing.samples for split, listing in listings.items()}
    try:
        convert.convert(splits, out, form, category or "object", shard_bytes)
    except OSError as error:  # from writing; readers raise DataError
        raise UsageError(f"--out={out}: {error.strerror}; give a folder that can be written") from error
    for split, samples in splits.items():
        print(f"{split}: {counted(len(samples), 'image')}")
        print(*(f"  note: {note}\n" for note in listings[split].notes), sep="", end="")
    print(f"{out}: written as {form}")


def main():
    flags.DEFINE_string("out", None, f"inspect: PNG to write (default: {_SHEET}); convert: new folder to write")
    flags.DEFINE_enum("format", None, convert.FORMATS, "convert: format to write")
    flags.DEFINE_string("category", "", "category of objects to read, if the annotations name any; default: all")
    flags.DEFINE_integer("shard_mb", convert.SHARD_BYTES >> 20, "convert: size of a TFRecord shard, MB", lower_bound=1)
    plane_flags.define()

    def job(values, rest):
        if len(rest) != 2 or rest[0] not in ("inspect", "convert"):
            raise UsageError("give inspect or convert and one folder, as in ris-data inspect DIR; see --helpshort")
        (action, data), choice = rest, plane_flags.chosen(values)
        if action == "inspect":
            return inspect(data, Path(values.out or _SHEET), values.category, choice)
        command.required(values, "format", "out")
        return convert_to(data, Path(values.out), values.format, values.category, values.shard_mb << 20, choice)

    known = ", ".join(layout.name for layout in layouts.LAYOUTS)
    command.run(job, __name__, _USAGE.format(layouts=known, planes=plane_flags.HELP_ONE))


if __name__ == "__main__":
    main()
