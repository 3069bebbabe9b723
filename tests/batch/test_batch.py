"""ris-batch without Beam: one image and its row, records of a shard, and what the command says."""

import io
import sys

import numpy as np
import pytest
from PIL import Image
from pycocotools import mask as rle
from scenes import turned
from scipy import ndimage

from ris_tf.batch.rows import Failure, Source, is_shard, row
from ris_tf.commands import batch
from ris_tf.data.readers import records, tfrecord
from ris_tf.errors import DataError
from ris_tf.instances.labels import Instances

LABELS = np.zeros((9, 12), np.int32)
LABELS[1:4, 2:7], LABELS[5:, 0:3], LABELS[8, 11] = 1, 2, 3


def found(image):
    assert image.dtype == np.uint8 and image.shape == (9, 12, 3)
    return Instances(LABELS, [0.9, 0.8, 0.7])


def png():
    buffer = io.BytesIO()
    Image.fromarray(np.zeros((9, 12, 3), np.uint8)).save(buffer, "PNG")
    return buffer.getvalue()


def shard(folder, names):
    (folder / "shards").mkdir()
    images = ((name, np.full((9, 12, 3), place, np.uint8), LABELS) for place, name in enumerate(names))
    tfrecord.write(folder / "shards", {"train": images}, 10**6)
    return next((folder / "shards").glob("*.tfrecord"))


def test_row_holds_masks_as_coco_reads_them(tmp_path):
    file = tmp_path / "a.png"
    file.write_bytes(png())
    entry = row(Source(str(file)), found, open)
    assert (entry["image"], entry["name"], entry["count"]) == (str(file), "a.png", 3)
    np.testing.assert_allclose(entry["scores"], [0.9, 0.8, 0.7], rtol=1e-6)
    for number, counts in enumerate(entry["rle"], 1):
        mask = rle.decode({"size": [entry["height"], entry["width"]], "counts": counts})
        np.testing.assert_array_equal(mask, number == LABELS)


@pytest.mark.parametrize("url", [False, True])
@pytest.mark.parametrize("number", turned.ORIENTATIONS)
def test_masks_fit_the_stored_pixels_of_a_turned_photograph(tmp_path, number, url):
    pixels, labels = turned.stored()
    file = turned.write(tmp_path / "a.jpg", pixels, number)

    def bright(image):
        return Instances(ndimage.label(image[..., 0] > 120)[0], [0.9] * 5)

    entry = row(Source(f"gs://bucket{file}" if url else str(file)), bright, lambda _: file.open("rb"))
    assert (entry["height"], entry["width"], entry["name"]) == (*labels.shape, "a.jpg")
    shapes = [{"size": labels.shape, "counts": counts} for counts in entry["rle"]]
    assert np.mean(rle.decode(shapes).any(axis=2) == (labels > 0)) > 0.98


def test_file_of_a_store_is_read_through_its_own_reader(tmp_path):
    stored = {"gs://bucket/in/a.png": png(), "gs://bucket/in/b.png": b"nothing"}
    read = lambda path: io.BytesIO(stored[path])  # noqa: E731
    assert row(Source("gs://bucket/in/a.png"), found, read)["name"] == "a.png"
    failure = row(Source("gs://bucket/in/b.png"), found, read)
    assert failure.image == "gs://bucket/in/b.png" and failure.reason.startswith("cannot be read (")
    assert row(Source("gs://bucket/in/c.png"), found, read).reason.startswith("KeyError: ")


def test_whatever_happens_to_one_image_is_its_own_failure(tmp_path):
    small, missing, good = tmp_path / "small.png", tmp_path / "missing.png", tmp_path / "good.png"
    Image.fromarray(np.zeros((4, 40), np.uint8)).save(small)
    good.write_bytes(png())

    def breaks(image):
        raise MemoryError

    assert row(Source(str(small)), found, open) == Failure(str(small), "image is 40x4 pixels; expected at least 8x8")
    assert row(Source(str(missing)), found, open).reason.startswith("No such file or directory; expected")
    assert row(Source(str(good)), breaks, open).reason == "MemoryError: "


def test_records_of_a_shard_come_one_by_one_until_it_breaks_off(tmp_path):
    file = shard(tmp_path, ["a", "b", "c"])
    whole = file.read_bytes()
    read = [records.unpack_image(record) for record in tfrecord.records(io.BytesIO(whole))]
    assert [(name, int(image[0, 0, 0])) for name, image in read] == [("a", 0), ("b", 1), ("c", 2)]
    for content in (whole[:-1], whole[:-20], whole + b"abc", whole + b"\xff" * 40):
        rest = tfrecord.records(io.BytesIO(content))
        complete = 3 if len(content) > len(whole) else 2
        assert len([next(rest) for _ in range(complete)]) == complete
        with pytest.raises(DataError, match="not a complete record"):
            next(rest)
    with pytest.raises(DataError, match=r"cannot be read \(.*Error\); expected a record"):
        records.unpack_image(b"\x0a\x03abc")
    assert is_shard("x/y.tfrecord") and is_shard("gs://b/y.tfrecord.gz") and not is_shard("tfrecord.png")


def test_missing_beam_is_told_in_one_line(command, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "apache_beam", None)
    monkeypatch.chdir(tmp_path)
    for name in ("m.tflite", "a.png"):
        (tmp_path / name).touch()
    code, _, err = command(batch.main, "--model=m.tflite", "--out=o", "a.png")
    assert code == 2 and err == "ris-command: ris-batch needs Apache Beam; pip install 'ris-tf[beam]'\n"


def test_flags_are_checked_before_any_work(command):
    assert command(batch.main, "--out=o", "a.png")[2] == "ris-command: --model is missing; see --helpshort\n"
    assert (
        "a pattern of images is missing"
        in command(batch.main, "--model=m.tflite", "--out=o", "--", "--runner=FlinkRunner")[2]
    )
    assert "--workers=0: expected 1 or more" in command(batch.main, "--model=m", "--out=o", "--workers=0", "a.png")[2]
