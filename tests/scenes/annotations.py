"""Small data sets with COCO annotations."""

import json

from PIL import Image


def box(left, top, right, bottom):
    """A rectangle as a COCO polygon."""
    return [[left, top, right, top, right, bottom, left, bottom]]


def written(folder, **changes):
    """Writes a data set of two images of 20 x 30 pixels; the second contains only a crowd.

    Args:
      folder: Path of an existing folder.
      **changes: replace keys of the annotation file.

    Returns:
      the folder.
    """
    size = {"height": 20, "width": 30}
    whole = {"size": [20, 30], "counts": [0, 600]}  # uncompressed run lengths
    content = {
        "images": [{"id": 7, "file_name": "b.png", **size}, {"id": 8, "file_name": "a.png", **size}],
        "categories": [{"id": 1, "name": "person"}, {"id": 3, "name": "car"}],
        "annotations": [
            {"id": 1, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": box(2, 2, 6, 6)},
            {"id": 2, "image_id": 7, "category_id": 1, "iscrowd": 0, "segmentation": box(0, 0, 12, 10)},
            {"id": 3, "image_id": 7, "category_id": 1, "iscrowd": 1, "segmentation": whole},
            {"id": 4, "image_id": 7, "category_id": 3, "iscrowd": 0, "segmentation": box(20, 10, 30, 20)},
            {"id": 5, "image_id": 8, "category_id": 1, "iscrowd": 1, "segmentation": whole},
        ],
        **changes,
    }
    for name in ("annotations", "train2017", "val2017"):
        (folder / name).mkdir(exist_ok=True)
    for name in ("a.png", "b.png"):
        Image.new("RGB", (30, 20)).save(folder / "train2017" / name)
    (folder / "annotations" / "instances_train2017.json").write_text(json.dumps(content))
    return folder


def roboflow(root):
    """Writes the COCO export of Roboflow: train, valid and test, with annotations beside the images of each split.

    The objects of a split begin 1, 2 or 3 pixels from the left, which is also the red value of its images.
    """
    for number, split in enumerate(("train", "valid", "test"), 1):
        _roboflow_split(root / split, number)
    (root / "README.roboflow.txt").write_text("exported")


def _roboflow_split(folder, shift, names=("6d40-8_jpg.rf.770444f8.jpg", "7d44-10_jpg.rf.3b18d732.jpg")):
    """Writes one split with two objects in each image; category 0 is the supercategory and has no object."""
    folder.mkdir(parents=True)
    content = {
        "categories": [
            {"id": 0, "name": "eggs", "supercategory": "none"},
            {"id": 1, "name": "young", "supercategory": "eggs"},
            {"id": 2, "name": "old", "supercategory": "eggs"},
        ],
        "images": [],
        "annotations": [],
    }
    for number, name in enumerate(names):  # ids begin with 0
        Image.new("RGB", (30, 20), (shift, number, 0)).save(folder / name)
        extra = {"name": name.split("_jpg")[0] + ".jpg"}
        content["images"].append({"id": number, "file_name": name, "height": 20, "width": 30, "extra": extra})
        for category in (1, 2):
            outline = box(shift, 8 * category - 6, shift + 5, 8 * category - 2)
            entry = {"id": len(content["annotations"]), "image_id": number, "category_id": category, "iscrowd": 0}
            content["annotations"].append({**entry, "segmentation": outline, "bbox": [], "area": 0})
    (folder / "_annotations.coco.json").write_text(json.dumps(content))
