"""Data sets by name, through their own libraries, from folders that those libraries wrote."""

import sys

import numpy as np
import pytest
from PIL import Image

from ris_tf.commands import data as data_command
from ris_tf.data import sources
from ris_tf.data.readers import hub
from ris_tf.errors import DataError, UsageError

RNG = np.random.default_rng(0)
IMAGES = RNG.integers(0, 256, (4, 20, 30, 3)).astype(np.uint8)
LABELS = np.zeros((4, 20, 30), np.uint8)
LABELS[:, 2:9, 3:12], LABELS[:, 9:18, 12:20] = 1, 2


def rows(column):
    if column == "masks":
        truth = [[Image.fromarray(labels == value) for value in (1, 2)] for labels in LABELS]
    else:
        truth = [Image.fromarray(labels) for labels in LABELS]
    return {"image": [Image.fromarray(image) for image in IMAGES], column: truth}


@pytest.mark.parametrize("column", ["masks", "label_map"])
def test_hugging_face(tmp_path, command, column, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    truth = datasets.Sequence(datasets.Image()) if column == "masks" else datasets.Image()
    features = datasets.Features({"image": datasets.Image(), column: truth})
    whole = datasets.Dataset.from_dict(rows(column), features=features)
    (tmp_path / "named").mkdir()
    whole.select(range(3)).to_parquet(tmp_path / "named" / "train.parquet")
    whole.select([3]).to_parquet(tmp_path / "named" / "validation.parquet")
    name = f"hf:{tmp_path / 'named'}"
    found = sources.open_source(name, "train") + sources.open_source(name, "val")
    assert [sample for sample, _ in found] == [*(f"train_{n:06d}" for n in range(3)), "validation_000000"]
    for (_, read), image, labels in zip(found, IMAGES, LABELS, strict=True):
        np.testing.assert_array_equal(read()[0], image)
        np.testing.assert_array_equal(read()[1], labels)
    with pytest.raises(DataError, match="no split 'dev'; the splits present are train, validation"):
        sources.open_source(name, "dev")
    code, out, err = command(data_command.main, "inspect", name, f"--out={tmp_path / 'sheet.png'}")
    assert code == 0 and "train: 3 images, 6 objects" in out, err


def test_hugging_face_without_masks(tmp_path, monkeypatch):
    datasets = pytest.importorskip("datasets")
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache")
    datasets.Dataset.from_dict({"picture": [1], "box": [2]}).to_parquet(tmp_path / "named" / "train.parquet")
    ((_, read),) = sources.open_source(f"hf:{tmp_path / 'named'}", "train")
    with pytest.raises(DataError, match="has the columns picture, box; expected image and one of masks"):
        read()
    with pytest.raises(DataError, match="datasets cannot open it"):
        sources.open_source(f"hf:{tmp_path / 'nothing'}", "train")


@pytest.mark.parametrize("column", ["masks", "segmentation_mask"])
def test_tensorflow_datasets(tmp_path, column):
    tfds = pytest.importorskip("tensorflow_datasets")
    mask = tfds.features.Image(shape=(20, 30, 1))
    truth = tfds.features.Sequence(mask) if column == "masks" else mask
    features = tfds.features.FeaturesDict({"image": tfds.features.Image(shape=(20, 30, 3)), column: truth})
    maps = LABELS[..., None]
    split = [np.stack([labels == value for value in (1, 2)]).astype(np.uint8) for labels in maps]
    samples = [{"image": i, column: t} for i, t in zip(IMAGES, split if column == "masks" else maps, strict=True)]
    tfds.dataset_builders.store_as_tfds_dataset(
        "named",
        features=features,
        split_datasets={"train": list(enumerate(samples[:3])), "test": list(enumerate(samples[3:]))},
        data_dir=tmp_path,
        version="1.0.0",
        disable_shuffling=True,
        file_format="array_record",
    )
    name = f"tfds:{tmp_path / 'named' / '1.0.0'}"
    found = sources.open_source(name, "train") + sources.open_source(name, "test")
    for (_, read), image, labels in zip(found, IMAGES, LABELS, strict=True):
        np.testing.assert_array_equal(read()[0], image)
        np.testing.assert_array_equal(read()[1], labels)
    with pytest.raises(DataError, match="tensorflow_datasets cannot open it"):
        sources.open_source("tfds:no_such_name", "train")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"image": None}, r"image is object \(\); expected numbers \[H, W\] or \[H, W, C\] with 1, 3 or 4 channels"),
        ({"image": "a.png"}, r"image is <U5 \(\)"),
        ({"image": IMAGES[0][..., :2]}, r"image is uint8 \(20, 30, 2\)"),
        ({"image": IMAGES[:1]}, r"image is uint8 \(1, 20, 30, 3\)"),
        ({"image": [[1, 2], [3]]}, r"cannot be read as an array \(ValueError\)"),
        ({"image": np.where(IMAGES[0] == IMAGES[0].max(), np.nan, 1.0)}, "[0-9]+ of 1800 values are NaN or infinite"),
        ({"masks": None}, r"a mask is object \(\); expected integers \[H, W\]"),
        ({"masks": [LABELS[0], None]}, r"a mask is object \(\)"),
        ({"masks": IMAGES}, r"a mask is uint8 \(4, 20, 30, 3\)"),
        ({"masks": LABELS[0] * np.int64(2**32 + 5)}, "a mask has the id 4294967301; expected ids up to 2147483647"),
        ({"masks": LABELS[0] * np.int64(-(2**40))}, "a mask has the id -1099511627776"),
    ],
)
def test_rows_of_an_unexpected_kind_are_one_line(monkeypatch, change, words):
    monkeypatch.setattr(hub, "_open", lambda data: {"train": [{"image": IMAGES[0], "masks": LABELS[0], **change}]})
    ((_, read),) = sources.open_source("hf:x", "train")
    with pytest.raises(DataError, match=f"^hf:x train 0: {words}"):
        read()


@pytest.mark.parametrize("channels", [None, 1, 3, 4])
def test_arrays_are_taken_as_they_are(monkeypatch, channels):
    image = np.repeat(IMAGES[0][..., :1], channels, 2) if channels else IMAGES[0][..., 0]
    truth = np.stack([LABELS[0] == value for value in (1, 2)])[..., None]
    monkeypatch.setattr(hub, "_open", lambda data: {"train": [{"image": image / 255, "masks": truth}]})
    ((_, read),) = sources.open_source("hf:x", "train")
    found, labels = read()
    assert found.dtype == np.float32 and found.shape == (20, 30, min(channels or 1, 3))
    np.testing.assert_allclose(found[..., -1] * 255, IMAGES[0][..., 0], atol=1e-4)
    np.testing.assert_array_equal(labels, LABELS[0])


@pytest.mark.parametrize(("name", "library"), [("hf:x", "datasets"), ("tfds:x", "tensorflow_datasets")])
def test_a_missing_library_is_one_line(monkeypatch, name, library):
    monkeypatch.setitem(sys.modules, library, None)  # makes its import fail
    package = library.replace("_", "-")
    with pytest.raises(UsageError, match=f"{name}: needs the library {package}; pip install {package}"):
        sources.open_source(name, "train")
