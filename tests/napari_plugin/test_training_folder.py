"""What is saved is what ris-train reads: nothing lost, no image ever in two splits, nothing foreign overwritten."""

import json

import numpy as np
import pytest
import tifffile
from PIL import Image

from ris_tf.commands import label
from ris_tf.data.readers.layouts import open_folder
from ris_tf.errors import DataError
from ris_tf.instances.labels import Instances
from ris_tf.napari_plugin import images
from ris_tf.napari_plugin.folder import TrainingFolder

RANDOM = np.random.default_rng(0)


def picture(depth=np.uint8, channels=3):
    return RANDOM.integers(0, 255, (20, 30, channels)).astype(depth)


def test_saved_images_are_read_back_by_the_reader_of_ris_train(tmp_path):
    folder, saved = TrainingFolder(tmp_path / "mine"), {}
    for number, (depth, channels) in enumerate([(np.uint8, 3), (np.uint16, 1), (np.float32, 1)]):
        labels = np.zeros((20, 30), np.int64)
        labels[:5, :9], labels[7:, 4:] = 70_000 if number == 2 else 3, 9
        saved[f"{number}"] = picture(depth, channels), labels
        folder.save(f"{number}", *saved[f"{number}"])
    (folder.path / "runs" / "01").mkdir(parents=True)  # as a training leaves it
    read = {name: read() for split in ("train", "val") for name, read in open_folder(folder.path, split)}
    assert sorted(read) == sorted(saved)
    for name, (image, labels) in saved.items():
        np.testing.assert_array_equal(read[name][0], image)
        np.testing.assert_array_equal(read[name][1], labels)
        np.testing.assert_array_equal(folder.labels_of(name), labels)


def test_one_image_in_five_checks_the_model_and_stays_there(tmp_path):
    folder, empty = TrainingFolder(tmp_path / "mine"), np.zeros((20, 30), int)
    splits = [folder.save(str(number), picture(), empty) for number in range(12)]
    assert [number for number, split in enumerate(splits) if split == "val"] == [1, 6, 11]
    assert [folder.save(str(number), picture(), empty) for number in range(12)] == splits
    assert len(folder.names("train")) == 9 and folder.split_of("6") == "val" and folder.split_of("other") is None


def test_saving_again_leaves_one_label_map(tmp_path):
    folder, labels = TrainingFolder(tmp_path), np.zeros((20, 30), int)
    for most in (70_000, 2, 70_000):
        labels[0, 0] = most
        folder.save("a", picture(), labels)
        assert folder.labels_of("a").max() == most
        assert len(list((tmp_path / "train" / "masks").iterdir())) == 1


def test_too_little_to_train_on_is_said(tmp_path):
    folder = TrainingFolder(tmp_path)
    for split in ("train", "val"):
        with pytest.raises(DataError, match=f"no image in {split}; save two"):
            folder.check()
        folder.save(split, picture(), np.zeros((20, 30), int))
    folder.check()
    assert folder.next_run() == tmp_path / "runs" / "01"
    folder.next_run().mkdir(parents=True)
    assert folder.next_run() == tmp_path / "runs" / "02"


def test_a_folder_with_other_files_is_refused(tmp_path):
    (tmp_path / "letter.txt").write_text("dear")
    for path, message in ((tmp_path, "holds other files"), (tmp_path / "letter.txt", "is a file")):
        with pytest.raises(DataError, match=message):
            TrainingFolder(path)


def test_an_empty_folder_and_two_images_of_one_name_are_refused(tmp_path):
    with pytest.raises(DataError, match="no images in this folder"):
        images.listed(tmp_path)
    with pytest.raises(DataError, match="no such folder"):
        images.listed(tmp_path / "none")
    for name in ("a.png", "b.png", "a.tif"):
        Image.fromarray(picture()).save(tmp_path / name)
    with pytest.raises(DataError, match="same name as a.png"):
        images.listed(tmp_path)
    (tmp_path / "a.tif").unlink()
    assert [file.name for file in images.listed(tmp_path)] == ["a.png", "b.png"]


def test_labels_come_from_the_hand_then_the_folder_then_the_draft(tmp_path):
    exif = Image.Exif()
    exif[274] = 6  # stored turned by a quarter
    (tmp_path / "new").mkdir()
    Image.fromarray(picture()).save(tmp_path / "new" / "a.jpg", exif=exif)
    (file,) = images.listed(tmp_path / "new")
    folder, found = TrainingFolder(tmp_path / "mine"), np.zeros((30, 20), np.int32)
    found[3:9, 2:7], found[20:25, 11:17] = 1, 2
    image, labels = images.opened(file, None, folder)
    assert image.shape == (30, 20, 3) and labels.shape == (30, 20) and not labels.any()

    (tmp_path / "drafts").mkdir()
    label.write_draft(file, tmp_path / "drafts", Instances(found, np.ones(2)), "leaf")
    drafted = tmp_path / "drafts" / "a.jpg"
    np.testing.assert_array_equal(images.opened(drafted, None, folder)[1], found)
    folder.save("a", image, found * 5)
    np.testing.assert_array_equal(images.opened(drafted, None, folder)[1], found * 5)
    np.testing.assert_array_equal(images.opened(drafted, found * 6, folder)[1], found * 6)
    with pytest.raises(DataError, match="its labels are 30x20, but the image is 20x30"):
        images.opened(drafted, found.T, folder)


def test_a_broken_draft_is_named_and_other_json_files_are_no_drafts(tmp_path):
    folder = TrainingFolder(tmp_path / "mine")
    for name in ("a", "b"):
        Image.fromarray(picture()).save(tmp_path / f"{name}.png")
    (tmp_path / "a.json").write_text(json.dumps({"exposure": 3}))
    assert not images.opened(tmp_path / "a.png", None, folder)[1].any()
    (tmp_path / "a.json").write_text(json.dumps({"shapes": []}))
    (tmp_path / "b.json").write_text(json.dumps({"shapes": 1}))
    assert not images.opened(tmp_path / "a.png", None, folder)[1].any()
    with pytest.raises(DataError, match="b.json"):
        images.opened(tmp_path / "b.png", None, folder)


def test_an_image_of_several_channels_is_refused(tmp_path):
    tifffile.imwrite(tmp_path / "a.tif", np.zeros((5, 20, 30), np.uint8))
    with pytest.raises(DataError):
        images.opened(tmp_path / "a.tif", None, TrainingFolder(tmp_path / "mine"))
