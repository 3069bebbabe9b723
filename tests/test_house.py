"""The order of the modules and the size of the files, read from the sources without importing them."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
LIMIT = 350  # lines of one file
VAGUE = {"utils", "misc", "helpers", "common"}  # names that say no job
SHADOWING = {"io", "onnx"}  # run as a script, such a file hides the library of its name

# From the ground up: a file imports only from floors below its own.
# Files of one folder (data, export, configs) stand on one floor and may import each other.
FLOORS = [
    {"configs"},
    {"errors"},
    {"archive", "disk", "lock", "order", "overrides", "ranges", "termination"},
    {"figures", "files", "focus", "labels", "quiet", "places", "matching", "recompute", "resampling", "settings"}
    | {"tally", "workers"},
    {"consensus", "foreground", "overlaps", "precision", "pretrained", "ranking"},
    {"command", "crf", "curriculum", "data", "dynamic_mask", "encoders", "fcn8s", "layers", "losses", "metrics"}
    | {"tiling", "visualize"},
    {"mobilenet"},
    {"bootstrap", "inference", "inspection", "mistakes", "monitor", "objective", "outputs", "page", "plots", "presets"}
    | {"kept", "label_files", "recurrence", "scroll"},
    {"bands", "batch_rows", "comparison", "runtime", "tune"},
    {"batch_pipeline", "large", "model", "pictures"},
    {"storage"},
    {"checkpoints", "report"},
    {"ris_tf"},  # ris_tf/__init__.py, what users import: for the commands, not for what it is made of
    {"batch", "data_command", "dequantize", "evaluate", "predict"},
    {"train"},
    {"demo"},
    {"export"},
]
FOLDERS = {"data", "export", "configs"}
HEIGHT = {name: height for height, floor in enumerate(FLOORS) for name in floor}


def sources(*folders):
    """Python files directly in the folders, relative to the root."""
    return sorted(file.relative_to(ROOT) for folder in folders for file in (ROOT / folder).glob("*.py"))


def room(file):
    """Where a file stands: its own name, or its folder's for those in FOLDERS and for ris_tf/__init__.py."""
    folder = file.parent.name
    return folder if folder in FOLDERS or file.stem == "__init__" else file.stem


def imported_rooms(source):
    """Rooms of this package that a source imports anywhere, inside functions too."""
    rooms = set()
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"line {node.lineno}: import with the full name, from ris_tf..."
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        for name in names:
            parts = name.split(".")
            if parts[0] in ("configs", "export"):
                raise AssertionError(f"line {node.lineno}: import ris_tf.{name}; {parts[0]} is no top-level package")
            if parts[0] == "ris_tf":
                inside = len(parts) > 1 and (parts[1] in HEIGHT or (ROOT / "ris_tf" / f"{parts[1]}.py").exists())
                rooms.add(parts[1] if inside else "ris_tf")
    return rooms


def violations(here, source):
    """Rooms that a source standing in room `here` must not import."""
    wrong = set()
    for there in imported_rooms(source):
        same_folder = there == here and here in FOLDERS
        below = there in HEIGHT and here in HEIGHT and HEIGHT[there] < HEIGHT[here]
        if not same_folder and (not below or (there == "configs" and here != "settings")):
            wrong.add(there)
    return wrong


@pytest.mark.parametrize("file", sources("ris_tf", "ris_tf/data", "configs", "export"), ids=str)
def test_imports_point_down(file):
    here = room(file)
    assert here in HEIGHT, f"{file} stands on no floor; add {here!r} to FLOORS in {Path(__file__).name}"
    wrong = violations(here, (ROOT / file).read_text("utf-8"))
    assert not wrong, f"{file} imports {sorted(wrong)}, which stand on no lower floor (FLOORS in {Path(__file__).name})"


@pytest.mark.parametrize(
    ("here", "source", "wrong"),
    [
        ("train", "from ris_tf import metrics\nfrom ris_tf.data.readers import Pair", set()),
        ("data", "from ris_tf.data import readers\nimport numpy.ma", set()),
        ("configs", "from ris_tf.configs import base", set()),
        ("export", "import ris_tf.model", set()),
        ("model", "from ris_tf.train import main", {"train"}),
        ("model", "def late():\n    import ris_tf.export.check", {"export"}),
        ("losses", "from ris_tf import metrics", {"metrics"}),
        ("configs", "from ris_tf import errors", {"errors"}),
        ("train", "from ris_tf.configs import base", {"configs"}),
        ("demo", "from ris_tf import RIS", set()),
        ("model", "from ris_tf import RIS", {"ris_tf"}),
        ("ris_tf", "import ris_tf.export", {"export"}),
    ],
)
def test_an_import_upwards_is_seen(here, source, wrong):
    assert violations(here, source) == wrong


@pytest.mark.parametrize("source", ["from . import metrics", "import configs.base", "from export import check"])
def test_only_full_names_are_imported(source):
    with pytest.raises(AssertionError, match="line 1"):
        imported_rooms(source)


def test_files_are_short_and_named_for_their_job():
    files = sources("ris_tf", "ris_tf/data", "configs", "export", "tests")
    assert Path("tests/test_house.py") in files
    lengths = {str(file): len((ROOT / file).read_text("utf-8").splitlines()) for file in files}
    assert {file: lines for file, lines in lengths.items() if lines > LIMIT} == {}
    assert [str(file) for file in files if file.stem in VAGUE | SHADOWING] == []
