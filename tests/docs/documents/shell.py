"""Checks commands of the documentation that cannot be run in a test, such as pip, docker or make.

Each check takes the words of a command and raises AssertionError if something that it names does not exist.
"""

import ast
import configparser
import importlib.util
import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[3]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXPORTED = ("exported/saved_model", "exported/triton", "exported/web")  # written by the pages' ris-export commands


def entry_points():
    """Console scripts of setup.cfg, {"ris-train": "ris_tf.commands.train:main", ...}."""
    lines = SETUP["options.entry_points"]["console_scripts"].split("\n")
    return dict(map(str.strip, line.split("=")) for line in lines if line)


def script_flags(path):
    """Names of the flags that a script defines with absl or argparse, set of str."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.args:
            first = getattr(node.args[0], "value", None)
            if node.func.attr.startswith("DEFINE_"):
                found.add(first)
            elif node.func.attr == "add_argument" and str(first).startswith("--"):
                found.add(first[2:])
    return found


def python(words):
    """python SCRIPT or python -m MODULE: the script exists and defines the flags."""
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]), f"no module {words[2]}"
        origin, rest = Path(importlib.util.find_spec(words[2]).origin), words[3:]
    else:
        origin, rest = ROOT / words[1], words[2:]
    known = script_flags(origin)
    given = {word[2:].split("=")[0] for word in rest if word.startswith("--")}
    assert given <= known, f"{origin.name} has no flags {sorted(given - known)}"


def make(words):
    """Every target exists in the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert set(words[1:]) <= set(targets) and words[1:], f"the Makefile has no targets {words[1:]}"


def pip(words):
    """pip install of this package, with extras that exist, or of a requirement in setup.cfg."""
    assert words[1] == "install"
    known = set(re.findall(r"^\s*(?:\w+ = )?([\w-]+)(?:\[\w+\])?>=", (ROOT / "setup.cfg").read_text("utf-8"), re.M))
    for word in (word for word in words[2:] if not word.startswith("-")):
        name, _, extra = word.rstrip("]").partition("[")
        assert name in {".", "ris-tf"} | known, f"{name} is not a requirement in setup.cfg"
        assert not extra or extra in SETUP["options.extras_require"], f"no extra {extra}"


def npm(words):
    """npm install of a dependency in package.json, with the same major version."""
    known = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    for word in words[2:]:
        name, version = word.rsplit("@", 1)
        assert known[name].lstrip("^").split(".")[0] == version, f"{word}: package.json has version {known[name]}"


def docker(words):
    """Every mounted folder or file is written by ris-export or exists in the repository."""
    mounted = [word.split(":")[0] for flag, word in zip(words, words[1:], strict=False) if flag == "-v"]
    for path in (path.removeprefix("$PWD/") for path in mounted):
        assert path in EXPORTED or (ROOT / path).exists(), f"{path} does not exist and is not exported"


def curl(words):
    """The request is JSON and names an exported signature; it comes from stdin, as arguments are limited to 128 KB."""
    assert words[words.index("-d") + 1] == "@-" and words[-2] == "<<<"
    request = json.loads(words[-1])
    assert f'"{request["signature_name"]}": ' in (ROOT / "export" / "endpoints.py").read_text("utf-8")


def paths(words):
    """Every exported path in the command is written by ris-export."""
    named = [word.split("=")[-1] for word in words if "exported/" in word]
    assert named and set(named) <= set(EXPORTED), f"not exported: {named}"


# Beginnings of commands that a test cannot run, because they install something, take hours, or need a server. All other
# commands are run.
CHECKED = {
    "make": make,
    "pip": pip,
    "npm": npm,
    "docker": docker,
    "curl": curl,
    "tritonserver": paths,
    "python3 -m http.server": paths,
    "python -m ris_tf.": python,
    "python benchmarks/": python,
    "python export/serving/": python,
}


def check_of(line):
    """The check for a command line, or None if the command is to be run."""
    return next((check for start, check in CHECKED.items() if line.startswith(start)), None)


def words_of(line):
    """The words of a command line, list of str, without comments."""
    return shlex.split(line, comments=True)
