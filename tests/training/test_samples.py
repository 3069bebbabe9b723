"""What a training run says about its images before it starts."""

import numpy as np
import pytest
from PIL import Image

from ris_tf.training import samples


def write(folder, count, objects=1):
    """Writes pairs of an image and its label map."""
    for kind in ("images", "masks"):
        (folder / kind).mkdir(parents=True)
    for number in range(count):
        labels = np.zeros((64, 64), np.uint8)
        for place in range(objects):
            labels[8:24, 4 + 20 * place : 20 + 20 * place] = place + 1
        for kind in ("images", "masks"):
            Image.fromarray(labels).save(folder / kind / f"{number}.png")


@pytest.fixture
def warnings(small, tmp_path, caplog):
    """A function: (pairs in train, objects in each, pairs in val, objects in each) -> what is said about the data."""
    small.train.validation_images = 8

    def said(train, objects, val=0, held_out_objects=1):
        write(tmp_path / "train", train, objects)
        if val:
            write(tmp_path / "val", val, held_out_objects)
        samples.read(tmp_path, small)
        return [line.removeprefix(f"{tmp_path}: ") for line in caplog.messages]

    return said


def test_nothing_is_said_about_good_data(warnings):
    assert not warnings(2, 2, val=5, held_out_objects=2)


def test_training_images_without_objects_are_told(warnings):
    (line,) = warnings(2, 0, val=5)
    assert line.startswith("no training image holds an object, so the network learns to find nothing")


def test_validation_images_without_objects_are_told(warnings):
    (line,) = warnings(2, 1, val=5, held_out_objects=0)
    assert line.startswith("no validation image holds an object")


@pytest.mark.parametrize(("count", "said"), [(1, "only 1 validation image,"), (4, "only 4 validation images,")])
def test_few_validation_images_are_told(warnings, count, said):
    (line,) = warnings(2, 1, val=count)
    assert line.startswith(said) and line.endswith("keep 5 or more")


def test_few_validation_images_by_request_are_not_told(warnings, small):
    small.train.validation_images = 2
    assert not warnings(2, 1, val=2)


def test_without_a_split_for_validation_one_line_says_so(warnings):
    (line,) = warnings(2, 1)
    assert "no split 'val'" in line and line.endswith("the last weights are kept as the best")


def test_extra_data_without_objects_are_told(warnings, small, tmp_path):
    write(tmp_path / "more" / "train", 1, 0)
    small.data.extra = str(tmp_path / "more")
    small.data.extra_share = 0.5
    (line,) = warnings(2, 1, val=5)
    assert line.startswith("no image of data.extra holds an object")
