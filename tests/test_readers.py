"""Finding image and label files in folders: the layouts, the splits, and one clear line for folders that are wrong."""

import os
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ris_tf.data.readers import find_pairs, image_files, read_pair
from ris_tf.errors import DataError, UsageError

NUCLEI = Path(os.environ.get("RIS_DATA", Path(__file__).parent.parent / "../shared/data")) / "nuclei"


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


def test_a_pair_of_two_sizes(tmp_path):
    write_split(tmp_path / "train", ["0007"])
    write(tmp_path / "train/masks/0007.png", np.zeros((6, 8), np.uint8))
    line = message(read_pair, find_pairs(tmp_path, "train")[0])
    assert "masks/0007.png: mask is 8x6 but its image 0007.png is 5x4 (width x height)" in line


def test_split_folders(tmp_path):
    write_split(tmp_path / "train", ["b", "a_label"], ".jpg")
    write_split(tmp_path / "val", ["c"], ".tif")
    write(tmp_path / "train/images/._b.jpg", np.zeros((4, 5), np.uint8))  # left behind by macOS
    pairs = find_pairs(tmp_path, "train")
    assert [pair.name for pair in pairs] == ["a_label", "b"]
    assert pairs[1] == ("b", tmp_path / "train/images/b.jpg", tmp_path / "train/masks/b.png")
    image, labels = read_pair(find_pairs(str(tmp_path), "val")[0])
    assert image.shape == (4, 5, 1) and labels.shape == (4, 5)
    assert [pair.name for pair in find_pairs(tmp_path, "all")] == ["a_label", "b", "c"]


def test_leaf_challenge(tmp_path, caplog):
    for name in ("plant001", "plant002"):
        write(tmp_path / f"A1/{name}_rgb.png", np.zeros((4, 5, 3), np.uint8))
        write(tmp_path / f"A1/{name}_fg.png", np.zeros((4, 5), np.uint8))
    write(tmp_path / "A1/plant002_label.png", np.zeros((4, 5), np.uint8))
    with caplog.at_level("WARNING", "absl"):
        pairs = find_pairs(tmp_path, "A1")
    assert pairs == [("plant002", tmp_path / "A1/plant002_rgb.png", tmp_path / "A1/plant002_label.png")]
    assert "1 of 2 images have no label file" in caplog.text
    (tmp_path / "A1/plant002_label.png").unlink()
    assert "no image and mask of one name" in message(find_pairs, tmp_path, "A1")
    write(tmp_path / "A1/plant001_label.png", np.zeros((4, 5), np.uint8))
    write(tmp_path / "A1/plant009_label.png", np.zeros((4, 5), np.uint8))
    assert "plant009_label.png: mask has no image of the same name (1 of 2" in message(find_pairs, tmp_path, "A1")


@pytest.mark.parametrize(("count", "sizes"), [(1, (1, 0, 0)), (2, (1, 1, 0)), (3, (1, 1, 1)), (40, (32, 4, 4))])
def test_pairs_without_split_folders_are_cut_by_name(tmp_path, count, sizes):
    write_split(tmp_path, [f"{number:03d}" for number in range(count)])
    everything = find_pairs(tmp_path, "all")
    parts = []
    for split, size in zip(("train", "val", "test"), sizes, strict=True):
        if size:
            parts.append(find_pairs(tmp_path, split))
            assert len(parts[-1]) == size and parts[-1] == sorted(parts[-1])
        else:
            assert f"{count} pairs leave no {split!r} part" in message(find_pairs, tmp_path, split)
    assert sorted(pair for part in parts for pair in part) == everything
    assert "ask for one of train, val, test, all" in message(find_pairs, tmp_path, "dev")


