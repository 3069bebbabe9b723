"""Counts in regions of interest and series in order of time, against closed forms; bad files are told in one line."""

import datetime
import json

import numpy as np
import pytest
import tifffile
from PIL import Image
from scenes.outlines import feature

from ris_tf.commands import predict, tables
from ris_tf.data.images.taken import taken
from ris_tf.data.readers import named_regions
from ris_tf.instances.labels import Instances
from ris_tf.instances.places import place_of


def box(left, top, right, bottom):
    return [[[left, top], [right, top], [right, bottom], [left, bottom], [left, top]]]


def saved(path, *features):
    path.write_text(json.dumps({"type": "FeatureCollection", "features": list(features)}))
    return path


def discs(path, exif=None):
    """16 discs of diameter 18 around (15.5, 15.5), 32 pixels from each other."""
    rows, columns = np.indices((128, 128))
    disc = np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9
    Image.fromarray(np.uint8(20 + 180 * disc)).save(path, **({"exif": exif} if exif is not None else {}))
    return path


def exif_of(time, fraction=None, field=36867):
    exif = Image.Exif()
    exif[271] = "Maker"  # Pillow writes no EXIF data without a field of the main part
    part = exif if field == 306 else exif.get_ifd(0x8769)
    part[field] = time
    if fraction:
        part[37521] = fraction
    return exif


def test_regions_are_drawn_exactly_where_their_corners_are_corners_of_pixels(tmp_path):
    hole = [box(2, 3, 10, 8)[0], box(4, 4, 6, 7)[0]]
    file = saved(
        tmp_path / "r.geojson",
        feature("Polygon", hole, "bench"),
        feature("Polygon", box(12, 0, 20, 4), name="tray"),
        feature("MultiPolygon", [box(0, 9, 3, 12), box(17, 9, 20, 12)]),
    )
    masks = named_regions.draw(file, named_regions.read(file), "a.png", (12, 20))
    expected = np.zeros((3, 12, 20), bool)
    expected[0, 3:8, 2:10], expected[0, 4:7, 4:6] = True, False
    expected[1, 0:4, 12:20] = expected[2, 9:12, 0:3] = expected[2, 9:12, 17:20] = True
    assert list(masks) == ["bench", "tray", "region 3"]
    np.testing.assert_array_equal(list(masks.values()), expected)


def test_an_object_lies_where_most_of_its_pixels_lie():
    labels = np.zeros((6, 20), int)
    for number, left in enumerate((0, 6, 7, 12, 14), 1):
        labels[number - 1, left : left + 5] = number
    west, middle = np.zeros_like(labels, bool), np.zeros_like(labels, bool)
    west[:, :8], middle[:, 8:14] = True, True
    # by hand: 5 of 5 in the west; 2 west, 3 middle; 1 west, 4 middle; 2 middle, 3 outside; all outside
    assert place_of(labels, [west, middle]).tolist() == [0, 1, 1, 2, 2]
    assert place_of(labels, [west, west]).tolist() == [0, 2, 2, 2, 2]
    assert place_of(labels, []).tolist() == [0] * 5
    assert place_of(np.zeros((3, 3), int), [np.ones((3, 3), bool)]).tolist() == []


def test_predict_counts_in_each_region(command, tmp_path):
    file = saved(
        tmp_path / "beds.geojson",
        feature("Polygon", box(0, 0, 64, 128), name="left"),
        feature("Polygon", box(64, 0, 128, 32)),
    )
    images = [discs(tmp_path / f"{name}.png") for name in ("a10", "a2")]
    flags = "--model=nuclei", f"--out={tmp_path / 'out'}", f"--roi={file}", "--write=timeseries,labels"
    code, said, error = command(predict.main, *flags, *images)
    assert code == 0, error
    assert "counts.csv, regions.csv and timeseries, labels written" in said
    labels = np.asarray(Image.open(tmp_path / "out" / "a2_labels.png"))
    halves = [int((labels[rows, columns] > 0).sum()) for rows, columns in (
        (slice(None), slice(64)), (slice(32), slice(64, None)), (slice(32, None), slice(64, None)))]  # fmt: skip
    lines = [
        f"a2.png,{name},{count},{area}"
        for name, count, area in zip(("left", "region 2", "outside"), (8, 2, 6), halves, strict=True)
    ]
    table = (tmp_path / "out" / "regions.csv").read_text().splitlines()
    assert table[0] == "image,region,count,area" and table[4:] == lines
    rows = (tmp_path / "out" / "timeseries.csv").read_text().splitlines()
    assert rows == ["image,time,count,area", f"a2.png,,16,{sum(halves)}", f"a10.png,,16,{sum(halves)}"]


