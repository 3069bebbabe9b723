"""The worked changes of docs/where.md do what the page says."""

import shutil
import zipfile
from pathlib import Path

import numpy as np
import pytest
from conftest import ROOT
from documents.blocks import blocks_of

from ris_tf.data.readers import layouts
from ris_tf.errors import DataError
from ris_tf.export import job
from ris_tf.export.formats.table import Assembled, Assembly


def run(number):
    """The names that the page's block of Python with this number defines."""
    page = ROOT / "docs" / "where.md"
    blocks = [block for block in blocks_of(str(page), page.read_text("utf-8")) if block.kind == "python"]
    names = {}
    exec(compile(blocks[number].text, str(page), "exec"), names)
    return names


def test_the_reader_reads_splits_and_says_what_is_wrong(tmp_path, monkeypatch):
    monkeypatch.setattr(layouts, "LAYOUTS", (run(0)["LAYOUT"], *layouts.LAYOUTS))
    image, labels = np.zeros((9, 8, 3), np.uint8), np.arange(72).reshape(9, 8) // 30
    for split in ("train", "val"):
        (tmp_path / split).mkdir()
        np.savez(tmp_path / split / "a.npz", image=image, labels=labels)
    for split in ("train", "val"):
        ((name, read),) = layouts.open_folder(tmp_path, split)
        assert name == "a"
        np.testing.assert_array_equal(read()[1], labels)
    np.savez(tmp_path / "val" / "a.npz", pixels=image)
    ((_, read),) = layouts.open_folder(tmp_path, "val")
    with pytest.raises(DataError, match="holds pixels; expected the arrays image and labels"):
        read()


def test_the_archive_is_written_from_a_row_of_the_table(tmp_path):
    write = run(1)["write"]
    row = Assembled(
        parts=("tflite",),
        writes="model.zip",
        check=lambda given: None,
        write=lambda given: write(given.exported, given.tflite),
        unit=lambda name: "model.zip",
    )
    (tmp_path / "model_int8.tflite").write_bytes(b"tflite")
    (tmp_path / "metadata.json").write_text("{}")
    given = Assembly(tmp_path, "model_int8.tflite", Path(), False)
    assert all(map(given.has, row.parts))
    row.write(given)
    with zipfile.ZipFile(tmp_path / row.unit("cells")) as archive:
        assert archive.read("model.tflite") == b"tflite" and archive.read("metadata.json") == b"{}"
    shutil.copytree(tmp_path, tmp_path / "ready")
    job._publish(tmp_path / "ready", tmp_path / "out", [])
    assert (tmp_path / "out" / "model.zip").is_file()


def test_the_loss_term_is_the_share_claimed_twice():
    loss = run(2)["overlap_loss"]
    masks = np.zeros((3, 2, 10), np.float32)
    masks[0, 0, :4] = masks[0, 1, 4:8] = 1  # apart
    masks[1, :, :4] = 1  # the same
    np.testing.assert_allclose(loss(masks), [0, 0.5, 0])