def test_last_by_name_are_held_out_on_request(tmp_path):
    write_split(tmp_path / "A1", [f"{number:03d}" for number in range(128)])
    train, val = (find_pairs(tmp_path / "A1", split, 28 / 128) for split in ("train", "val"))
    assert [pair.name for pair in train] == [f"{number:03d}" for number in range(100)]
    assert [pair.name for pair in val] == [f"{number:03d}" for number in range(100, 128)]
    assert train == find_pairs(tmp_path, "train", 28 / 128)  # the only folder of pairs may go unnamed
    assert "leave no 'test' part; expected another split" in message(find_pairs, tmp_path, "test", 0.2)


def test_the_cut_depends_on_names_alone(tmp_path):
    write_split(tmp_path, [f"{number:03d}" for number in range(10)])
    # Of "000" ... "009", sha256sum gives "000" the smallest sum (2ac9...) and "009" the next (5371...).
    assert [pair.name for split in ("val", "test") for pair in find_pairs(tmp_path, split)] == ["000", "009"]


def test_folders_without_pairs(tmp_path):
    assert "images/NAME.png with masks/NAME.png, or NAME_rgb.png" in message(find_pairs, tmp_path, "train")
    assert f"{tmp_path / 'no'}: No such file or directory; expected a folder" in message(
        find_pairs, tmp_path / "no", "train"
    )
    write(tmp_path / "a.png", np.zeros((4, 5), np.uint8))
    assert "Not a directory; expected a folder" in message(find_pairs, tmp_path / "a.png", "train")
    write_split(tmp_path / "train", ["a"])
    write_split(tmp_path / "val", ["b"])
    assert message(find_pairs, tmp_path, "test").endswith("no split 'test'; the splits present are train, val")
    (tmp_path / "other/images").mkdir(parents=True)
    assert f"{tmp_path / 'other/masks'}: No such file or directory" in message(find_pairs, tmp_path, "other")


def test_lone_and_doubled_files(tmp_path):
    write_split(tmp_path, ["a", "b", "c"])
    (tmp_path / "masks/b.png").unlink()
    line = message(find_pairs, tmp_path, "all")
    assert line.startswith(f"{tmp_path / 'images/b.png'}: image has no mask") and "(1 of 3 images" in line
    write_split(tmp_path, ["b"])
    (tmp_path / "images/c.png").unlink()
    line = message(find_pairs, tmp_path, "all")
    assert line.startswith(f"{tmp_path / 'masks/c.png'}: mask has no image") and "(1 of 3 masks" in line
    write(tmp_path / "images/b.tif", np.zeros((4, 5), np.uint8))
    assert "b.tif: the same name as b.png" in message(find_pairs, tmp_path, "all")


def test_image_files(tmp_path):
    for name in ("b.png", "a.JPG", "notes.txt", "deeper/c.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    found = image_files([str(tmp_path / "notes.txt"), tmp_path, tmp_path / "b.png"])
    assert found == [tmp_path / "notes.txt", tmp_path / "a.JPG", tmp_path / "b.png"]
    assert "no such file or folder" in message(image_files, [tmp_path / "missing"])
    (tmp_path / "empty").mkdir()
    assert "no images in this folder; expected files ending in .png" in message(image_files, [tmp_path / "empty"])
    with pytest.raises(UsageError):
        image_files([])


@pytest.mark.skipif(not NUCLEI.is_dir(), reason=f"the nuclei images are not at hand ({NUCLEI}; set RIS_DATA)")
def test_real_nuclei():
    sizes = {split: len(find_pairs(NUCLEI, split)) for split in ("train", "val", "test", "all")}
    assert sizes == {"train": 382, "val": 53, "test": 53, "all": 488}
    for pair in find_pairs(NUCLEI, "test")[:8]:
        image, labels = read_pair(pair)
        assert (image.dtype, labels.dtype) == (np.uint8, np.int32) and image.shape == (*labels.shape, 1)
        assert 1 <= len(np.unique(labels)) - 1 <= 375
        inside, outside = image[labels > 0].mean(), image[labels == 0].mean()
        assert inside > outside  # fluorescence: nuclei are brighter than what is around them
