"""ris-data: looks through a data set, and writes it in another format."""

from pathlib import Path

from absl import flags
from tqdm import tqdm

from ris_tf import command, inspection
from ris_tf.data import convert, hub, layouts
from ris_tf.data.splits import ALL, Listing
from ris_tf.errors import DataError, UsageError
from ris_tf.files import write_png

_USAGE = """
Looks through a data set, or writes it in another format. The layout is found out from the folder.

  ris-data inspect DIR                                     counts, sizes, every problem; contact_sheet.png
  ris-data convert DIR --format=tfrecord --out=OUT         sharded TFRecord
  ris-data convert DIR --format=coco --out=OUT             COCO instances, masks as run lengths

In place of DIR, hf:NAME and tfds:NAME take a data set by name where `datasets` or `tensorflow-datasets` is installed.
Layouts: {layouts}.
"""

_SHEET = "contact_sheet.png"


def open_all(data, category=""):
    """Lists every split of a data set.

    Args:
      data: folder in any layout, "hf:NAME" or "tfds:NAME".
      category: of the objects, where the annotations name categories; "" for all.

    Returns:
      name of the layout, and {split: Listing}; a split that cannot be listed at all has a Listing of its problems.

    Raises:
      DataError: no layout is recognised.
      UsageError: no such category, or the library that knows NAME is not installed.
    """
    if hub.is_name(data):
        return "by name", {split: Listing(hub.open_named(data, split), []) for split in hub.split_names(data)}
    layout, root = layouts.detect(data)
    listings = {}
    try:
        splits = layout.splits(root, category, 0.0)
    except DataError as error:
        return layout.name, {ALL: Listing([], list(error.problems))}
    for split in splits or [ALL]:
        try:
            listings[split] = layout.listing(root, split, category, 0.0)
        except DataError as error:
            listings[split] = Listing([], list(error.problems))
    return layout.name, listings


def inspect(data, out, category=""):
    """Prints what a data set holds and all of its problems, and writes a sheet of overlays.

    Args:
      data, category: see `open_all`.
      out: Path of the PNG.

    Raises:
      DataError: there are problems, or no layout is recognised; all else is done then.
      UsageError: `out` cannot be a file, or see `open_all`.
    """
    if out.is_dir() or not out.parent.is_dir():
        raise UsageError(f"--out={out}: {'is a folder' if out.is_dir() else 'its folder is missing'}; give a PNG file")
    layout, listings = open_all(data, category)
    print(f"{data}: {layout}")
    problems, pictures, seen = [], [], {}
    share = -(-inspection.COLUMNS * inspection.ROWS // len(listings))
    for split, listing in listings.items():
        found = inspection.inspect(tqdm(listing.samples, split, leave=False), share, seen)
        print("\n".join(inspection.summary(split, found)))
        problems += [line for line in [*listing.problems, *found.problems] if line not in problems]
        pictures += found.pictures
    if pictures:
        write_png(out, inspection.contact_sheet(pictures))
        print(f"{out}: {len(pictures)} overlays")
    for line in problems:
        print(f"problem: {line}")
    if problems:
        raise DataError(f"{data}: {len(problems)} problem{'s' * (len(problems) > 1)} found")
    print("no problems found")


def convert_to(data, out, form, category="", shard_bytes=convert.SHARD_BYTES):
    """Writes every split of a data set as TFRecord or COCO.

    Args:
      data, category: see `open_all`.
      out: Path of a folder that does not exist.
      form: one of `convert.FORMATS`.
      shard_bytes: size of a shard of TFRecord.

    Raises:
      DataError: anything is wrong with the data; nothing is written then.
      UsageError: `out` exists or cannot be written, or see `open_all`.
    """
    if out.exists():
        raise UsageError(f"--out={out}: exists; give a folder that does not")
    _, listings = open_all(data, category)
    problems = [line for listing in listings.values() for line in listing.problems]
    if problems:
        raise DataError(*dict.fromkeys(problems))
    splits = {split: listing.samples for split, listing in listings.items()}
    try:
        convert.convert(splits, out, form, category or "object", shard_bytes)
    except OSError as error:  # of writing, for readers raise DataError
        raise UsageError(f"--out={out}: {error.strerror}; give a folder that can be written") from error
    for split, samples in splits.items():
        print(f"{split}: {len(samples)} images")
    print(f"{out}: written as {form}")


def main():
    flags.DEFINE_string("out", None, f"inspect: file of the overlays (default: {_SHEET}); convert: folder to write")
    flags.DEFINE_enum("format", None, convert.FORMATS, "convert: format to write")
    flags.DEFINE_string("category", "", "objects to read, of COCO, VOC or SBD annotations; all unless given")
    flags.DEFINE_integer("shard_mb", convert.SHARD_BYTES >> 20, "convert: size of a TFRecord shard, MB", lower_bound=1)

    def job(values, rest):
        if len(rest) != 2 or rest[0] not in ("inspect", "convert"):
            raise UsageError("give inspect or convert and one folder, such as ris-data inspect DIR; see --helpshort")
        action, data = rest
        if action == "inspect":
            return inspect(data, Path(values.out or _SHEET), values.category)
        command.required(values, "format", "out")
        return convert_to(data, Path(values.out), values.format, values.category, values.shard_mb << 20)

    command.run(job, __name__, _USAGE.format(layouts=", ".join(layout.name for layout in layouts.LAYOUTS)))


if __name__ == "__main__":
    main()
