"""Which annotations that are marked as crowds are crowds, and which are masks of single objects."""

import json

import numpy as np
import pytest
from PIL import Image
from pycocotools.mask import encode

from ris_tf.data import convert, sources
from ris_tf.data.images import notes
from ris_tf.data.readers.coco_entries import parse

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")
SIDE = 48


def square(left, top, side=3):
    """A square as a COCO polygon."""
    return [[left, top, left + side, top, left + side, top + side, left, top + side]]


def ring(left, top):
    """A ring, which has a hole, as run lengths."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top : top + 5, left : left + 5] = 1
    mask[top + 2, left + 2] = 0
    return runs(mask)


def runs(mask):
    packed = encode(np.asfortranarray(mask))
    return {"size": packed["size"], "counts": packed["counts"].decode()}


def block(left, top):
    """A square of run lengths."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[top : top + 5, left : left + 5] = 1
    return runs(mask)


def write(root, split, *images):
    """Writes one split; an image is a list of (segmentation, iscrowd) or (segmentation, iscrowd, other keys)."""
    for folder in ("annotations", split):
        (root / folder).mkdir(parents=True, exist_ok=True)
    content = {"images": [], "annotations": [], "categories": [{"id": 1, "name": "cell"}]}
    for number, objects in enumerate(images, 1):
        Image.new("L", (SIDE, SIDE), number).save(root / split / f"{number}.png")
        content["images"].append({"id": number, "file_name": f"{number}.png", "height": SIDE, "width": SIDE})
        for outline, crowd, *more in objects:
            entry = {"id": len(content["annotations"]) + 1, "image_id": number, "category_id": 1, "iscrowd": crowd}
            content["annotations"].append({**entry, "segmentation": outline, **dict(*more)})
    (root / "annotations" / f"instances_{split}.json").write_text(json.dumps(content))


def counts(root, split="train"):
    """[(objects, whether pixels are ignored)] for every image."""
    found = [read()[1] for _, read in sources.open_source(root, split)]
    return [(np.unique(labels[labels > 0]).size, bool((labels < 0).any())) for labels in found]


TWELVE = [(square(4 * n % 44, 4 * (4 * n // 44)), 0) for n in range(12)]
OBJECTS = {  # annotations of the images of a file in which every annotation is an object: reason, images
    "all are marked": ("every object of the file is marked so", [[(block(9, 9), 1), (ring(20, 20), 1)]]),
    "all are marked, one to an image": ("every object of the file", [[(block(9, 9), 1)], [(block(8, 8), 1)]]),
    "all are marked, as polygons": ("every object of the file", [[(square(9, 9), 1), (square(20, 20), 1)]]),
    "several in an image": ("an image has several", [[(square(1, 1), 0), (ring(9, 9), 1), (block(20, 20), 1)]]),
    "several in a dense image": ("an image has several", [[*TWELVE, (block(30, 30), 1), (block(40, 40), 1)]]),
    "with holes": ("each has a hole or several", [[(square(1, 1), 0), (ring(9, 9), 1)], [(ring(9, 9), 1)]]),
}
CROWDS = {  # of a file in which the last annotation of the first image is a crowd: whether that is certain, images
    "as in COCO": (True, [[*TWELVE, (block(30, 30), 1)]]),
    "with holes, as in COCO": (True, [[*TWELVE, (ring(30, 30), 1)]]),
    "objects as run lengths": (True, [[(block(1, 1), 0), (block(30, 30), 1)], [(block(1, 1), 0), (square(9, 9), 0)]]),
    "crowds as polygons": (True, [[(square(1, 1), 0), (square(30, 30), 1)]]),
    "several, objects as run lengths": (True, [[(block(1, 1), 0), (ring(20, 20), 1), (ring(30, 30), 1)]]),
    "objects in parts": (False, [[(square(1, 1) + square(5, 5), 0), (ring(30, 30), 1)]]),
    "in one piece": (False, [[(square(1, 1), 0), (block(30, 30), 1)]]),
}


@pytest.mark.parametrize("name", OBJECTS)
def test_masks_that_a_tool_marked_are_objects(tmp_path, caplog, name):
    reason, images = OBJECTS[name]
    notes.warn_once.cache_clear()
    write(tmp_path, "train", *images)
    assert counts(tmp_path) == [(len(objects), False) for objects in images]
    (line,) = [record.getMessage() for record in caplog.records]
    marked = sum(crowd for objects in images for _, crowd in objects)
    assert f"masks marked as crowds (iscrowd 1) but read as single objects: {marked}, because {reason}" in line


@pytest.mark.parametrize("name", CROWDS)
def test_crowds_stay_ignored(tmp_path, caplog, name):
    certain, images = CROWDS[name]
    notes.warn_once.cache_clear()
    write(tmp_path, "train", *images)
    unmarked = [sum(not crowd for _, crowd in objects) for objects in images]
    assert counts(tmp_path) == list(zip(unmarked, [True, *[False] * (len(images) - 1)], strict=True))
    (line,) = [record.getMessage() for record in caplog.records]
    marked = sum(crowd for objects in images for _, crowd in objects)
    assert f"regions marked as crowds (iscrowd 1) and ignored: {marked}" in line
    assert ("if they are single objects, set their iscrowd to 0" in line) == (not certain)


def test_splits_of_a_data_set_agree(tmp_path):
    write(tmp_path, "val", [(square(1, 1), 0), (block(9, 9), 1)])
    assert counts(tmp_path, "val") == [(1, True)]
    write(tmp_path, "train", [(square(1, 1), 0), (block(9, 9), 1), (block(20, 20), 1)])
    assert counts(tmp_path, "val") == [(2, False)]


def test_a_region_to_ignore_can_be_named(tmp_path):
    write(tmp_path, "train", [(block(9, 9), 1), (block(20, 20), 1), (block(30, 30), 1, {"ignore": 1})])
    assert counts(tmp_path) == [(2, True)]


def test_ignored_pixels_survive_conversion_without_objects(tmp_path):
    labels = np.zeros((SIDE, SIDE), np.int32)
    labels[:9, :9] = -1
    image = np.zeros((SIDE, SIDE, 3), np.uint8)
    convert.convert({"train": [("a", lambda: (image, labels))]}, tmp_path / "out", "coco")
    ((_, read),) = sources.open_source(tmp_path / "out", "train")
    np.testing.assert_array_equal(read()[1], labels)


def test_crowds_of_real_photographs_stay_ignored(coco):
    for split in ("train", "val"):
        found = parse(coco / "annotations" / f"instances_{split}2017.json")
        crowds = {key for key, listed in found.objects.items() if any(entry["iscrowd"] for entry in listed)}
        names = sorted(found.images[key]["file_name"][:-4] for key in crowds)
        samples = dict(sources.open_source(coco, split))
        assert names and [name for name in names if (samples[name]()[1] < 0).any()] == names
