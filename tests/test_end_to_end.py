"""The shipped presets reach their figures on images they never saw, the demo runs, the wheel holds everything."""

import shutil
import subprocess
import sys
import zipfile

import numpy as np
import pytest
import skimage.data
from conftest import ROOT

from ris_tf import RIS, demo
from ris_tf.commands.evaluate import evaluate
from ris_tf.data import sources

pytestmark = pytest.mark.slow


def test_rosettes_preset_on_a_fresh_seed():
    source = sources.open_source("synthetic:rosettes", "test", 384, 30, 77)
    result = evaluate(RIS.from_preset("rosettes"), source).result
    assert result["sbd"] >= 0.90 and result["abs_dic"] <= 0.8


def test_coins_preset_on_fresh_seeds_and_the_photograph():
    for kind, least in (("discs", 0.90), ("heaps", 0.87), ("tokens", 0.87)):
        source = sources.open_source(f"synthetic:{kind}", "test", 384, 30, 77)
        assert evaluate(RIS.from_preset("coins"), source).result["sbd"] >= least
    assert RIS.from_preset("coins").predict_instances(skimage.data.coins()).count == 24


def test_nuclei_preset_on_validation_images(nuclei):
    result = evaluate(RIS.from_preset("nuclei"), sources.open_source(nuclei, "val")).result
    assert result["ap_0.5"] >= 0.85 and result["relative_abs_dic"] <= 0.06


def test_worms_preset_on_validation_images(worms):
    result = evaluate(RIS.from_preset("worms"), sources.open_source(worms, "val")).result
    assert result["sbd"] >= 0.83 and result["relative_abs_dic"] <= 0.09


def test_blobs_preset_on_things_of_other_kinds_and_on_negatives(nuclei):
    model = RIS.from_preset("blobs")
    for kind, least in (("discs", 0.80), ("rosettes", 0.72), ("tissue", 0.75)):
        assert evaluate(model, sources.open_source(f"synthetic:{kind}", "test", 256, 20, 77)).result["sbd"] >= least

    def negative(read):
        image, labels = read()
        return np.iinfo(image.dtype).max - image, labels

    dark = [(name, lambda read=read: negative(read)) for name, read in sources.open_source(nuclei, "val")]
    assert evaluate(model, dark).result["sbd"] >= 0.80


def test_demo_counts_coins_discs_and_leaves(tmp_path):
    results = demo.demo(tmp_path)
    assert len(results) == len(list(tmp_path.glob("*_overlay.png"))) >= 6
    for name, true, found in results:
        assert abs(true - found) <= max(2, 0.15 * true), name


def test_wheel_is_small_and_complete(tmp_path):
    source = tmp_path / "source"
    ignored = shutil.ignore_patterns(
        ".venv*", ".git", "node_modules", "build", "*.egg-info", "demo_out", "dist", "__pycache__"
    )
    shutil.copytree(ROOT, source, ignore=ignored)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(source)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    assert wheel.stat().st_size < 16e6  # presets are in it twice, for Keras and for LiteRT
    names = zipfile.ZipFile(wheel).namelist()
    for file in (
        "ris_tf/model.py",
        "ris_tf/data/images/single.py",
        "ris_tf/configs/nuclei.py",
        "ris_tf/export/__init__.py",
        "ris_tf/export/serving/triton_model.py",
        "ris_tf/export/web/index.html",
        "ris_tf/presets/nuclei.weights.h5",
        "ris_tf/presets/nuclei.tflite",
        "ris_tf/presets/rosettes.json",
        "ris_tf/presets/coins.md",
    ):
        assert file in names
    assert not [name for name in names if name.startswith(("configs/", "export/", "tests/"))]
