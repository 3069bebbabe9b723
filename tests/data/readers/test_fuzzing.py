"""Readers under random input: a right answer or a DataError, nothing else. Bounded, the same at every run."""

import io
import json

import numpy as np
import pytest
import tifffile
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as some
from hypothesis.extra.numpy import arrays
from ml_collections import ConfigDict
from PIL import Image
from pycocotools import mask as run_lengths

from ris_tf.configs import base
from ris_tf.data.images.single import read_image, read_labels
from ris_tf.data.readers import coco, coco_entries, coco_outlines
from ris_tf.errors import DataError, UsageError
from ris_tf.instances.labels import labels_to_runs
from ris_tf.settings import ranges
from ris_tf.settings.schema import check, complete

bounded = settings(
    max_examples=150, deadline=5000, derandomize=True, database=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)  # fmt: skip
SIDE = 12
SAID = {"height": SIDE, "width": SIDE, "file_name": "a.png"}
JSON = some.recursive(
    some.none() | some.booleans() | some.integers() | some.floats() | some.text(max_size=8),
    lambda inner: some.lists(inner, max_size=4) | some.dictionaries(some.text(max_size=4), inner, max_size=4),
    max_leaves=12,
)
MAPS = arrays(
    some.sampled_from([np.uint8, np.uint16, np.int32]),
    some.tuples(some.integers(1, 9), some.integers(1, 9)),
    elements=some.integers(0, 250),
)


def saved(array, kind):
    stream = io.BytesIO()
    if kind == "tif":
        tifffile.imwrite(stream, array, compression="zlib")
    elif kind == "npy":
        np.save(stream, array)
    else:
        Image.fromarray(array.astype(np.uint16)).save(stream, "PNG")
    return stream.getvalue()


@bounded
@given(labels=MAPS, kind=some.sampled_from(["png", "tif", "npy"]))
def test_label_maps_come_back(tmp_path, labels, kind):
    path = tmp_path / f"a.{kind}"
    path.write_bytes(saved(labels, kind))
    np.testing.assert_array_equal(read_labels(path), labels)


@bounded
@given(
    labels=MAPS,
    kind=some.sampled_from(["png", "tif", "npy"]),
    places=some.lists(some.tuples(some.integers(0, 400), some.integers(0, 255)), max_size=6),
    kept=some.floats(0, 1),
)
def test_damaged_files_are_read_or_told(tmp_path, labels, kind, places, kept):
    content = bytearray(saved(labels, kind))
    for place, value in places:
        content[place % len(content)] = value
    path = tmp_path / f"a.{kind}"
    path.write_bytes(content[: max(1, int(kept * len(content)))] if kept < 0.5 else content)
    for read in (read_labels, read_image):
        try:
            array = read(path)
        except DataError as error:
            assert "\n" not in str(error)
        else:
            assert array.size and array.dtype in (np.int32, np.uint8, np.uint16, np.float32)


@bounded
@given(labels=arrays(np.int32, (SIDE, SIDE), elements=some.integers(0, 4)))
def test_run_lengths_come_back(labels):
    for value, counts in zip(np.unique(labels[labels > 0]), labels_to_runs(labels), strict=True):
        packed = run_lengths.frPyObjects({"size": [SIDE, SIDE], "counts": counts}, SIDE, SIDE)
        assert coco_outlines._unpacked(packed["counts"]) == counts
        for form in (counts, packed["counts"].decode()):
            entry = {"id": 1, "segmentation": {"size": [SIDE, SIDE], "counts": form}}
            np.testing.assert_array_equal(coco_outlines.draw("a.json", SAID, entry), labels == value)


RUNS = some.lists(some.integers(-3, SIDE * SIDE) | some.floats(), max_size=8)
OUTLINES = (
    JSON
    | some.lists(some.lists(some.floats() | some.integers(-40, 40), max_size=10), max_size=3)
    | some.builds(lambda counts: {"size": [SIDE, SIDE], "counts": counts}, RUNS | some.text(max_size=20) | JSON)
    | some.builds(lambda t: {"size": [SIDE, SIDE], "counts": t}, some.text(some.characters(codec="ascii"), max_size=30))
)


@bounded
@given(outline=OUTLINES)
def test_any_outline_is_drawn_or_told(outline):
    try:
        mask = coco_outlines.draw("a.json", SAID, {"id": 1, "segmentation": outline})
    except DataError as error:
        assert "\n" not in str(error)
    else:
        assert mask.shape == (SIDE, SIDE) and mask.max() <= 1


@bounded
@given(
    content=some.fixed_dictionaries(
        {},
        optional={
            part: JSON | some.lists(some.fixed_dictionaries({}, optional=dict.fromkeys(fields, JSON)), max_size=3)
            for part, fields in coco_entries.FIELDS.items()
        },
    )
    | JSON
)
def test_any_annotations_are_listed_or_told(tmp_path, content):
    file = tmp_path / "instances_a.json"
    file.write_text(json.dumps(content))
    try:
        listing = coco.samples(file, tmp_path, "")
    except DataError as error:
        assert "\n" not in str(error)
        return
    for _, read in listing.samples:
        with pytest.raises(DataError):  # there are no images
            read()


@bounded
@given(name=some.sampled_from(sorted(ranges.ALL)), value=JSON)
def test_any_value_of_a_config_is_taken_or_told(name, value):
    fields = base.get_config().to_dict()
    *parts, last = name.split(".")
    part = fields
    for one in parts:
        part = part[one]
    part[last] = value
    try:
        config = ConfigDict(fields)
    except ValueError:
        return  # a rule of ConfigDict's own, on names with dots
    try:
        check(complete(config))
    except UsageError as error:
        assert "\n" not in str(error)
    else:
        assert ranges.ALL[name][0](value)
