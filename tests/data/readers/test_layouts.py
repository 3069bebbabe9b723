"""Layouts written by hand as their documentation says: what is read, and that conversion keeps it."""

import numpy as np
import pytest
from PIL import Image
from pycocotools.coco import COCO
from scenes.layouts import HEIGHT, NAMES, WIDTH, label_maps, leaves, mask_files, picture, save, sbd, voc
from scipy.io import savemat

from ris_tf.commands.data import open_all
from ris_tf.data import convert, sources
from ris_tf.data.readers.layouts import detect, open_folder
from ris_tf.errors import UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")

LAYOUTS = {
    label_maps: "images and label maps",
    leaves: "leaf segmentation challenge (CVPPP)",
    mask_files: "one mask file per object",
    voc: "PASCAL VOC 2012",
    sbd: "SBD",
}
layouts = pytest.mark.parametrize("make", LAYOUTS, ids=lambda make: make.__name__)


def read_all(data, category=""):
    """{name: (image, labels)} of every split, as training and evaluation open them."""
    return {
        name: read()
        for split in open_all(data, category)[1]
        for name, read in sources.open_source(data, split, category=category)
    }


@layouts
def test_a_layout_is_recognised_and_read(tmp_path, make):
    expected = make(tmp_path)
    assert detect(tmp_path)[0].name == LAYOUTS[make]
    found = read_all(tmp_path)
    assert sorted(found) == sorted(expected)
    for number, name in enumerate(sorted(expected)):
        image, labels = found[name]
        assert labels.dtype == np.int32 and image.dtype == np.uint8 and image.shape == (HEIGHT, WIDTH, 3)
        np.testing.assert_array_equal(labels, expected[name])
        if make not in (voc, sbd):  # whose pictures are JPEG
            np.testing.assert_array_equal(image, picture(number))
    assert len(open_folder(tmp_path, "all")) == 4 and len(open_folder(tmp_path, "val")) == 1


@layouts
def test_tfrecord_keeps_everything(tmp_path, make):
    make(tmp_path / "data")
    splits = {split: listing.samples for split, listing in open_all(tmp_path / "data")[1].items()}
    convert.convert(splits, tmp_path / "out", "tfrecord", shard_bytes=3000)
    assert [split for split in open_all(tmp_path / "out")[1]] == list(splits)
    before, after = read_all(tmp_path / "data"), read_all(tmp_path / "out")
    assert list(before) == list(after) and len(list((tmp_path / "out").glob("*-of-*.tfrecord"))) >= 3
    for name in before:
        for a, b in zip(before[name], after[name], strict=True):
            assert a.dtype == b.dtype
            np.testing.assert_array_equal(a, b)


@layouts
def test_coco_keeps_every_mask(tmp_path, make):
    make(tmp_path / "data")
    splits = {split: listing.samples for split, listing in open_all(tmp_path / "data")[1].items()}
    convert.convert(splits, tmp_path / "out", "coco", "thing")
    before = read_all(tmp_path / "data")
    for split, samples in splits.items():
        coco = COCO(tmp_path / "out" / "annotations" / f"instances_{split}.json")
        assert [entry["file_name"] for entry in coco.imgs.values()] == [f"{name}.png" for name, _ in samples]
        for key, (name, _) in zip(coco.imgs, samples, strict=True):
            image, labels = before[name]
            np.testing.assert_array_equal(Image.open(tmp_path / "out" / split / f"{name}.png"), image)
            masks = [coco.annToMask(entry) for entry in coco.loadAnns(coco.getAnnIds(key, iscrowd=0))]
            for mask, value in zip(masks, np.unique(labels[labels > 0]), strict=True):
                np.testing.assert_array_equal(mask, labels == value)
            for entry in coco.loadAnns(coco.getAnnIds(key, iscrowd=1)):
                np.testing.assert_array_equal(coco.annToMask(entry), labels < 0)
    for name, (image, labels) in read_all(tmp_path / "out", "thing").items():
        np.testing.assert_array_equal(image, before[name][0])
        ids = np.unique(before[name][1][before[name][1] > 0])
        expected = np.where(before[name][1] > 0, np.searchsorted(ids, before[name][1]) + 1, before[name][1])
        np.testing.assert_array_equal(labels, expected)


