"""Data sets with COCO annotations, against pycocotools' own masks and against folders written by hand."""


import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from pycocotools.mask import encode
from scenes.annotations import box, written

from ris_tf.configs import people_paper
from ris_tf.data import sources
from ris_tf.data.sampling import pipeline
from ris_tf.data.sampling.records import Records
from ris_tf.errors import DataError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")


@pytest.mark.parametrize("split", ["train", "val"])
def test_real_photographs_hold_what_pycocotools_draws(coco, split):
    truth = COCO(coco / "annotations" / f"instances_{split}2017.json")
    source = sources.open_source(coco, split, category="person")
    people = {
        truth.loadImgs([key])[0]["file_name"][:-4]: truth.loadAnns(truth.getAnnIds([key], [1], iscrowd=0))
        for key in truth.getImgIds()
    }
    crowds = {name: [] for name in people}
    for entry in truth.loadAnns(truth.getAnnIds(catIds=[1], iscrowd=1)):
        crowds[truth.imgs[entry["image_id"]]["file_name"][:-4]].append(entry)
    assert [name for name, _ in source] == sorted(name for name, found in people.items() if found)
    for name, read in source:
        image, labels = read()
        masks = np.stack([truth.annToMask(entry) for entry in people[name]])  # [N, H, W]
        assert image.shape[:2] == labels.shape and labels.dtype == np.int32
        np.testing.assert_array_equal(labels > 0, masks.any(axis=0))
        crowd = [truth.annToMask(entry) for entry in crowds[name]] or [np.zeros(labels.shape)]
        np.testing.assert_array_equal(labels == -1, np.any(crowd, axis=0) & ~masks.any(axis=0))
        areas = masks.sum(axis=(1, 2))
        smallest = np.where(masks > 0, areas[:, None, None], areas.max() + 1).min(axis=0)  # of those at a pixel
        inside = labels > 0
        np.testing.assert_array_equal(areas[labels[inside] - 1], smallest[inside])
        assert all(masks[index - 1][labels == index].all() for index in np.unique(labels[inside]))


def test_another_category(coco):
    truth = COCO(coco / "annotations" / "instances_val2017.json")
    chairs = sources.open_source(coco, "val", category="chair")
    expected = [truth.imgs[key]["file_name"][:-4] for key in truth.getImgIds(catIds=truth.getCatIds(["chair"]))]
    assert [name for name, _ in chairs] == sorted(expected)
    assert expected and expected != [name for name, _ in sources.open_source(coco, "val", category="person")]


def test_real_photographs_become_batches(coco):
    config = people_paper.get_config()
    config.model.size = (100, 100)
    records = Records(sources.open_source(coco, "train", category=config.data.category)[:3], config)
    batch = next(iter(pipeline.training_batches(records, config)))
    assert batch["image"].shape == (1, 100, 100, 3) and batch["count"].numpy()[0] >= 1


def test_the_smaller_object_is_on_top_and_crowds_are_ignored(tmp_path):
    ((name, read),) = sources.open_source(written(tmp_path), "train", category="person")
    expected = np.full((20, 30), -1)
    expected[:10, :12] = 2
    expected[2:6, 2:6] = 1
    assert name == "b"
    np.testing.assert_array_equal(read()[1], expected)
    ((_, read),) = sources.open_source(tmp_path, "train2017", category="car")
    expected = np.zeros((20, 30), int)
    expected[10:, 20:] = 1
    np.testing.assert_array_equal(read()[1], expected)
    everything = dict(sources.open_source(tmp_path, "all", category=""))
    assert list(everything) == ["a", "b"]  # and the image that shows no object
    np.testing.assert_array_equal(everything["a"]()[1], np.full((20, 30), -1))
    np.testing.assert_array_equal(np.unique(everything["b"]()[1]), [-1, 1, 2, 3])


