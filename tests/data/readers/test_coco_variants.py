"""What tools write into COCO files: variants that are read, objects that are left out and counted, image paths."""

import json
from functools import partial

import numpy as np
import pytest
from PIL import Image
from scenes.annotations import box, written

from ris_tf.commands import data as data_command
from ris_tf.data import sources
from ris_tf.data.images import notes
from ris_tf.data.readers.coco_entries import sample_names
from ris_tf.data.readers.splits import Listing
from ris_tf.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")
SQUARE = {"id": 1, "image_id": 7, "category_id": 1, "segmentation": box(2, 2, 6, 6)}
PLAIN = {"height": 20, "width": 30}


def labels_of(folder, name="b", **changes):
    """Labels of an image, after the data set was written with changes."""
    return dict(sources.open_source(written(folder, **changes), "train", category=""))[name]()[1]


def expected(*boxes):
    """Label map of boxes (left, top, right, bottom)."""
    labels = np.zeros((20, 30), int)
    for number, (left, top, right, bottom) in enumerate(boxes, 1):
        labels[top:bottom, left:right] = number
    return labels


@pytest.mark.parametrize(
    "changes",
    [
        {"images": [{"id": 7, "file_name": "b.png", "height": 20.0, "width": 30.0}]},
        {"images": [{"id": 7.0, "file_name": "b.png", "height": "20", "width": "30"}]},
        {"images": [{"id": "7", "file_name": "b.png", **PLAIN}]},
        {"annotations": [SQUARE | {"image_id": "7"}]},
        {"annotations": [SQUARE | {"image_id": 7.0, "category_id": "1"}]},
        {"annotations": [{key: value for key, value in SQUARE.items() if key != "id"}]},
        {"annotations": [SQUARE | {"segmentation": SQUARE["segmentation"][0]}]},
        {"annotations": [SQUARE | {"segmentation": [{"size": [20, 30], "counts": [42, *[4, 16] * 3, 4, 494]}]}]},
        {"annotations": [SQUARE | {"segmentation": [[9, 9, 20, 12], *box(2, 2, 6, 6)]}]},  # and a double click
        {"annotations": [SQUARE | {"segmentation": [*box(2, 2, 6, 6), [9, 9, 20, 12]]}]},
        {"annotations": [SQUARE | {"iscrowd": "0"}]},
        {"categories": [{"id": 0, "name": "dot"}], "annotations": [SQUARE | {"category_id": 0}]},
    ],
    ids=str,
)
def test_a_harmless_variant_is_read(tmp_path, changes):
    listed = {"images": [{"id": 7, "file_name": "b.png", **PLAIN}], "annotations": [SQUARE]}
    np.testing.assert_array_equal(labels_of(tmp_path, **listed | changes), expected((2, 2, 6, 6)))


@pytest.mark.parametrize(
    ("outline", "reason"),
    [
        ({"segmentation": []}, "no outline of three points or more"),
        ({}, "no outline of three points or more"),
        ({"segmentation": None}, "no outline of three points or more"),
        ({"segmentation": [[3, 3, 9, 6]]}, "no outline of three points or more"),  # not the box from 3, 3 to 12, 9
        ({"segmentation": [[9.2, 9.2, 9.4, 9.2, 9.4, 9.4]]}, "an outline that contains no pixel"),
        ({"segmentation": [[9, 9, 19, 9, 19, 9.2, 9, 9.2]]}, "an outline that contains no pixel"),
        ({"segmentation": [[9, 9, 12, 12, 15, 15, 12, 12]]}, "an outline that contains no pixel"),
        ({"segmentation": {"size": [20, 30], "counts": [600]}}, "an outline that contains no pixel"),
        ({"segmentation": {"size": [20, 30], "counts": "hb0"}}, "an outline that contains no pixel"),
        ({"segmentation": SQUARE["segmentation"]}, "the same outline as another object"),
    ],
    ids=str,
)
def test_an_object_without_pixels_is_left_out_and_counted(tmp_path, caplog, command, outline, reason):
    twin = {"id": 5, "image_id": 7, "category_id": 1, "bbox": [9, 9, 3, 3], **outline}
    alone = {"id": 6, "image_id": 8, "category_id": 1, "segmentation": []}
    notes.warn_once.cache_clear()
    labels = labels_of(tmp_path, annotations=[SQUARE, twin, alone])
    np.testing.assert_array_equal(labels, expected((2, 2, 6, 6)))
    (line,) = [record.getMessage() for record in caplog.records]
    assert "objects that cannot be drawn and are left out: 2 of 3 (" in line and reason in line
    samples = sources.open_source(tmp_path, "train", category="person")
    assert [name for name, _ in samples] == ["a", "b"]  # the image of the object without an outline stays
    assert len(caplog.records) == 1  # once for a data set
    code, out, _ = command(data_command.main, "inspect", tmp_path, f"--out={tmp_path / 'sheet.png'}")
    assert f"  note               {line}\n" in out and "train2017: 2 images, 1 object\n" in out
    assert code == 1 and "has the same pixels as a" in out  # of the two black images, and nothing else
    assert out.count("problem: ") == 1


