"""Large images that cannot be read: one line that names the file, and nothing written."""

import json
import sys

import numpy as np
import pytest
import tifffile
from test_large import Threshold

from ris_tf.commands import predict


@pytest.fixture
def model(small):
    return Threshold(small)


def test_broken_large_images_are_one_line(model, tmp_path, command, monkeypatch):
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: model)
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    image = np.random.default_rng(0).integers(0, 255, (300, 300), np.uint8)
    whole = tmp_path / "whole.tif"
    tifffile.imwrite(whole, image, tile=(64, 64), compression="zlib")
    with tifffile.TiffFile(whole) as tiff:
        place = tiff.pages.first.dataoffsets[12]
    cases = {"cut": whole.read_bytes()[:-2000], "spoiled": bytearray(whole.read_bytes())}
    cases["spoiled"][place : place + 40] = bytes(40)
    for name, content in cases.items():
        (tmp_path / f"{name}.tif").write_bytes(content)
    tifffile.imwrite(tmp_path / "nan.tif", np.where(image == 7, np.nan, image).astype(np.float32))
    tifffile.imwrite(tmp_path / "thin.tif", image[:5])
    tifffile.imwrite(tmp_path / "lab.tif", np.stack([image] * 3, axis=-1), photometric="cielab")
    tifffile.imwrite(tmp_path / "pages.tif", np.stack([image, image]), photometric="minisblack")
    for name in ("cut", "spoiled", "nan", "thin", "lab", "pages"):
        out = tmp_path / f"out_{name}"
        code, _, err = command(predict.main, "--model=nuclei", f"--out={out}", "--large", tmp_path / f"{name}.tif")
        lines = [part for line in err.splitlines() for part in line.split("\r") if part.startswith("ris-command")]
        assert code == 1 and len(lines) == 1 and f"{name}.tif" in lines[0] and "Traceback" not in err, err
        assert not list(out.glob("*.csv")) and not list(out.glob("*.tif"))


def test_broken_zarr_is_one_line(model, tmp_path, command, monkeypatch):
    library = pytest.importorskip("zarr")
    monkeypatch.setattr(predict.storage, "open_model", lambda *_: model)
    monkeypatch.setattr(predict.storage, "digest", lambda name: None)
    how = {"shape": (100, 100), "chunks": (32, 32), "zarr_format": 2}
    library.create_array(str(tmp_path / "words.zarr"), dtype="U5", **how)
    library.create_array(str(tmp_path / "flat.zarr"), shape=(100,), chunks=(10,), dtype="u1")
    library.create_array(str(tmp_path / "deep.zarr"), shape=(2, 5, 90, 90), chunks=(1, 1, 32, 32), dtype="u1")
    library.open_group(str(tmp_path / "empty.zarr"), mode="w")
    library.create_array(str(tmp_path / "pickled.zarr"), dtype="u1", **how)[:] = 1
    record = tmp_path / "pickled.zarr" / ".zarray"
    record.write_text(json.dumps({**json.loads(record.read_text()), "filters": [{"id": "pickle"}]}))
    for name in ("words", "flat", "deep", "empty", "pickled"):
        code, _, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / 'o'}", tmp_path / f"{name}.zarr")
        assert code == 1 and err.count("\n") == 1 and f"{name}.zarr" in err, err

    monkeypatch.setitem(sys.modules, "zarr", None)
    code, _, err = command(predict.main, "--model=nuclei", f"--out={tmp_path / 'o'}", tmp_path / "flat.zarr")
    assert code == 2 and err.count("\n") == 1 and "ris-tf[large]" in err, err
    assert not (tmp_path / "o").exists()
