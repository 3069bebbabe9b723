"""The order of the wings (the folders of `ris_tf/`), read from the sources without importing them."""

import ast
import configparser
import graphlib
import importlib.util
import shutil
from pathlib import Path

import pytest
from conftest import ROOT

LIMIT = 300  # lines of one file of the package
TEST_LIMIT = 350
VAGUE = {"utils", "util", "misc", "helpers", "helper", "common"}  # names that say no job
SHADOWING = {"io", "onnx", "random", "types"}  # run as a script, such a file hides the library of its name

# Which wing may import which, from the top down. `errors`, `quiet` and `wording` are open to all but the configs.
MAY_IMPORT = {
    "demo": "commands data.synthetic evaluation files instances storage",
    "dequantize": "commands storage",
    "export": "commands data data.synthetic evaluation files inference model network on_openvino presets ris_tf "
    "runtime settings storage",
    "commands": "batch data data.images data.readers data.synthetic evaluation files inference instances large "
    "planning presets report ris_tf runtime settings storage training",
    "napari_plugin": "configs data data.images data.readers evaluation inference planning presets storage",
    "ris_tf": "instances keras_import model",
    "keras_import": "model",
    "large": "data data.images files inference instances settings",
    "report": "evaluation inference instances",
    "planning": "configs data data.sampling evaluation files model presets storage training",
    "training": "data data.sampling evaluation files instances model network settings storage",
    "batch": "data.images data.readers instances runtime",
    "evaluation": "inference instances",
    "storage": "files model presets runtime",
    "model": "inference network objective preset_weights presets settings",
    "runtime": "inference on_openvino settings",
    "on_openvino": "",
    "preset_weights": "presets",
    "presets": "",
    "inference": "data instances settings",
    "objective": "network",
    "network": "files",
    "data.sampling": "data data.synthetic instances settings",
    "data": "data.images data.readers data.synthetic files instances",
    "data.readers": "data.images files instances",
    "data.images": "instances",
    "data.synthetic": "",
    "instances": "files settings",
    "settings": "configs",
    "files": "",
    "configs": "",
    "errors": "",
    "optional": "errors",
    "quiet": "",
    "wording": "",
}