@pytest.mark.parametrize(
    ("content", "code", "said"),
    [
        (None, 2, "r.geojson: no such file; expected regions as polygons in GeoJSON"),
        ("{", 1, "r.geojson: cannot be read as JSON"),
        ({"type": "FeatureCollection", "features": []}, 1, "has no feature; expected regions"),
        (feature("Point", [1, 2]), 1, "feature 1 is of the type 'Point'; expected a Polygon"),
        (feature("Polygon", [[[1, 2], [3]]]), 1, "feature 1 has no coordinates of a polygon"),
        (feature("Polygon", box(0, 0, 9, 9), name="outside"), 1, "named 'outside', which stands for the rest"),
        (
            feature("Polygon", box(200, 0, 250, 9), name="x"),
            1,
            "the region 'x' has no pixel in a.png, which is 128x128",
        ),
        (
            feature("Polygon", box(1e9, 0, 2e9, 9), name="x"),
            1,
            "the region 'x' has no pixel in a.png, which is 128x128",
        ),
    ],
)
def test_a_file_of_regions_that_is_wrong_is_told(content, code, said, command, tmp_path):
    if content is not None:
        (tmp_path / "r.geojson").write_text(content if isinstance(content, str) else json.dumps(content))
    image, out = discs(tmp_path / "a.png"), tmp_path / "out"
    found, _, error = command(predict.main, "--model=nuclei", f"--out={out}", f"--roi={tmp_path / 'r.geojson'}", image)
    assert found == code and said in error and len(error.splitlines()) == 1
    assert not out.exists()


def test_results_do_not_overwrite_the_regions(command, tmp_path):
    file = saved(tmp_path / "a.geojson", feature("Polygon", box(0, 0, 64, 64)))
    flags = "--model=nuclei", f"--out={tmp_path}", f"--roi={file}", "--write=geojson"
    (tmp_path / "images").mkdir()
    code, _, error = command(predict.main, *flags, discs(tmp_path / "images" / "a.png"))
    assert code == 2 and "would be overwritten by the results of a.png" in error


@pytest.mark.parametrize("suffix", ["jpg", "png"])
def test_the_time_of_a_photograph_is_read(suffix, tmp_path):
    exif = exif_of("2024:05:06 07:08:09", "25")
    assert taken(discs(tmp_path / f"a.{suffix}", exif)) == datetime.datetime(2024, 5, 6, 7, 8, 9, 250000)
    assert taken(discs(tmp_path / f"b.{suffix}", exif_of("2024:05:06 07:08:09", field=306))).second == 9
    for text in ("0000:00:00 00:00:00", "yesterday"):
        assert taken(discs(tmp_path / f"c.{suffix}", exif_of(text))) is None
    assert taken(discs(tmp_path / f"d.{suffix}")) is None


def test_the_time_of_a_tiff_is_read(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((9, 9), np.uint8), datetime="2023:01:02 03:04:05")
    assert taken(tmp_path / "a.tif") == datetime.datetime(2023, 1, 2, 3, 4, 5)
    assert taken(tmp_path / "absent.tif") is None


def test_a_series_is_in_order_of_time_if_all_have_one():
    days = [datetime.datetime(2024, 1, day) for day in (3, 1, 2)]
    series = [tables.Moment(name, day, 0, 0) for name, day in zip(("b1.png", "B10.png", "b2.png"), days, strict=True)]
    assert [one.image for one in tables.ordered(series)] == ["B10.png", "b2.png", "b1.png"]
    series[1] = series[1]._replace(time=None)
    assert [one.image for one in tables.ordered(series)] == ["b1.png", "b2.png", "B10.png"]


def test_the_plot_has_a_point_for_each_image(tmp_path):
    pytest.importorskip("matplotlib", reason="the plot needs matplotlib")
    labels = np.array([[1, 1, 0], [0, 2, 2]])
    found = Instances(labels, np.ones(2))
    series = [tables.Moment(f"{number}.png", None, found.count, 4) for number in range(3)]
    tables.write_series(tmp_path, ["plot"], series)
    drawing = (tmp_path / "timeseries.svg").read_text()
    assert drawing.count("<use ") >= 6 and drawing.rstrip().endswith("</svg>")


def test_a_count_has_its_likely_range_unless_the_steps_were_used_up():
    found = Instances(np.zeros([8, 8], np.int32), np.zeros(16, np.float32))
    row = {"image": "a.png", "count": 16, "likely_low": 14, "likely_high": 18, "limit_reached": "no"}
    assert tables.count_row("a.png", found, 0.5) == row
    assert tables.likely_note(found, 0.5) == "  (likely 14 to 18)"
    unknown = row | {"likely_low": "", "likely_high": ""}
    assert tables.count_row("a.png", found, 0.0) == unknown and tables.likely_note(found, 0.0) == ""
    full = Instances(found.labels, found.scores, limit_reached=True)
    assert tables.count_row("a.png", full, 0.5) == unknown | {"limit_reached": "yes"}
