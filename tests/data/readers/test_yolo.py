"""YOLO data sets: the ways in which data.yaml and folders name the splits; and sizes that labelme and QuPath state."""

import json

import numpy as np
import pytest
from PIL import Image
from scenes.layouts import HEIGHT, WIDTH, picture, save

from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.errors import DataError, UsageError

POLYGON = "0 0.1 0.125 0.5 0.125 0.5 0.5 0.1 0.5\n"  # rows 3 to 11, columns 3 to 14 of HEIGHT x WIDTH


def expected():
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[3:12, 3:15] = 1
    return labels


def pair(root, images, labels, name="a", text=POLYGON):
    """An image and its label file."""
    file = root / labels / f"{name}.txt"
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)
    return save(root / images / f"{name}.png", picture(0))


@pytest.mark.parametrize(
    ("yaml", "images", "labels"),
    [
        ("path: .\ntrain: images/train\nval: images/train\nnames: [leaf]\n", "images/train", "labels/train"),
        ("train: ../train/images\nval: ../valid/images\nnc: 1\nnames: ['leaf']\n", "train/images", "train/labels"),
        ("path: ../datasets/x\ntrain: images/train/\nnames:\n- leaf\n", "images/train", "labels/train"),
        ("train: [images/x/1, images/x/2]\nnames: {0: leaf}\n", "images/x/1", "labels/x/1"),
        ("train: train.txt\nnames: {0: leaf}\n", "data/images/t", "data/labels/t"),
        (None, "images/train", "labels/train"),
        (None, "train/images", "train/labels"),
    ],
)
def test_where_images_and_labels_are(tmp_path, yaml, images, labels):
    pair(tmp_path, images, labels)
    if yaml:
        for folder in ("valid/images", "images/x/2"):
            (tmp_path / folder).mkdir(parents=True)
        (tmp_path / "data.yaml").write_text(yaml)
    (tmp_path / "train.txt").write_bytes(b"./data/images/t/a.png\r\n")
    assert detect(tmp_path)[0].name == "YOLO segmentation"
    ((name, read),) = open_folder(tmp_path, "train")
    assert name == "a"
    np.testing.assert_array_equal(read()[1], expected())
    if yaml:
        assert len(open_folder(tmp_path, "train", "leaf")) == 1
        with pytest.raises(UsageError, match="data.category is 'x'; expected one of leaf"):
            open_folder(tmp_path, "train", "x")


def test_images_without_splits_are_divided_by_name(tmp_path):
    for number in range(4):
        pair(tmp_path, "images", "labels", f"{number}")
    assert [len(open_folder(tmp_path, split)) for split in ("all", "train", "val", "test")] == [4, 2, 1, 1]


def test_label_maps_come_before_labels_of_yolo(tmp_path):
    pair(tmp_path, "images", "labels")
    save(tmp_path / "masks" / "a.png", np.full((HEIGHT, WIDTH), 3, np.uint8))
    assert detect(tmp_path)[0].name == "images and label maps"


def test_what_is_no_segmentation_data_is_told(tmp_path, problems):
    (tmp_path / "data.yaml").write_text("train: images/train\nval: images/val\nnames: [leaf]\n")
    pair(tmp_path, "images/train", "labels/train", text="0 0.5 0.5 0.1 0.1\n0 0.2 0.2 0.1 0.1\n")
    (line,) = problems(tmp_path, "train")
    assert line.startswith(f"{tmp_path}: train has 2 boxes and no polygon; expected the labels of a segmentation")
    assert problems(tmp_path, "all") == [
        f"{tmp_path}/data.yaml: val names 'images/val', which is not in {tmp_path}; expected a folder of images"
    ]
    pair(tmp_path, "images/val", "labels/val")
    save(tmp_path / "images/val/a.jpg", picture(0))
    assert "a.png: has the same name as" in problems(tmp_path, "val")[0]
    (tmp_path / "data.yaml").write_text("train: images/train\nnames: [leaf]\nkpt_shape: [17, 3]\n")
    assert "data.yaml: describes key points (kpt_shape)" in problems(tmp_path, "train")[0]


