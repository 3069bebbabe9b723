"""napari finds the plugin: the manifest is valid, installed, and names what exists; nothing else imports napari."""

import ast
import configparser
from pathlib import Path

import pytest
import yaml
from conftest import ROOT

FOLDER = ROOT / "ris_tf" / "napari_plugin"


def test_the_manifest_names_what_exists():
    manifest = yaml.safe_load((FOLDER / "napari.yaml").read_text())
    (command,), (widget,) = (manifest["contributions"][name] for name in ("commands", "widgets"))
    module, name = command["python_name"].split(":")
    tree = ast.parse((ROOT / Path(*module.split("."))).with_suffix(".py").read_text())
    assert name in [node.name for node in tree.body if isinstance(node, ast.ClassDef)]
    assert widget["command"] == command["id"]
    setup = configparser.ConfigParser()
    setup.read(ROOT / "setup.cfg")
    assert manifest["name"] == setup["metadata"]["name"]
    assert setup["options.entry_points"]["napari.manifest"].split() == [
        "ris-tf",
        "=",
        "ris_tf.napari_plugin:napari.yaml",
    ]
    assert setup["options.package_data"]["ris_tf.napari_plugin"].split() == ["napari.yaml"]


def test_npe2_accepts_the_manifest():
    npe2 = pytest.importorskip("npe2", reason="npe2 is not installed; pip install '.[napari]'")
    assert npe2.PluginManifest.from_file(FOLDER / "napari.yaml").name == "ris-tf"


def test_only_the_plugin_needs_napari_and_qt():
    needing = set()
    for file in (ROOT / "ris_tf").rglob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            names += [node.module] if isinstance(node, ast.ImportFrom) else []
            needing |= {file for name in names if name.split(".")[0] in ("napari", "qtpy", "magicgui")}
    assert needing and {file.parent for file in needing} == {FOLDER}