@pytest.mark.parametrize("form", [form for form in convert.FORMATS if form != "yolo"])  # no ignored regions there
def test_real_data_survives(tmp_path, nuclei, coco, form):
    for data, split in ((nuclei, "test"), (coco, "val2017")):
        samples = open_all(data)[1][split].samples[:6]
        convert.convert({split: samples}, tmp_path / data.name, form)
        after = dict(sources.open_source(tmp_path / data.name, split, category=""))
        for name, read in samples:
            (image, labels), (image_after, labels_after) = read(), after[name]()
            np.testing.assert_array_equal(image, image_after)
            ids, ranks = np.unique(np.maximum(labels, 0), return_inverse=True)
            assert ids[0] == 0
            np.testing.assert_array_equal(
                np.unique(np.maximum(labels_after, 0), return_inverse=True)[1].reshape(-1), ranks.reshape(-1)
            )
            np.testing.assert_array_equal(labels < 0, labels_after < 0)


def test_real_nuclei_as_one_file_per_mask(tmp_path, nuclei):
    ((name, read),) = open_folder(nuclei, "test")[:1]
    image, labels = read()
    save(tmp_path / name / "images" / f"{name}.png", image[..., 0])
    for value in np.unique(labels[labels > 0]):
        save(tmp_path / name / "masks" / f"{value:05d}.png", ((labels == value) * 255).astype(np.uint8))
    ((_, again),) = open_folder(tmp_path, "all")
    np.testing.assert_array_equal(again()[0], image)
    np.testing.assert_array_equal(again()[1], np.unique(labels, return_inverse=True)[1].reshape(labels.shape))


@pytest.mark.parametrize("make", [voc, sbd], ids=["voc", "sbd"])
def test_one_category_of_voc(tmp_path, make):
    expected = make(tmp_path)
    for category, value in (("person", 1), ("chair", 2)):
        for name, (_, labels) in read_all(tmp_path, category).items():
            np.testing.assert_array_equal(
                labels, np.where(expected[name] > 0, (expected[name] == value) * value, expected[name])
            )
    assert open_folder(tmp_path, "all", "cow") == []
    with pytest.raises(UsageError, match="data.category is 'persn'; expected one of aeroplane"):
        open_folder(tmp_path, "all", "persn")


def test_what_is_wrong_with_mask_files_is_told(problems, tmp_path, caplog):
    mask_files(tmp_path)
    folder = tmp_path / "stage1_train" / NAMES[0]
    save(folder / "masks" / "empty.png", np.zeros((HEIGHT, WIDTH), np.uint8))
    (folder / "masks" / "broken.png").write_bytes(b"")
    save(tmp_path / "stage1_train" / NAMES[1] / "masks" / "small.png", np.ones((5, 6), np.uint8))
    first, second, third = problems(tmp_path)
    assert "broken.png: file is empty" in first and "empty.png: mask is empty" in second and "mask is 6x5 but" in third
    save(tmp_path / "stage1_train" / NAMES[2] / "masks" / "over.png", np.ones((HEIGHT, WIDTH), np.uint8))
    problems(tmp_path)
    assert f"{NAMES[2]}: masks overlap in 144 pixels" in caplog.text
    (tmp_path / "stage1_train" / "y" / "masks").mkdir(parents=True)
    assert problems(tmp_path) == [
        f"{tmp_path}/stage1_train/y: lacks images/y.png; expected ID/images/ID.png with ID/masks/*.png"
    ]


def test_what_is_wrong_with_voc_and_sbd_is_told(problems, tmp_path):
    voc(tmp_path / "v")
    base = tmp_path / "v" / "VOCdevkit" / "VOC2012"
    (base / "JPEGImages" / f"{NAMES[0]}.jpg").unlink()
    save(base / "SegmentationObject" / f"{NAMES[1]}.png", np.zeros((5, 6), np.uint8))
    assert [line.split(": ")[1][:12] for line in problems(tmp_path / "v")] == ["No such file", "mask is 6x5 "]
    assert "the splits present are train, val" in problems(tmp_path / "v", "test")[0]
    (base / "ImageSets" / "Segmentation" / "val.txt").write_text("")
    assert "val.txt: is empty" in problems(tmp_path / "v", "val")[0]
    sbd(tmp_path / "s")
    inst = tmp_path / "s" / "benchmark_RELEASE" / "dataset" / "inst"
    (inst / f"{NAMES[0]}.mat").write_bytes(b"MATLAB")
    savemat(inst / f"{NAMES[1]}.mat", {"GTcls": 1})
    savemat(inst / f"{NAMES[2]}.mat", {"GTinst": {"Segmentation": np.full((24, 30), 3), "Categories": [[1]]}})
    (inst / f"{NAMES[3]}.mat").unlink()
    words = ["cannot be read", "cannot be read (KeyError)", "1 Categories for ids up to 3", "No such file"]
    lines = problems(tmp_path / "s")
    assert len(lines) == 4 and all(word in line for word, line in zip(words, lines, strict=True)), lines