def load_wings():
    """docs/wings.py as a module."""
    spec = importlib.util.spec_from_file_location("wings", ROOT / "docs" / "wings.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


wings = load_wings()
IMPORTS = wings.imports()
FOLDERS = sorted(module for module, file in wings.modules().items() if file.name == "__init__.py")


def allowed(wing):
    return {*MAY_IMPORT[wing].split(), *(wings.GROUND if wing not in ("configs", *wings.GROUND) else ())}


def wrong_imports(module, imported):
    """Those of the imported modules that MAY_IMPORT does not allow to a module."""
    wing = wings.wing_of(module)
    return {other for other in imported if wings.wing_of(other) not in {wing, *allowed(wing)}}


def test_every_wing_is_in_the_table():
    assert set(wings.wings()) == set(MAY_IMPORT), "add new wings to MAY_IMPORT, and drop old ones"


@pytest.mark.parametrize("module", IMPORTS)
def test_a_file_imports_only_what_its_wing_may(module):
    assert wrong_imports(module, IMPORTS[module]) == set()


def test_the_table_allows_nothing_that_is_not_used():
    unused = {wing: set(MAY_IMPORT[wing].split()) - others for wing, others in wings.wings().items()}
    assert {wing: others for wing, others in unused.items() if others} == {}


def test_no_circle_between_wings_nor_between_files():
    graphlib.TopologicalSorter({wing: allowed(wing) - set(wings.GROUND) for wing in MAY_IMPORT}).prepare()
    graphlib.TopologicalSorter(IMPORTS).prepare()


@pytest.mark.parametrize(
    ("file", "line", "wrong"),
    [
        ("ris_tf/model.py", "from ris_tf.training.loop import train", "ris_tf.training.loop"),
        ("ris_tf/model.py", "def late():\n    import ris_tf.export.check", "ris_tf.export.check"),
        ("ris_tf/objective/losses.py", "from ris_tf.evaluation import metrics", "ris_tf.evaluation.metrics"),
        ("ris_tf/files/lock.py", "from ris_tf.instances.labels import Instances", "ris_tf.instances.labels"),
        ("ris_tf/data/readers/coco.py", "from ris_tf.data.sampling import pipeline", "ris_tf.data.sampling.pipeline"),
        ("ris_tf/training/loop.py", "from ris_tf.configs import base", "ris_tf.configs.base"),
        ("configs/nuclei.py", "from ris_tf import errors", "ris_tf.errors"),
        ("export/check.py", "from ris_tf.training import loop", "ris_tf.training.loop"),
    ],
)
def test_a_planted_import_is_seen(file, line, wrong, tmp_path):
    for source in wings.modules().values():
        copy = tmp_path / source.relative_to(ROOT)
        copy.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(source, copy)
    (tmp_path / file).write_text(f"{(tmp_path / file).read_text('utf-8')}\n{line}\n")
    found = {module: wrong_imports(module, imported) for module, imported in wings.imports(tmp_path).items()}
    module = next(module for module, path in wings.modules().items() if path == ROOT / file)
    assert {name: others for name, others in found.items() if others} == {module: {wrong}}


@pytest.mark.parametrize("source", ["from . import metrics", "import configs.base", "from export import check"])
def test_only_full_names_are_imported(source):
    with pytest.raises(ValueError, match="line 1"):
        wings.imported(source, {})


def test_no_two_files_of_tests_have_the_same_name():
    names = [path.name for path in (ROOT / "tests").rglob("test_*.py")]  # pytest would load only one of them
    assert sorted(names) == sorted(set(names))


@pytest.mark.parametrize("module", FOLDERS)
def test_a_wing_says_what_it_is_and_what_it_may_import(module):
    text = ast.get_docstring(ast.parse(wings.modules()[module].read_text("utf-8")))
    assert 1 <= len(text.splitlines()) <= 15
    wing = wings.wing_of(module)
    if module in ("ris_tf", "ris_tf.configs", "ris_tf.export.formats"):
        return  # the front hall, what imports nothing, and a part of a wing
    assert "\nStart with `" in text
    said = " ".join(text.split("May import:")[1].split()).rstrip(".").split(", ")
    named = [name for name in said if name not in wings.GROUND]
    assert named == sorted(MAY_IMPORT[wing].split())


@pytest.mark.parametrize("module", [module for module in FOLDERS if module not in ("ris_tf", "ris_tf.configs")])
def test_a_wing_names_each_of_its_files(module):
    folder = wings.modules()[module].parent
    text = (folder / "__init__.py").read_text("utf-8")
    files = [file.stem for file in folder.glob("*.py") if file.stem != "__init__"]
    assert [name for name in files if f"`{name}`" not in text and f"`{name}." not in text] == []


def test_the_picture_is_of_todays_imports():
    assert wings.PICTURE.read_text("utf-8") == wings.svg(), "run python docs/wings.py"


def test_files_are_short_and_named_for_their_job():
    files = list(wings.modules().values())
    limits = {**dict.fromkeys(files, LIMIT), **dict.fromkeys((ROOT / "tests").rglob("*.py"), TEST_LIMIT)}
    lengths = {file: len(file.read_text("utf-8").splitlines()) for file in limits}
    assert len(files) > 100 and ROOT / "tests" / "test_house.py" in limits
    assert {str(file): lines for file, lines in lengths.items() if lines > limits[file]} == {}
    assert [str(file) for file in limits if file.stem in VAGUE | SHADOWING] == []


def test_every_folder_is_installed():
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert sorted(setup["options"]["packages"].split()) == FOLDERS


def test_tests_lie_where_what_they_test_lies():
    folders = {file.parent.relative_to(ROOT / "tests") for file in (ROOT / "tests").rglob("test_*.py")}
    inside = {folder.relative_to(ROOT / "ris_tf") for folder in (ROOT / "ris_tf").rglob("*/")}
    assert folders <= {*inside, *map(Path, (".", "export", "docs"))}
