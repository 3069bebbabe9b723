"""The COCO export of Roboflow, written by hand as it writes it: annotations beside the images of each split."""

import numpy as np
import pytest
from scenes.annotations import roboflow

from ris_tf.commands import data as data_command
from ris_tf.data import sources
from ris_tf.data.readers.layouts import detect
from ris_tf.errors import DataError, UsageError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")


@pytest.fixture
def export(tmp_path):
    roboflow(tmp_path / "export")
    return tmp_path / "export"


@pytest.mark.parametrize(("split", "shift"), [("train", 1), ("val", 2), ("valid", 2), ("test", 3)])
def test_every_split_is_found(export, split, shift):
    assert detect(export)[0].name == "COCO export of Roboflow"
    samples = sources.open_source(export, split)
    assert [name for name, _ in samples] == ["6d40-8_jpg.rf.770444f8", "7d44-10_jpg.rf.3b18d732"]
    expected = np.zeros((20, 30), int)
    expected[2:6, shift : shift + 5], expected[10:14, shift : shift + 5] = 1, 2
    for _, read in samples:
        image, labels = read()
        assert abs(int(image[0, 0, 0]) - shift) <= 2  # JPEG
        np.testing.assert_array_equal(labels, expected)


def test_a_category_and_all_splits(export):
    samples = dict(sources.open_source(export, "all", category="old"))
    assert len(samples) == 6 and "valid/7d44-10_jpg.rf.3b18d732" in samples
    labels = samples["valid/7d44-10_jpg.rf.3b18d732"]()[1]
    assert labels.max() == 1 and (labels[10:14, 2:7] == 1).all() and not labels[:10].any()
    with pytest.raises(UsageError, match="is 'od'; expected one of the 3 of .*such as eggs, young, old"):
        sources.open_source(export, "train", category="od")


def test_inspect_and_convert(export, command, tmp_path):
    code, out, _ = command(data_command.main, "inspect", export, f"--out={tmp_path / 'sheet.png'}")
    assert "COCO export of Roboflow" in out and "valid: 2 images, 4 objects" in out, out
    code, _, err = command(data_command.main, "convert", export, "--format=coco", f"--out={tmp_path / 'out'}")
    assert code == 0, err
    for split in ("train", "val", "test"):
        pairs = zip(*(sources.open_source(data, split) for data in (export, tmp_path / "out")), strict=True)
        for (name, read), (again, read_again) in pairs:
            assert name == again
            np.testing.assert_array_equal(read()[1], read_again()[1])


def test_one_split_is_divided(export):
    """The folder of a split itself, and an export that has only the split train."""
    parts = {name: len(sources.open_source(export / "train", name, held_out=0.5)) for name in ("train", "val", "all")}
    assert parts == {"train": 1, "val": 1, "all": 2}
    alone = export / "alone"
    alone.mkdir()
    (export / "train").rename(alone / "train")
    assert [name for name, _ in sources.open_source(alone, "val", held_out=0.5)] == ["7d44-10_jpg.rf.3b18d732"]
    with pytest.raises(DataError, match="no split 'val'; the splits present are train"):
        sources.open_source(alone, "val")
