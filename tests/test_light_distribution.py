"""ris-tf-runtime: what it consists of predicts by itself, and needs nothing that the whole distribution does not."""

import configparser
import importlib.util
import os
import re
import subprocess
import sys
import tomllib

import numpy as np
import pytest
from conftest import ROOT
from PIL import Image

LIGHT = tomllib.loads((ROOT / "packaging" / "runtime" / "pyproject.toml").read_text("utf-8"))
NOT_THERE = "tensorflow keras scipy skimage imagecodecs ml_collections h5py yaml onnx tf2onnx tensorboard"


@pytest.fixture
def staged(tmp_path):
    spec = importlib.util.spec_from_file_location("build_light", ROOT / "packaging" / "runtime" / "build.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.stage(tmp_path / "staged")
    return tmp_path / "staged"


def test_its_requirements_are_among_those_of_the_whole():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    whole = {re.split(r"[>=\[]", line)[0] for line in setup["options"]["install_requires"].split()}
    light = {re.split(r"[>=\[]", line)[0] for line in LIGHT["project"]["dependencies"]}
    assert light < whole
    scripts = dict(line.split(" = ") for line in setup["options.entry_points"]["console_scripts"].strip().split("\n"))
    assert LIGHT["project"]["scripts"].items() <= scripts.items()
    extras = {name for more in LIGHT["project"]["optional-dependencies"].values() for name in more}
    assert extras <= {line for section in setup.sections() for text in setup[section].values() for line in text.split()}


def test_the_staged_package_counts_without_what_it_leaves_out(staged, tmp_path):
    rows, columns = np.indices((128, 128))
    disc = np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9
    Image.fromarray(np.uint8(20 + 180 * disc)).save(tmp_path / "cells.png")
    code = f"""
import sys
sys.modules.update(dict.fromkeys({NOT_THERE!r}.split()))
from ris_tf.commands import predict
assert predict.__file__.startswith({str(staged)!r})
sys.argv = ["ris-predict", "--model=nuclei", "cells.png", "--out=found"]
predict.main()
"""
    home = {**os.environ, "PYTHONPATH": str(staged)}
    done = subprocess.run([sys.executable, "-c", code], cwd=tmp_path, env=home, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr[-500:]
    assert (tmp_path / "found" / "counts.csv").read_text().endswith("cells.png,16,12,20,no\n")
    assert not list(staged.rglob("*.h5")) and (staged / "ris_tf" / "py.typed").is_file()
