"""What conversion writes: every kind of pixels, readable elsewhere, nothing unfinished; and broken records are told."""

import json

import numpy as np
import pytest
import tensorflow as tf

from ris_tf.data import convert, sources
from ris_tf.data.readers.tfrecord import write
from ris_tf.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning:pycocotools.*")

RNG = np.random.default_rng(0)
SAMPLES = [
    (name, RNG.integers(0, 256, (24, 30, 3)).astype(np.uint8), RNG.integers(0, 4, (24, 30)).astype(np.int32))
    for name in "ab"
]


@pytest.mark.parametrize("form", [form for form in convert.FORMATS if form != "yolo"])  # no ignored regions there
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
@pytest.mark.parametrize("channels", [1, 3])
def test_every_kind_of_pixels_survives(tmp_path, form, dtype, channels):
    image = (np.random.default_rng(0).random((5, 7, channels)) * 60_000).astype(dtype)
    labels = np.arange(35, dtype=np.int32).reshape(5, 7) - 1
    convert.convert({"train": [("a", lambda: (image, labels))]}, tmp_path / "out", form)
    ((_, read),) = sources.open_source(tmp_path / "out", "train", category="")
    np.testing.assert_array_equal(read()[0], image)
    np.testing.assert_array_equal(read()[1], labels)


@pytest.mark.parametrize("form", convert.FORMATS)
def test_an_interrupted_conversion_leaves_nothing(tmp_path, form):
    def stop():
        raise KeyboardInterrupt

    image = SAMPLES[0][1:]
    with pytest.raises(KeyboardInterrupt):
        convert.convert({"train": [("a", lambda: image), ("b", stop)]}, tmp_path / "out", form)
    with pytest.raises(DataError, match="train: 2 images have the name 'a'"):
        convert.convert({"train": [("a", lambda: image)] * 2}, tmp_path / "out", form)
    assert not list(tmp_path.iterdir())


def test_records_are_readable_by_tensorflow_alone(tmp_path):
    _, image, labels = SAMPLES[0]
    write(tmp_path, {"train": [("a", image, labels)]}, 10**6)
    (record,) = tf.data.TFRecordDataset([str(tmp_path / "train-00000-of-00001.tfrecord")])
    keys = {key: tf.io.FixedLenFeature([], tf.string) for key in ("name", "image", "labels")}
    found = tf.io.parse_single_example(record, keys)
    for key, array in (("image", image), ("labels", labels)):
        tensor = tf.io.parse_tensor(tf.io.decode_compressed(found[key], "ZLIB"), array.dtype)
        np.testing.assert_array_equal(tensor, array)
    assert found["name"] == b"a"


def test_what_is_wrong_with_records_is_told(problems, tmp_path):
    write(tmp_path, {"train": SAMPLES}, 10**6)
    shard, index = tmp_path / "train-00000-of-00001.tfrecord", tmp_path / "records.json"
    whole, names = shard.read_bytes(), index.read_text()
    shard.write_bytes(whole[:-9])
    assert "train-00000-of-00001.tfrecord: file is truncated" in problems(tmp_path)[0]
    shard.write_bytes(whole[:500] + b"\0" * 40 + whole[540:])
    assert ["the record 'a' cannot be read" in line for line in problems(tmp_path)] == [True]
    shard.write_bytes(whole)
    index.write_text(json.dumps({"train": {shard.name: ["a"]}}))
    assert problems(tmp_path) == [f"{shard}: has 2 records but records.json says 1; copy both again"]
    for text in ("{", "[]", '{"train": 3}', '{"train": {"x": 3}}'):
        index.write_text(text)
        assert "records.json: does not list splits" in problems(tmp_path)[0]
    index.write_text(names)
    shard.unlink()
    assert "No such file or directory" in problems(tmp_path)[0]
    index.unlink()
    shard.write_bytes(whole)
    assert "records.json: No such file or directory; expected what ris-data convert" in problems(tmp_path)[0]
