"""Outlines in a file for each image, YOLO, labelme and GeoJSON: what is drawn, and that bad entries cost no image."""

import base64
import io
import json

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as run_lengths
from scenes.layouts import HEIGHT, WIDTH
from scenes.outlines import LEAF, feature, geojson, labelme, share, yolo

from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.data.readers.outlines import paint_polygons
from ris_tf.errors import DataError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")

HOLE = [(16.0, 9.0), (19.0, 9.0), (19.0, 13.0), (16.0, 13.0)]


def drawn(*polygons):
    """Union of polygons, drawn by pycocotools in the whole image: bool [H, W]."""
    flat = [[float(value) for point in polygon for value in point] for polygon in polygons]
    return run_lengths.decode(run_lengths.merge(run_lengths.frPyObjects(flat, HEIGHT, WIDTH))) > 0


def two():
    """Label map of BOX and LEAF, which do not overlap."""
    labels = np.zeros((HEIGHT, WIDTH), np.int32)
    labels[3:8, 2:10] = 1
    labels[drawn(LEAF)] = 2
    return labels


MAKERS = {yolo: "YOLO segmentation", labelme: "labelme", geojson: "GeoJSON"}
makers = pytest.mark.parametrize("make", MAKERS, ids=lambda make: make.__name__)


@makers
def test_polygons_are_drawn_as_in_coco(tmp_path, make):
    make(tmp_path)
    assert detect(tmp_path)[0].name == MAKERS[make]
    for _, read in open_folder(tmp_path, "all"):
        image, labels = read()
        assert image.shape == (HEIGHT, WIDTH, 3) and labels.dtype == np.int32
        np.testing.assert_array_equal(labels, two())


@makers
def test_one_category(tmp_path, make, problems):
    make(tmp_path)
    for number, category in ((1, "box"), (2, "leaf")):
        for _, read in open_folder(tmp_path, "all", category):
            np.testing.assert_array_equal(read()[1] > 0, two() == number)
    with pytest.raises((DataError, UsageError), match="box, leaf"):
        open_folder(tmp_path, "all", "leave")


def test_a_window_changes_nothing():
    rng = np.random.default_rng(0)
    for spread in (6, 12, 30):
        for _ in range(50):
            centre, shape = rng.uniform(0, 60, 2), (60, 70)
            points = (centre + rng.uniform(-spread, spread, (7, 2))).ravel().tolist()
            top, left, mask = paint_polygons([(points, [])], shape)
            whole = np.zeros(shape, np.uint8)
            whole[top : top + mask.shape[0], left : left + mask.shape[1]] = mask
            expected = run_lengths.decode(run_lengths.merge(run_lengths.frPyObjects([points], *shape)))
            np.testing.assert_array_equal(whole, expected)


def labels_of(root):
    """Label map of the only image of a data set, or of its training image."""
    return open_folder(root, "all")[0][1]()[1]


def test_holes_and_several_parts(tmp_path):
    parts = [[[*LEAF, LEAF[0]], [*HOLE, HOLE[0]]], [[[25, 1], [29, 1], [29, 4], [25, 4], [25, 1]]]]
    geojson(tmp_path)
    (tmp_path / "a.geojson").write_text(json.dumps([feature("MultiPolygon", parts)]))
    expected = drawn(LEAF) & ~drawn(HOLE)
    expected[1:4, 25:29] = True
    assert (drawn(LEAF) & drawn(HOLE)).sum() == 12
    np.testing.assert_array_equal(labels_of(tmp_path), expected)


def test_shapes_of_labelme(tmp_path):
    mask = np.random.default_rng(0).random((4, 5)) > 0.4
    Image.fromarray(mask).save(stream := io.BytesIO(), "PNG")
    text = base64.b64encode(stream.getvalue()).decode()
    shapes = [
        {"label": "c", "points": [[25, 19], [28, 19]], "shape_type": "circle"},
        {"label": "g", "points": [[20, 0], [22, 0], [22, 2], [20, 2]], "shape_type": "polygon", "group_id": 4},
        {"label": "g", "points": [[26, 0], [28, 2]], "shape_type": "rectangle", "group_id": 4},
        {"label": "m", "points": [[3, 15], [7, 18]], "shape_type": "mask", "mask": text},
    ]  # fmt: skip
    labels = labels_of(labelme(tmp_path, shapes))
    rows, columns = np.indices(labels.shape) + 0.5
    disc = (rows - 19) ** 2 + (columns - 25) ** 2 <= 9
    assert ((labels == 3) & disc).sum() / ((labels == 3) | disc).sum() > 0.9
    expected = np.zeros(labels.shape, bool)
    expected[0:2, 20:22] = expected[0:2, 26:28] = True
    np.testing.assert_array_equal(labels == 4, expected)
    np.testing.assert_array_equal(labels[15:19, 3:8] == 5, mask)


BAD = {
    yolo: (
        ["0 0.5 0.5 0.2 0.2", "0 0.1 0.2", "0 0.1 0.2 0.3 0.4 0.5 7", "x 1 2", f"1 {share([(5, 20)] * 3)}", ""],
        "1 not in numbers, 1 outside the image, 1 with fewer than 3 points, 1 with only a box; in 1 file, such as "
        "train_0.txt",
    ),
    labelme: (
        [
            {"label": "x", "points": [[1, 2]], "shape_type": "point"}, {"label": "x", "points": [[1, 2], [3, 4]]}, 3,
            {"label": "x", "shape_type": "polygon"}, {"points": [[1, 1], [2, 2]], "shape_type": "mask"},
            {"points": [[5, 20], [5, 20], [5, 20]]},
        ],
        "1 not in the form of a shape, 1 of the type 'point', 1 with too few points, 1 without a mask, 1 without points"
        "; in 1 file, such as a.json",
    ),
    geojson: (
        [
            feature("Point", [3, 4]), feature("Polygon", []), feature("Polygon", [[[1, 2], [3, 4], [1, 2]]]), None,
            feature("MultiPolygon", [[[["x", 2], [3, 4], [1, 2]]]]), feature("Polygon", [[[5, 20]] * 4]),
        ],
        "1 of the type 'Point', 4 without the coordinates of a polygon; in 1 file, such as a.geojson",
    ),
}  # fmt: skip


@makers
def test_a_bad_entry_is_counted_and_costs_no_image(tmp_path, make, caplog):
    entries, line = BAD[make]
    make(tmp_path, entries)
    layout, root = detect(tmp_path)
    split = "train" if make is yolo else "all"
    (note,) = layout.listing(root, split, "", 0.0).notes
    assert note.endswith(f"objects left out: {line}") and str(tmp_path) in note
    np.testing.assert_array_equal(open_folder(tmp_path, split)[0][1]()[1], two())
    assert "objects left out: 1 without a pixel" in caplog.text


@makers
def test_files_that_cannot_be_read_are_one_line_each(tmp_path, make, problems):
    make(tmp_path)
    (file,) = [*tmp_path.rglob("train_0.txt"), *tmp_path.rglob("a.json"), *tmp_path.rglob("a.geojson")]
    for content in (b"\xff\xfe\xfd", b"{", b"[" * 10**5, b"3"):
        file.write_bytes(content)
        lines = problems(tmp_path, "train" if make is yolo else "all")
        assert len(lines) == 1 and "\n" not in lines[0] and "expected" in lines[0], lines
