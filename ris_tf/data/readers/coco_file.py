"""Read COCO annotations in a single file: NAME.json in DIR, with the images beside it or in DIR/images.

Label Studio and supervision export such folders. A folder for each split is read as well as one that is divided by
name. For what is read of the annotations, see `coco`.
"""

import functools
import json

from ris_tf.data.readers import coco_entries
from ris_tf.data.readers.coco import samples
from ris_tf.data.readers.splits import in_folders


def _file(folder):
    """The only .json file of a folder if it has the lists of COCO; otherwise None."""
    files = list(folder.glob("*.json"))
    if len(files) != 1 or (folder / "masks").is_dir():
        return None  # labelme has a file for each image, and to read many would take long
    try:
        return files[0] if _has_lists(files[0], files[0].stat().st_mtime_ns) else None
    except OSError:
        return None


@functools.lru_cache(64)
def _has_lists(file, changed):
    try:
        content = json.loads(file.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and all(isinstance(content.get(part), list) for part in coco_entries.FIELDS)


def _samples(folder, category):
    file = _file(folder)
    images = coco_entries.parse(file).images.values()
    inside = folder / "images"
    beside = any((folder / entry["file_name"]).is_file() for entry in images) or not inside.is_dir()
    return samples(file, folder if beside else inside, category)


LAYOUT = in_folders("COCO in one file", "NAME.json with *.jpg or images/*.jpg", _file, _samples, categories=True)
