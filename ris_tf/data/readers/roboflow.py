"""Read COCO exports of Roboflow: DIR/SPLIT/_annotations.coco.json beside the images of the split.

The splits are called train, valid and test; "val" finds valid. A folder that has the annotation file itself is divided
by name. For what is read of the annotations, see `coco`.
"""

from ris_tf.data.images.single import folders_in
from ris_tf.data.readers.coco import samples
from ris_tf.data.readers.splits import Layout, chosen, joined, part, part_names

_FILE = "_annotations.coco.json"


def _find(root):
    return root if (root / _FILE).is_file() or _folders(root) else None


def _folders(root):
    """The splits of a data set: {name: Path of the folder}."""
    return {folder.name: folder for folder in folders_in(root) if (folder / _FILE).is_file()}


def _samples(folder, category, folders):
    return samples(folder / _FILE, folder, category, [other / _FILE for other in folders.values()])


def _splits(root, category, held_out):
    if (root / _FILE).is_file():
        return part_names(_samples(root, category, {}), held_out)
    return list(_folders(root))


def _listing(root, split, category, held_out):
    if (root / _FILE).is_file():
        return part(root, _samples(root, category, {}), split, held_out)
    folders = _folders(root)
    return joined({name: _samples(folders[name], category, folders) for name in chosen(root, split, folders)})


LAYOUT = Layout("COCO export of Roboflow", f"SPLIT/{_FILE} beside the images", _find, _splits, _listing)