def test_images_without_labels_have_no_objects(tmp_path):
    pair(tmp_path, "images/train", "labels/train")
    save(tmp_path / "images" / "train" / "b.png", picture(1))
    layout, root = detect(tmp_path)
    assert layout.listing(root, "train", "", 0.0).notes == [
        f"{tmp_path}: train: images without a label file, read as images without objects: 1"
    ]
    assert not open_folder(tmp_path, "train")[1][1]()[1].any()


def turned(path):
    """Stores an image so that viewers turn it by 90 degrees (EXIF orientation 6); returns its pixels as viewed."""
    exif = Image.Exif()
    exif[274] = 6
    stored = picture(0)
    Image.fromarray(stored).save(path, exif=exif)
    return np.rot90(stored, -1)


def test_coordinates_fit_the_image_as_each_tool_shows_it(tmp_path):
    upright = turned(pair(tmp_path / "y", "images/train", "labels/train", text="0 0 0 0.5 0 0.5 0.5 0 0.5"))
    box = [[0, 0], [HEIGHT / 2, 0], [HEIGHT / 2, WIDTH / 2], [0, WIDTH / 2]]  # as viewed: HEIGHT wide, WIDTH high
    shapes = [{"label": "a", "points": box, "shape_type": "polygon"}]
    for name in ("l", "g"):
        (tmp_path / name).mkdir()
        turned(tmp_path / name / "a.png")
    said = {"shapes": shapes, "imageWidth": HEIGHT, "imageHeight": WIDTH}
    (tmp_path / "l" / "a.json").write_text(json.dumps(said))
    for name in ("y", "l"):
        image, labels = open_folder(tmp_path / name, "all")[0][1]()
        np.testing.assert_array_equal(image, upright)
        assert labels[: WIDTH // 2, : HEIGHT // 2].all() and labels.sum() == WIDTH * HEIGHT // 4
    ring = [[0, 0], [WIDTH / 2, 0], [WIDTH / 2, HEIGHT / 2], [0, HEIGHT / 2], [0, 0]]  # as stored
    geometry = {"type": "Polygon", "coordinates": [ring]}
    (tmp_path / "g" / "a.geojson").write_text(json.dumps({"type": "Feature", "geometry": geometry}))
    image, labels = open_folder(tmp_path / "g", "all")[0][1]()
    np.testing.assert_array_equal(image, upright)
    assert labels[: WIDTH // 2, HEIGHT // 2 :].all() and labels.sum() == WIDTH * HEIGHT // 4
    (tmp_path / "l" / "a.json").write_text(json.dumps(said | {"imageWidth": WIDTH, "imageHeight": HEIGHT}))
    with pytest.raises(DataError, match=f"a.json: is for an image of {WIDTH}x{HEIGHT} .* a.png is {HEIGHT}x{WIDTH}"):
        open_folder(tmp_path / "l", "all")


def test_regions_of_qupath_are_no_objects(tmp_path, problems):
    save(tmp_path / "a.png", picture(0))
    ring = [[0, 0], [9, 0], [9, 9], [0, 0]]

    def features(*kinds):
        geometry = {"type": "Polygon", "coordinates": [ring]}
        found = [{"type": "Feature", "geometry": geometry, "properties": {"objectType": kind}} for kind in kinds]
        (tmp_path / "a.geojson").write_text(json.dumps(found))
        return problems(tmp_path)

    assert features("annotation", "annotation") == features("cell", "tile") == features("detection") == []
    (line,) = features("annotation", "cell", "cell")
    assert line.startswith(f"{tmp_path}/a.geojson: has 1 annotation and 2 cells or detections; expected one kind")


def test_a_split_may_have_no_object(tmp_path):
    pair(tmp_path, "images/train", "labels/train", text="")
    ((_, read),) = open_folder(tmp_path, "train")
    assert not read()[1].any()
