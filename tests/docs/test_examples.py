"""The notebooks of examples/ run, and what they print is what is stored in them, but for rounding."""

import importlib.util
import re
import time

import pytest
from conftest import ROOT

NOTEBOOKS = sorted((ROOT / "examples").glob("*.ipynb"))
LONGEST = 120  # s of one notebook
NUMBER = re.compile(r"(?<![\w.])[+-]?\d+\.?\d*")


def printed(notebook):
    """What the cells of a notebook print: the words, str, and the numbers in them, list of float."""
    text = "".join(output.get("text", "") for cell in notebook.cells for output in cell.get("outputs", []))
    return NUMBER.sub("#", text), [float(number) for number in NUMBER.findall(text)]


@pytest.mark.slow
@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_a_notebook_prints_what_is_stored_in_it(path, tmp_path, monkeypatch):
    pytest.importorskip("ipykernel", reason="notebooks need ipykernel")
    nbformat = pytest.importorskip("nbformat", reason="notebooks need nbformat")
    pytest.importorskip("nbclient", reason="notebooks need nbclient")
    spec = importlib.util.spec_from_file_location("write_notebooks", ROOT / "examples" / "write_notebooks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    began = time.monotonic()
    done = module.run(path, tmp_path)
    assert time.monotonic() - began < LONGEST
    words, numbers = printed(done)
    stored_words, stored_numbers = printed(nbformat.read(path, as_version=4))
    assert words == stored_words
    assert numbers == pytest.approx(stored_numbers, rel=0.02, abs=1.01)  # processors round differently
    shown = [output["data"] for cell in done.cells for output in cell.get("outputs", []) if "data" in output]
    assert len(shown) == 1 and "image/jpeg" in shown[0]


def test_there_are_notebooks():
    names = ["compare_two_models", "count_my_leaves", "from_photograph_to_phone", "train_on_20_images"]
    assert [path.stem for path in NOTEBOOKS] == names
