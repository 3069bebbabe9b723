"""Outline files and pickles under random input: a label map or a DataError, nothing else. The same at every run."""

import io
import json
import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as some
from scenes.layouts import HEIGHT, WIDTH, picture, save
from test_fuzzing import JSON, bounded

from ris_tf.data.images import pickled
from ris_tf.data.readers import geojson, labelme, via, yolo
from ris_tf.errors import DataError, UsageError

NUMBERS = (
    some.floats(-5, 40) | some.integers(-5, 40) | some.sampled_from([1e300, -1e9, float("nan"), float("inf"), "1"])
)
POINTS = some.lists(some.lists(NUMBERS, min_size=1, max_size=3), max_size=6)
SHAPE = some.fixed_dictionaries(
    {"points": POINTS | JSON},
    optional={
        "shape_type": some.sampled_from(["polygon", "rectangle", "circle", "mask", "point"]) | JSON,
        "label": JSON, "group_id": some.integers(0, 2) | JSON, "mask": some.text(max_size=8) | JSON,
    },
)  # fmt: skip
GEOMETRY = some.fixed_dictionaries(
    {"type": some.sampled_from(["Polygon", "MultiPolygon", "Point"]) | JSON},
    optional={"coordinates": some.lists(POINTS | some.lists(POINTS, max_size=2), max_size=2) | JSON},
)
FEATURE = some.fixed_dictionaries({"geometry": GEOMETRY | JSON}, optional={"properties": JSON, "type": JSON})
FIELDS = some.sampled_from(["all_points_x", "all_points_y", "cx", "cy", "r", "rx", "ry", "theta"])
KINDS = some.sampled_from(["polygon", "circle", "ellipse", "rect"])
PLACED = some.builds(
    lambda kind, fields: {"name": kind, **fields},
    KINDS,
    some.dictionaries(FIELDS, NUMBERS | some.lists(NUMBERS, max_size=5)),
)
REGION = some.fixed_dictionaries({"shape_attributes": PLACED}, optional={"region_attributes": JSON})
REGIONS = some.lists(REGION | JSON, max_size=4) | JSON
ENTRY = some.fixed_dictionaries({"filename": some.just("a.png")}, optional={"regions": REGIONS})
LINE = some.lists(some.floats().map(str) | some.integers(0, 1).map(str) | some.text(max_size=4), max_size=9)
CASES = {
    labelme: ("a.json", some.fixed_dictionaries({"shapes": some.lists(SHAPE | JSON, max_size=4)}).map(json.dumps)),
    geojson: ("a.geojson", (some.lists(FEATURE | JSON, max_size=4) | FEATURE).map(json.dumps)),
    via: ("via.json", some.dictionaries(some.text(max_size=3), ENTRY, max_size=2).map(json.dumps)),
    yolo: ("labels/a.txt", some.lists(LINE, max_size=4).map(lambda lines: "\n".join(map(" ".join, lines)))),
}


@pytest.mark.parametrize("module", CASES, ids=lambda module: module.__name__.rsplit(".", 1)[1])
def test_any_outlines_are_drawn_or_told(tmp_path, module):
    name, contents = CASES[module]
    file = tmp_path / name
    file.parent.mkdir(exist_ok=True)
    save(tmp_path / ("images/a.png" if module is yolo else "a.png"), picture(0))

    @bounded
    @given(content=contents)
    def check(content):
        file.write_text(content, "utf-8", errors="replace")
        try:
            listing = module.LAYOUT.listing(tmp_path, "all", "", 0.0)
        except (DataError, UsageError) as error:
            assert "\n" not in str(error)
            return
        assert all("\n" not in line for line in [*listing.problems, *listing.notes])
        for _, read in listing.samples:
            labels = read()[1]
            assert labels.shape == (HEIGHT, WIDTH) and labels.min() >= 0

    check()


@bounded
@given(
    places=some.lists(some.tuples(some.integers(0, 10**6), some.integers(0, 255)), max_size=4), kept=some.floats(0, 2)
)
def test_damaged_pickles_are_read_or_told(tmp_path, places, kept):
    masks = np.arange(12, dtype=np.uint16).reshape(3, 4)
    content = bytearray(pickle.dumps(np.array({"masks": masks, "flows": [masks * 1.5, None]}, object), 4))
    for place, value in places:
        content[place % len(content)] = value
    stream = io.BytesIO()
    np.lib.format.write_array_header_1_0(stream, {"descr": "|O", "fortran_order": False, "shape": ()})
    path = tmp_path / "a_seg.npy"
    path.write_bytes(stream.getvalue() + (content[: int(kept * len(content))] if kept < 1 else content))
    try:
        found = pickled.read_masks(path)
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert found.ndim == 2 and found.dtype.kind in "biuf"
