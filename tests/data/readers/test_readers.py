"""Finding and reading image and label files: layouts, splits, stored types, and one clear line where they are wrong."""

import os
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

from ris_tf.data.images.pixels import converted
from ris_tf.data.images.single import image_files, read_pair
from ris_tf.data.readers.layouts import open_folder
from ris_tf.data.sources import open_source
from ris_tf.errors import DataError, NoSplit, UsageError

NUCLEI = Path(os.environ.get("RIS_DATA", ROOT.parent / "shared" / "data")) / "nuclei"


def write(path, array):
    """Saves an array, making the folders."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(array).save(path)
    return path


def write_split(folder, names, suffix=".png"):
    for number, name in enumerate(names, 1):
        write(folder / "images" / f"{name}{suffix}", np.full((4, 5), number, np.uint8))
        write(folder / "masks" / f"{name}.png", np.full((4, 5), number, np.uint16))


def message(function, *arguments):
    """The one line of the DataError that a call raises."""
    with pytest.raises(DataError) as caught:
        function(*arguments)
    assert "\n" not in str(caught.value)
    return str(caught.value)


def names(data, split, held_out=0.0):
    return [name for name, _ in open_folder(data, split, "", held_out)]


def test_a_pair_of_two_sizes(tmp_path):
    write_split(tmp_path / "train", ["0007"])
    mask = write(tmp_path / "train/masks/0007.png", np.zeros((6, 8), np.uint8))
    line = message(read_pair, tmp_path / "train/images/0007.png", mask)
    assert "masks/0007.png: mask is 8x6 but its image 0007.png is 5x4 (width x height)" in line
    mask.write_bytes(b"")
    (tmp_path / "train/images/0007.png").write_bytes(b"x")
    with pytest.raises(DataError, match="the first of 2 problems") as caught:
        open_folder(tmp_path, "train")[0][1]()
    assert [line.split(":")[0][-15:] for line in caught.value.problems] == ["images/0007.png", "/masks/0007.png"]


def test_split_folders(tmp_path):
    write_split(tmp_path / "train", ["b", "a_label"], ".jpg")
    write_split(tmp_path / "val", ["c"], ".tif")
    write(tmp_path / "train/images/._b.jpg", np.zeros((4, 5), np.uint8))  # left behind by macOS
    assert names(tmp_path, "train") == ["a_label", "b"]
    ((_, read),) = open_folder(str(tmp_path), "val")
    image, labels = read()
    assert image.shape == (4, 5, 1) and labels.shape == (4, 5)
    assert names(tmp_path, "all") == ["a_label", "b", "c"]
    write_split(tmp_path / "val", ["b"])
    assert names(tmp_path, "all") == ["train/a_label", "train/b", "val/b", "val/c"]
    assert names(tmp_path, "val") == ["b", "c"]


def test_arrays_of_numpy(tmp_path):
    for folder in ("images", "masks"):
        (tmp_path / folder).mkdir()
    pixels = np.random.default_rng(0).random((4, 5, 3))
    ids = np.array([[0, -1, 70_000, 3, 3]] * 4)
    np.save(tmp_path / "images/a.npy", pixels)
    np.save(tmp_path / "masks/a.npy", ids)
    image, labels = open_folder(tmp_path, "all")[0][1]()
    np.testing.assert_array_equal(image, pixels.astype(np.float32))
    np.testing.assert_array_equal(labels, ids)
    for array, words in [
        (np.zeros(4), "array has the shape 4; expected [H, W]"),
        (np.zeros((5, 5, 6)), "no axis is shorter than the others"),
        (np.zeros((9, 7, 5)), "has 5 channels; expected a single 2-D image"),
        (np.zeros((0, 5)), "no pixels"),
    ]:
        np.save(tmp_path / "images/a.npy", array)
        assert words in message(open_folder(tmp_path, "all")[0][1])
    np.save(tmp_path / "images/a.npy", np.array([None]), allow_pickle=True)
    assert "cannot be read" in message(open_folder(tmp_path, "all")[0][1])


@pytest.mark.parametrize(("count", "sizes"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (40, (32, 4, 4))])
def test_pairs_without_split_folders_are_cut_by_name(tmp_path, count, sizes):
    write_split(tmp_path, [f"{number:03d}" for number in range(count)])
    parts = []
    for split, size in zip(("train", "val", "test"), sizes, strict=True):
        if size:
            parts.append(names(tmp_path, split))
            assert len(parts[-1]) == size and parts[-1] == sorted(parts[-1])
        else:
            assert f"no {split!r} part, because there are too few pairs, {count}" in message(names, tmp_path, split)
    assert sorted(name for part in parts for name in part) == names(tmp_path, "all")
    assert "ask for one of train, val, test, all" in message(names, tmp_path, "dev")


def test_last_by_name_are_held_out_on_request(tmp_path):
    write_split(tmp_path / "A1", [f"{number:03d}" for number in range(128)])
    train, val = (names(tmp_path / "A1", split, 28 / 128) for split in ("train", "val"))
    assert train == [f"{number:03d}" for number in range(100)]
    assert val == [f"{number:03d}" for number in range(100, 128)]
    assert train == names(tmp_path, "train", 28 / 128)  # the only folder of pairs may go unnamed
    assert "no 'test' part, because data.held_out divides" in message(names, tmp_path, "test", 0.2)


def test_without_a_split_for_validation_the_last_of_train_are_it(tmp_path):
    write_split(tmp_path / "train", [f"{number:03d}" for number in range(10)])

    def listed(split, held_out=0.2):
        return [name for name, _ in open_source(tmp_path, split, held_out=held_out)]

    assert listed("train") == [f"{number:03d}" for number in range(8)] and listed("val") == ["008", "009"]
    assert len(listed("train", 0.0)) == 10
    with pytest.raises(NoSplit, match="no split 'val'"):
        listed("val", 0.0)
    write_split(tmp_path / "val", ["a"])
    assert len(listed("train")) == 10 and listed("val") == ["a"]


def test_the_cut_depends_on_names_alone(tmp_path):
    write_split(tmp_path, [f"{number:03d}" for number in range(10)])
    # Of "000" ... "009", sha256sum gives "000" the smallest sum (2ac9...) and "009" the next (5371...).
    assert names(tmp_path, "val") + names(tmp_path, "test") == ["000", "009"]


def test_folders_without_pairs(tmp_path):
    line = message(names, tmp_path, "train")
    assert "images/NAME.png with masks/NAME.png" in line and "PASCAL VOC 2012" in line and "Cellpose" in line
    assert message(names, tmp_path / "no", "train").startswith(f"{tmp_path / 'no'}: no such folder")
    write(tmp_path / "a.png", np.zeros((4, 5), np.uint8))
    assert "a.png: is a file; expected a folder" in message(names, tmp_path / "a.png", "train")
    write_split(tmp_path / "train", ["a"])
    write_split(tmp_path / "val", ["b"])
    assert message(names, tmp_path, "test").endswith("no split 'test'; the splits present are train, val")
    (tmp_path / "other/images").mkdir(parents=True)
    assert f"{tmp_path / 'other'}: has images/; expected masks/ as well" in message(names, tmp_path, "other")
    (tmp_path / "other/masks").mkdir()
    assert "other: 0 images and 0 masks, but no image and mask with the same name" in message(names, tmp_path, "other")


def test_lone_and_doubled_files_are_all_told(tmp_path):
    write_split(tmp_path, ["a", "b", "c", "d"])
    (tmp_path / "masks/b.png").unlink()
    (tmp_path / "images/c.png").unlink()
    write(tmp_path / "images/a.tif", np.zeros((4, 5), np.uint8))
    with pytest.raises(DataError) as caught:
        names(tmp_path, "train")
    assert [line.removeprefix(f"{tmp_path}/").split(" ")[0] for line in caught.value.problems] == [
        "images/a.tif:",
        "images/b.png:",
        "masks/c.png:",
    ]
    assert "has no mask of the same name" in caught.value.problems[1]


def test_image_files(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "deeper/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = image_files([str(tmp_path / "notes.txt"), tmp_path, tmp_path / "b.png"])
    assert found == [tmp_path / "notes.txt", tmp_path / "a.JPG", tmp_path / "b.png"]
    missing = [tmp_path / "one", tmp_path / "b.png", tmp_path / "two", tmp_path / "one"]
    assert message(image_files, missing).startswith(f"{missing[0]}, {missing[2]}: no such file or folder; expected")
    for name in ("none", "bare"):
        (tmp_path / name).mkdir()
    bare = [tmp_path / "none", tmp_path, tmp_path / "bare"]
    expected = f"{bare[0]}, {bare[2]}: no images in this folder; expected files ending in .png"
    assert message(image_files, bare).startswith(expected)
    with pytest.raises(UsageError):
        image_files([])


@pytest.mark.skipif(not NUCLEI.is_dir(), reason=f"the nuclei images are not at hand ({NUCLEI}; set RIS_DATA)")
def test_real_nuclei():
    sizes = {split: len(names(NUCLEI, split)) for split in ("train", "val", "test", "all")}
    assert sizes == {"train": 382, "val": 53, "test": 53, "all": 488}
    for _, read in open_folder(NUCLEI, "test")[:8]:
        image, labels = read()
        assert (image.dtype, labels.dtype) == (np.uint8, np.int32) and image.shape == (*labels.shape, 1)
        assert 1 <= len(np.unique(labels)) - 1 <= 375
        inside, outside = image[labels > 0].mean(), image[labels == 0].mean()
        assert inside > outside  # fluorescence: nuclei are brighter than what is around them


@pytest.mark.parametrize(
    ("stored", "read"),
    [
        (np.array([True, False]), np.uint8([255, 0])),
        (np.array([1, 65535], ">u2"), np.uint16([1, 65535])),
        (np.array([-3, 70000]), np.float32([-3, 70000])),
        (np.array([0.1, 3e38]), np.float32([0.1, 3e38])),
    ],
)
def test_pixels_of_any_stored_type(stored, read):
    found = converted("image", stored)
    assert found.dtype == read.dtype
    np.testing.assert_array_equal(found, read)


@pytest.mark.parametrize(
    ("stored", "said"), [([np.nan, 1], "1 of 2"), ([1e39, np.inf], "2 of 2"), ([1j, 1], "complex128")]
)
def test_pixels_that_are_no_finite_numbers_are_refused(stored, said):
    with pytest.raises(DataError, match=f"^image: .*{said}"):
        converted("image", np.array(stored))
