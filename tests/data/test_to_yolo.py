"""YOLO and label maps written by `convert`: read back, and drawn by other libraries."""

import numpy as np
import pytest
import yaml
from PIL import Image
from scipy import ndimage
from skimage import draw

from ris_tf.data import convert, sources
from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.errors import DataError
from ris_tf.instances.outlines import outlines
from ris_tf.instances.yolo import joined

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")
SHAPE = 60, 75


def blobs(seed, sigma):
    """Label map of ragged objects with holes; an id may have several parts."""
    rng = np.random.default_rng(seed)
    labels, count = ndimage.label(ndimage.gaussian_filter(rng.random(SHAPE), sigma) > 0.5)
    return rng.permutation(np.r_[1:12, rng.integers(1, 12, count)])[labels].astype(np.int32) * (labels > 0)


def image(channels=3):
    return np.random.default_rng(0).integers(0, 256, (*SHAPE, channels)).astype(np.uint8)


@pytest.mark.parametrize("sigma", [0.8, 2, 5])
def test_yolo_keeps_every_pixel_of_holes_and_parts(tmp_path, sigma):
    maps = {f"{seed}": blobs(seed, sigma) for seed in range(5)} | {"x/empty": np.zeros(SHAPE, np.int32)}
    maps["full"] = np.full(SHAPE, 7, np.int32)
    samples = [(name, lambda labels=labels: (image(), labels)) for name, labels in sorted(maps.items())]
    convert.convert({"train": samples, "val": samples[:2]}, tmp_path / "out", "yolo", "leaf")
    assert detect(tmp_path / "out")[0].name == "YOLO segmentation"
    found = sources.open_source(tmp_path / "out", "train", category="")
    assert [name for name, _ in found] == sorted(maps)
    for name, read in found:
        again, labels = read()
        np.testing.assert_array_equal(again, image())
        np.testing.assert_array_equal(
            labels, np.unique(maps[name], return_inverse=True)[1].reshape(SHAPE) + (name == "full")
        )
    assert len(open_folder(tmp_path / "out", "val", "leaf")) == 2
    content = yaml.safe_load((tmp_path / "out" / "data.yaml").read_text())
    assert content == {"path": ".", "train": ["images/train"], "val": ["images/val"], "names": {0: "leaf"}}


def test_a_rectangle_in_closed_form(tmp_path):
    labels = np.zeros(SHAPE, np.int32)
    labels[6:12, 15:45] = 3
    convert.convert({"train": [("a", lambda: (image(), labels))]}, tmp_path / "out", "yolo")
    (line,) = (tmp_path / "out" / "labels" / "train" / "a.txt").read_text().splitlines()
    numbers = np.array(line.split()[1:], float).reshape(-1, 2)
    assert line.startswith("0 ") and np.abs(numbers * (75, 60) - np.round(numbers * (75, 60))).max() < 1e-4
    corners = sorted(map(tuple, np.round(numbers * (75, 60)).tolist()))
    assert corners == [(15, 6), (15, 12), (45, 6), (45, 12)]


def test_other_libraries_draw_the_same_objects():
    labels = blobs(3, 3)
    shares = []
    for value, polygons in outlines(labels):
        x, y = joined(polygons).T - 0.5  # scikit-image has the centre of the first pixel at (0, 0)
        drawn = draw.polygon2mask(SHAPE, np.stack([y, x], axis=1))
        shares.append((drawn & (labels == value)).sum() / (drawn | (labels == value)).sum())
    assert len(shares) > 5 and min(shares) > 0.95, shares


def test_ignored_regions_are_warned_of(tmp_path, caplog):
    labels = blobs(0, 5)
    labels[:5] = -1
    convert.convert({"train": [("a", lambda: (image(), labels))]}, tmp_path / "out", "yolo")
    assert "become background; images that have any: 1" in caplog.text
    again = open_folder(tmp_path / "out", "train")[0][1]()[1]
    np.testing.assert_array_equal(again > 0, labels > 0)


def test_label_maps(tmp_path):
    maps = {
        "a": blobs(0, 3) * 1000,
        "b": blobs(1, 3) * 70_000,
        "x/c": np.where(blobs(2, 3) > 0, 5, -1).astype(np.int32),
    }
    samples = [(name, lambda labels=labels: (image(1), labels)) for name, labels in maps.items()]
    convert.convert({"train": samples}, tmp_path / "out", "label_maps")
    files = sorted(file.name for file in (tmp_path / "out" / "train" / "masks").iterdir())
    assert files == ["a.png", "b.tif", "x_c.tif"]
    np.testing.assert_array_equal(Image.open(tmp_path / "out" / "train" / "masks" / "a.png"), maps["a"])
    for (name, read), labels in zip(open_folder(tmp_path / "out", "train"), maps.values(), strict=True):
        assert name in ("a", "b", "x_c")
        np.testing.assert_array_equal(read()[0], image(1))
        np.testing.assert_array_equal(read()[1], labels)
    samples = [(name, samples[0][1]) for name in ("x/c", "x_c")]
    with pytest.raises(DataError, match="train: x/c and x_c would both be written as x_c; rename one of them"):
        convert.convert({"train": samples}, tmp_path / "again", "label_maps")
    assert not (tmp_path / "again").exists()
