"""ris-batch on Beam's own runner in this process: every image is a row or a failure, and that once."""

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from test_batch import LABELS, png, shard

from ris_tf.commands import batch
from ris_tf.errors import DataError, UsageError
from ris_tf.instances.labels import Instances

pytest.importorskip("apache_beam", reason="needs ris-tf[beam]; `make test-beam` has it in an environment of its own")
pytest.importorskip("pyarrow")


class Model:
    """Finds nothing in black images, three objects in others, and breaks at value 66."""

    def predict_instances(self, image):
        if image[0, 0, 0] == 66:
            raise RuntimeError("sixty-six")
        if not image.any():
            return Instances(np.zeros(image.shape[:2], np.int32), [])
        return Instances(LABELS, [0.9, 0.8, 0.7])


@pytest.fixture
def job(tmp_path, monkeypatch):
    """A function: (*patterns) -> (rows by image, reasons by image, totals), each image named once."""
    from pyarrow import parquet

    from ris_tf.batch import pipeline

    monkeypatch.setattr(pipeline, "load", lambda path, threads=None: Model())
    out = tmp_path / "out"

    def run(*patterns, **arguments):
        totals = batch.batch("model.tflite", [str(pattern) for pattern in patterns], out, **arguments)
        rows = [row for file in out.glob("instances-*.parquet") for row in parquet.read_table(file).to_pylist()]
        lines = [json.loads(line) for file in out.glob("failed-*.jsonl") for line in file.read_text().splitlines()]
        named = [entry["image"] for entry in [*rows, *lines]]
        assert len(named) == len(set(named)) == totals["images"]
        assert (len(rows), len(lines)) == (totals["rows"], totals["failed"])
        return {row["image"]: row for row in rows}, {line["image"]: line["reason"] for line in lines}, totals

    run.out = out
    return run


def test_every_image_is_a_row_or_a_failure_once_though_patterns_overlap(job, tmp_path):
    for place, value in enumerate((0, 1, 66, 2)):
        Image.fromarray(np.full((9, 12, 3), value, np.uint8)).save(tmp_path / f"image{place}.png")
    (tmp_path / "image9.png").write_bytes(png()[:40])
    (tmp_path / "deep" / "er").mkdir(parents=True)
    (tmp_path / "deep" / "er" / "image0.png").write_bytes(png())
    patterns = (tmp_path / "*.png", tmp_path / "image1*", tmp_path / "." / "image?.png", tmp_path / "deep" / "**.png")
    rows, reasons, totals = job(*patterns)
    assert set(rows) == {str(tmp_path / name) for name in ("image0.png", "image1.png", "image3.png")} | {
        str(tmp_path / "deep" / "er" / "image0.png")
    }
    assert rows[str(tmp_path / "image1.png")]["count"] == 3 and len(rows[str(tmp_path / "image1.png")]["rle"]) == 3
    assert rows[str(tmp_path / "image0.png")]["scores"] == []
    assert reasons[str(tmp_path / "image2.png")] == "RuntimeError: sixty-six"
    assert reasons[str(tmp_path / "image9.png")].startswith("cannot be read (")
    assert totals == {"images": 6, "rows": 4, "failed": 2, "instances": 6}


def test_records_are_counted_by_shard_and_number(job, tmp_path):
    file = shard(tmp_path, ["a", "b", "a"])
    file.with_name("broken.tfrecord").write_bytes(file.read_bytes()[:-5])
    file.with_name("empty.tfrecord").write_bytes(b"")
    rows, reasons, totals = job(file, file.parent / "*.tfrecord")
    assert {image: row["name"] for image, row in rows.items()} == {
        **{f"{file}#{number}": name for number, name in enumerate("aba")},
        **{f"{file.parent}/broken.tfrecord#{number}": name for number, name in enumerate("ab")},
    }
    assert list(reasons) == [f"{file.parent}/broken.tfrecord#2"] and totals["images"] == 6
    assert "copy the file again" in reasons[f"{file.parent}/broken.tfrecord#2"]


def test_work_that_is_done_twice_counts_once(job, tmp_path):
    for name in ("a", "b", "c"):
        (tmp_path / f"{name}.png").write_bytes(png())
    (tmp_path / "d.png").write_bytes(b"")
    rows, reasons, _ = job(tmp_path / "*.png", options=["--direct_runner_bundle_repeat=2"])
    assert [Path(image).name for image in sorted(rows)] == ["a.png", "b.png", "c.png"] and len(reasons) == 1


def test_results_of_another_run_are_not_mixed_in(job, tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    job(tmp_path / "*.png")
    with pytest.raises(UsageError, match="of another run; give an empty folder"):
        job(tmp_path / "*.png")


def test_wrong_places_are_told_before_any_work(job, tmp_path):
    (tmp_path / "a.png").write_bytes(png())
    with pytest.raises(UsageError, match=r"is a folder; give a pattern such as .*/\*.png"):
        job(tmp_path)
    with pytest.raises(DataError, match=r"none\*.png: no file matches"):
        job(tmp_path / "*.png", tmp_path / "none*.png")
    with pytest.raises(UsageError, match="--workers=2: is for this machine"):
        job(tmp_path / "*.png", workers=2, options=["--runner=FlinkRunner"])
    assert not job.out.exists()


def test_a_job_that_fails_as_a_whole_leaves_no_results(job, tmp_path, monkeypatch):
    from ris_tf.batch import pipeline

    (tmp_path / "a.png").write_bytes(png())

    def load(path, threads=None, opened=[]):  # noqa: B006
        opened.append(path)
        if len(opened) > 1:  # in the worker
            raise OSError("disk gone")
        return Model()

    monkeypatch.setattr(pipeline, "load", load)
    with pytest.raises(DataError, match="the job failed: .*disk gone"):
        job(tmp_path / "*.png")
    assert not [file for kind in ("*.parquet", "*.jsonl", "*.json") for file in job.out.glob(kind)]
