"""Annotations of VIA, against shapes drawn from their equations."""

import json

import numpy as np
import pytest
from PIL import Image

from ris_tf.data.sources import open_source
from ris_tf.errors import DataError, UsageError

SIZE = 80


def region(name, attributes=(), **shape):
    return {"shape_attributes": {"name": name, **shape}, "region_attributes": dict(attributes)}


def saved(folder, regions, file="via_region_data.json", image="a.png"):
    folder.mkdir(exist_ok=True)
    Image.fromarray(np.zeros([SIZE, SIZE, 3], np.uint8)).save(folder / "a.png")
    (folder / file).write_text(json.dumps({f"{image}1": {"filename": image, "size": 1, "regions": regions}}))
    return folder


def labels(folder, category=""):
    ((_, read),) = open_source(folder, "all", category=category)
    return read()[1]


def iou(found, expected):
    return (found & expected).sum() / (found | expected).sum()


def test_circles_and_turned_ellipses(tmp_path):
    circle = region("circle", cx=20, cy=24, r=12)
    ellipse = region("ellipse", cx=52, cy=50, rx=20, ry=8, theta=0.5)
    found = labels(saved(tmp_path, [circle, ellipse]))
    y, x = np.indices([SIZE, SIZE]) + 0.5
    across = (x - 52) * np.cos(0.5) + (y - 50) * np.sin(0.5)
    down = (y - 50) * np.cos(0.5) - (x - 52) * np.sin(0.5)
    assert iou(found == 1, np.hypot(x - 20, y - 24) < 12) > 0.95
    assert iou(found == 2, np.hypot(across / 20, down / 8) < 1) > 0.95


def test_categories(tmp_path):
    square = {"all_points_x": [10, 30, 30, 10], "all_points_y": [10, 10, 30, 30]}
    moved = {**square, "all_points_x": [40, 60, 60, 40]}
    ticked = {"leaf": False, "flower": True}
    folder = saved(
        tmp_path,
        [
            region("polygon", {"colour": "red", "type": "leaf"}, **square),
            region("polyline", {"kind": ticked}, **moved),
        ],
    )
    assert set(np.unique(labels(folder))) == {0, 1, 2}
    assert (labels(folder, "flower") > 0).sum() == 400 and labels(folder, "flower")[20, 50]
    with pytest.raises((DataError, UsageError), match="categories are flower, leaf"):
        labels(folder, "root")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda folder: saved(folder, [], file="via_2.json"), "has 2 files of VIA"),
        (lambda folder: saved(folder, [], image="b.png"), "names the image 'b.png', which is not in"),
        (lambda folder: saved(folder, [region("rect", x=1, y=1, width=4, height=4)]), "has 1 box and no outline"),
    ],
)
def test_bad_folders_are_told(tmp_path, change, message):
    square = region("polygon", all_points_x=[10, 30, 30], all_points_y=[10, 10, 30])
    change(saved(tmp_path, [square]))
    with pytest.raises(DataError, match=message):
        labels(tmp_path)


def test_what_is_no_region_is_left_out(tmp_path, caplog):
    square = region("polygon", all_points_x=[10, 30, 30], all_points_y=[10, 10, 30])
    broken = [region("polygon", all_points_x=[1]), region("polygon", all_points_x=[1, 2], all_points_y=[1, 2]), None]
    assert labels(saved(tmp_path, [square, *broken])).max() == 1
    assert "objects left out: 2 not in the form of a region, 1 without three points" in caplog.text