def test_an_object_under_smaller_ones_is_named(tmp_path, caplog):
    parts = [box(2, 2, 6, 9), box(6, 2, 12, 9), box(2, 2, 12, 9)]
    entries = [SQUARE | {"id": number, "segmentation": part} for number, part in enumerate(parts, 1)]
    labels = labels_of(tmp_path, annotations=entries)
    np.testing.assert_array_equal(labels, expected((2, 2, 6, 9), (6, 2, 12, 9)))
    assert "b.png: objects hidden entirely by smaller ones, and left out: 1" in caplog.text


def test_boxes_without_outlines_are_refused(tmp_path):
    boxes = [{"id": 5, "image_id": 7, "category_id": 1, "bbox": [9, 9, 3, 3], "segmentation": []}]
    with pytest.raises(DataError, match="drawn and are left out: 1 of 1 .*; expected polygons or run lengths"):
        sources.open_source(written(tmp_path, annotations=boxes), "train", category="")


def test_names_of_images_are_paths_below_their_folder():
    found = sample_names(["a.png", "x/a.png", "y\\a.png", "y/b.png", "y/b.jpg", "./c.png", "../d.png", "/e/f.g.png"])
    assert found == ["a", "x/a", "y/a", "y/b.png", "y/b.jpg", "c", "d", "f.g"]


def plates(root):
    """Two plates with the same wells; the labels differ."""
    images, annotations, truth = [], [], {}
    for number, name in enumerate(("plate1/A01", "plate1/A02", "plate2/A01", "plate2/A02"), 1):
        (root / "val" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(np.full((20, 30), number, np.uint8)).save(root / "val" / f"{name}.png")
        listed = name.replace("/", "\\") if number == 4 else name  # as a tool on Windows writes it
        images.append({"id": number, "file_name": f"{listed}.png", **PLAIN})
        place = (number, number, number + 5, number + 6)
        annotations.append({"id": number, "image_id": number, "category_id": 1, "segmentation": box(*place)})
        truth[name] = expected(place)
    (root / "annotations").mkdir()
    content = {"images": images, "annotations": annotations, "categories": [{"id": 1, "name": "cell"}]}
    (root / "annotations" / "instances_val.json").write_text(json.dumps(content))
    return truth


@pytest.mark.parametrize("form", ["coco", "tfrecord"])
def test_images_of_the_same_name_in_several_folders(tmp_path, command, form):
    truth = plates(tmp_path / "in")
    code, out, _ = command(data_command.main, "inspect", tmp_path / "in", f"--out={tmp_path / 'sheet.png'}")
    assert code == 0 and "val: 4 images, 4 objects" in out
    flags = (f"--format={form}", f"--out={tmp_path / 'out'}")
    code, _, err = command(data_command.main, "convert", tmp_path / "in", *flags)
    assert code == 0, err
    for data in ("in", "out"):
        samples = dict(sources.open_source(tmp_path / data, "val"))
        assert list(samples) == list(truth)
        for number, (name, read) in enumerate(samples.items(), 1):
            image, labels = read()
            assert (image == number).all()
            np.testing.assert_array_equal(labels, truth[name])


def test_inspect_tells_of_names_that_convert_refuses(tmp_path, command, monkeypatch):
    def read(value):
        return np.full((20, 30, 3), value, np.uint8), expected((2, 2, 6, 6))

    samples = [(name, partial(read, number)) for number, name in enumerate(("a", "a", "x/../b", "c", "x/d"))]
    monkeypatch.setattr(data_command, "open_all", lambda *_: ("made up", {"val": Listing(samples, [])}))
    code, out, _ = command(data_command.main, "inspect", "x", f"--out={tmp_path / 'sheet.png'}")
    assert code == 1 and out.count("problem: ") == 2
    assert "val: 2 images have the name 'a'; expected" in out and "val: an image has the name 'x/../b'; expected" in out
    code, _, err = command(data_command.main, "convert", "x", "--format=coco", f"--out={tmp_path / 'out'}")
    assert code == 1 and "val: 2 images have the name 'a'" in err and not (tmp_path / "out").exists()