def test_every_kind_of_outline_is_drawn(tmp_path):
    """An uneven shape as polygon, as run lengths in plain numbers and compressed: what pycocotools draws, or NumPy."""
    mask = np.random.default_rng(0).random((20, 30)) < 0.5
    column_by_column = np.flatnonzero(np.diff(np.r_[0, mask.ravel("F"), 0])).tolist()
    counts = np.diff([0, *column_by_column, 600]).tolist()
    packed = encode(np.asfortranarray(mask, np.uint8))
    packed["counts"] = packed["counts"].decode()
    for outline in ({"size": [20, 30], "counts": counts}, packed):
        entry = {"id": 1, "image_id": 7, "category_id": 1, "segmentation": outline}
        ((_, read),) = sources.open_source(written(tmp_path, annotations=[entry]), "train", category="person")
        np.testing.assert_array_equal(read()[1], mask)
    entry["segmentation"] = box(2, 3, 7, 9) + box(20, 3, 25, 9)  # two polygons of one object
    ((_, read),) = sources.open_source(written(tmp_path, annotations=[entry]), "train", category="person")
    expected = np.zeros((20, 30), int)
    expected[3:9, 2:7] = expected[3:9, 20:25] = 1
    np.testing.assert_array_equal(read()[1], expected)


def test_a_file_listed_by_a_number_and_by_a_text_is_refused(tmp_path):
    listed = [{"id": number, "file_name": "b.png", "height": 20, "width": 30} for number in ("7", 7)]
    with pytest.raises(DataError, match="'images' lists the file b.png more than once; expected each image once"):
        sources.open_source(written(tmp_path, images=listed, annotations=[]), "train", category="")


def test_what_is_wrong_is_told(tmp_path):
    file = written(tmp_path) / "annotations" / "instances_train2017.json"

    def told(error, words, split="train", category="person"):
        with pytest.raises(error, match=words) as caught:
            for _, read in sources.open_source(tmp_path, split, category=category):
                read()
        assert "\n" not in str(caught.value)

    told(DataError, "no split 'test'; the splits present are train2017", split="test")
    told(UsageError, "data.category is 'persn'; expected one of the 2 .* such as person, car", category="persn")
    (tmp_path / "annotations" / "instances_train2014.json").write_text("{}")
    told(DataError, "2 splits begin with 'train'; the splits present are train2014, train2017")
    told(DataError, "train2014: no such folder", split="train2014")
    (tmp_path / "annotations" / "instances_train2014.json").unlink()
    Image.new("RGB", (31, 20)).save(tmp_path / "train2017" / "b.png")
    told(DataError, "b.png: image is 31x20 but instances_train2017.json says 30x20")
    (tmp_path / "train2017" / "b.png").unlink()
    told(DataError, "b.png")
    person = {"id": 1, "image_id": 7, "category_id": 1}

    def runs(size, counts):
        return {"annotations": [{**person, "segmentation": {"size": size, "counts": counts}}]}

    for changes, words in [
        ({"annotations": []}, "no object of the category 'person'"),
        ({"annotations": [{**person, "segmentation": [], "image_id": 9}]}, "the object 1 has the image_id 9; expected"),
        ({"annotations": [person]}, r"cannot be drawn and are left out: 1 of 1 \(1 with no outline .*; expected poly"),
        ({"annotations": [{**person, "segmentation": "x"}]}, "'annotations' has 'segmentation' of the type str"),
        ({"annotations": [{**person, "segmentation": []}]}, "drawn and are left out: 1 of 1 .* such as 1 of b.png"),
        ({"annotations": [{**person, "segmentation": [["a"] * 6]}]}, "the object 1 of b.png cannot be converted"),
        ({"annotations": [{**person, "segmentation": {"counts": 3}}]}, "the object 1 of b.png cannot be converted"),
        (runs([20, 30], [1, 600]), r"its run lengths add up to 601; expected 600"),
        (runs([30, 20], [0, 600]), r"its size is \[30, 20\]; expected \[20, 30\]"),
        (runs([20, 30], "~~~"), "the object 1 of b.png cannot be converted to a mask"),
        ({"annotations": [{"id": 1, "image_id": 7}]}, "the entry 1 of 'annotations' lacks 'category_id'; expected"),
        ({"images": [{"id": 7, "file_name": "b.png"}]}, "the entry 7 of 'images' lacks 'height', 'width'"),
        ({"annotations": 3}, "has no list of entries under 'annotations'"),
    ]:
        written(tmp_path, **changes)
        told(DataError, words)
    file.write_text("{")
    told(DataError, "instances_train2017.json: cannot be read as JSON")
