"""Commands of the pages that are not the project's own: what can be told of a line without running it.

Each check raises AssertionError unless what the line names exists.
"""

import ast
import configparser
import importlib.util
import json
import re
import shlex
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SETUP = configparser.ConfigParser()
SETUP.read(ROOT / "setup.cfg")
EXPORTED = ("exported/saved_model", "exported/triton", "exported/web")  # written by ris-export lines


def entry_points():
    """{"ris-train": "ris_tf.train:main", ...} of setup.cfg."""
    lines = SETUP["options.entry_points"]["console_scripts"].split("\n")
    return dict(map(str.strip, line.split("=")) for line in lines if line)


def script_flags(path):
    """Names of the flags that a script defines by absl or argparse."""
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
    """python SCRIPT or python -m MODULE: it exists, and knows the flags."""
    if words[1] == "-m":
        assert importlib.util.find_spec(words[2]), f"no module {words[2]}"
        origin, rest = Path(importlib.util.find_spec(words[2]).origin), words[3:]
    else:
        origin, rest = ROOT / words[1], words[2:]
    known = script_flags(origin)
    given = {word[2:].split("=")[0] for word in rest if word.startswith("--")}
    assert given <= known, f"{origin.name} knows no {sorted(given - known)}"


def make(words):
    """Every target is one of the Makefile."""
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text("utf-8"), re.M)
    assert set(words[1:]) <= set(targets) and words[1:], f"the Makefile makes no {words[1:]}"


def pip(words):
    """pip install of this package with an extra that there is, or of what setup.cfg asks for."""
    assert words[1] == "install"
    known = set(re.findall(r"^\s*(?:\w+ = )?([\w-]+)(?:\[\w+\])?>=", (ROOT / "setup.cfg").read_text("utf-8"), re.M))
    for word in (word for word in words[2:] if not word.startswith("-")):
        name, _, extra = word.rstrip("]").partition("[")
        assert name in {".", "ris-tf"} | known, f"setup.cfg does not ask for {name}"
        assert not extra or extra in SETUP["options.extras_require"], f"no extra {extra}"


def npm(words):
    """npm install of what package.json asks for, in the same major version."""
    known = json.loads((ROOT / "package.json").read_text("utf-8"))["dependencies"]
    for word in words[2:]:
        name, version = word.rsplit("@", 1)
        assert known[name].lstrip("^").split(".")[0] == version, f"package.json asks for {name} {known[name]}"


def docker(words):
    """Every folder or file mounted is written by ris-export or lies in the repository."""
    mounted = [word.split(":")[0] for flag, word in zip(words, words[1:], strict=False) if flag == "-v"]
    for path in (path.removeprefix("$PWD/") for path in mounted):
        assert path in EXPORTED or (ROOT / path).exists(), f"{path} is neither there nor exported"


def curl(words):
    """The request is JSON, on stdin since no argument may have 128 KB, and asks for a signature that is exported."""
    assert words[words.index("-d") + 1] == "@-" and words[-2] == "<<<"
    request = json.loads(words[-1])
    assert f'"{request["signature_name"]}": ' in (ROOT / "export" / "endpoints.py").read_text("utf-8")


def paths(words):
    """Whatever is named by a flag is written by ris-export."""
    named = [word.split("=")[-1] for word in words if "exported/" in word]
    assert named and set(named) <= set(EXPORTED), f"{named} is not exported"


# Lines that a test cannot run: they install, take hours, or need a server. All others are run.
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
    """The check of a line, or None where it is to be run."""
    return next((check for start, check in CHECKED.items() if line.startswith(start)), None)


def words_of(line):
    return shlex.split(line, comments=True)
