"""What benchmarks keep from one run to the next."""

import importlib

import pytest
from conftest import ROOT


def test_accuracy_takes_what_was_kept_for_the_same_arguments_alone(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    accuracy = importlib.import_module("accuracy")
    asked = {"data": "synthetic:heaps", "seed": 1, "images": 2, "train_images": 3, "side": 64, "minutes": 0.5}
    for _ in range(2):
        accuracy.claim(tmp_path / "work", {**asked, "model": "coins"})
    for name in asked:
        with pytest.raises(SystemExit, match=f"work: was made with --{name}={asked[name]}; give"):
            accuracy.claim(tmp_path / "work", {**asked, name: "other"})
    (tmp_path / "work" / "arguments.json").rename(tmp_path / "work" / "train.npz")
    with pytest.raises(SystemExit, match="holds files but no arguments.json"):
        accuracy.claim(tmp_path / "work", asked)


def test_accuracy_is_told_who_takes_part(monkeypatch):
    monkeypatch.syspath_prepend(ROOT / "benchmarks")
    accuracy = importlib.import_module("accuracy")
    assert list(accuracy.chosen_rivals(["stardist", "unet"], "python")) == ["StarDist", "U-Net, watershed"]
    for names, wrong in (
        (["unet", "sam"], "sam is not one of threshold, unet, stardist"),
        (["stardist"], "stardist_python"),
    ):
        with pytest.raises(SystemExit, match=wrong):
            accuracy.chosen_rivals(names, None)
