"""The documentation as a site: built strictly, complete, and of one piece."""

import re
import shutil
import subprocess
import sys
from html.parser import HTMLParser

import pytest
from documents.blocks import ROOT, load_config_table

from ris_tf.commands import command
from ris_tf.configs import base


def test_every_field_has_a_default_a_range_and_a_meaning():
    table = load_config_table()
    fields, said = table.flat(base.get_config()), table.comments((ROOT / "configs" / "base.py").read_text("utf-8"))
    assert [name for name in fields if not said.get(name)] == [], "say in configs/base.py what these are"
    rows = re.findall(r"^\| `(\w+)` \| `(.*?)` \| (.*?) \| (.+?) \|$", table.field_tables(), re.M)
    assert len(rows) == len(fields)
    assert ("steps", "20", "a whole number from 1 to 1000", "objects per look at most") in rows
    assert ("weight_decay", "0.0001", "a number from 0", "of AdamW") in rows


def test_comments_of_several_lines_are_joined():
    source = "config.a = 1  # one\nconfig.b = (\n    2,  # two\n    3,  # three\n)\nconfig.c = '# no'\n"
    assert load_config_table().comments(source) == {"a": "one", "b": "two; three", "c": ""}


def test_every_config_is_listed_with_what_it_changes():
    sections = load_config_table().config_sections()
    assert re.findall(r"^### (\w+)$", sections, re.M) == command.config_names()
    nuclei = sections[sections.index("### nuclei\n") : sections.index("### nuclei_paper\n")]
    assert "    ris-train --config=nuclei --data=DIR/nuclei\n" in nuclei
    assert "| `model.size` | `(128, 128)` |" in nuclei and "`model.form`" not in nuclei


class Page(HTMLParser):
    """Of a page: what it loads, the number of its formulas, the ids in it."""

    def __init__(self, text):
        super().__init__()
        self.loads, self.formulas, self.ids = [], 0, set()
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        given = dict(attributes)
        self.formulas += tag == "math"
        self.ids.add(given.get("id"))
        if tag in ("script", "img", "iframe") or (tag == "link" and given.get("rel") in ("stylesheet", "icon")):
            self.loads.append(given.get("src") or given.get("href"))


def built(folder, source=ROOT):
    """Runs mkdocs as `make docs` does: (exit status, what it said)."""
    how = [sys.executable, "-m", "mkdocs", "build", "--strict", f"--site-dir={folder}"]
    done = subprocess.run(how, cwd=source, capture_output=True, text=True, timeout=300)
    return done.returncode, done.stdout + done.stderr


def by_name(folder, suffix):
    """{"research/index": path}: files with the suffix in a folder and in those below it."""
    return {file.relative_to(folder).with_suffix("").as_posix(): file for file in folder.rglob(f"*.{suffix}")}


@pytest.mark.slow
def test_site_is_built_and_asks_no_other_host(tmp_path):
    code, said = built(tmp_path / "site")
    assert code == 0, said
    html = {name: file.read_text("utf-8") for name, file in by_name(tmp_path / "site", "html").items()}
    assert set(html) == {"404", *by_name(ROOT / "docs", "md")}
    pages = {name: Page(text) for name, text in html.items()}
    for name, page in pages.items():
        assert not [link for link in page.loads if link and re.match(r"(https?:)?//", link)], name
    method = (ROOT / "docs" / "method.md").read_text("utf-8")
    assert pages["method"].formulas == len(re.findall(r"\$\$.+?\$\$|\$.+?\$", method, re.S))
    assert "<!-- fields -->" not in html["configs"] and "cells of stride 4" in html["configs"]
    modules = re.findall(r"^::: (ris_tf\.\S+)$", (ROOT / "docs" / "reference.md").read_text("utf-8"), re.M)
    documented = {*modules, "ris_tf.model.RIS.predict_instances", "ris_tf.instances.labels.Instances"}
    assert documented <= pages["reference"].ids


@pytest.mark.slow
def test_broken_link_ends_the_build(tmp_path):
    for name in ("mkdocs.yml", "docs"):
        (shutil.copytree if name == "docs" else shutil.copy)(ROOT / name, tmp_path / name)
    settings = (tmp_path / "mkdocs.yml").read_text("utf-8")  # the pages' links alone, for the sake of time
    settings = re.sub(r"^hooks:.*\n", "", settings, flags=re.M)
    settings = re.sub(r"^  - mkdocstrings:\n(?:    .*\n)+", "", settings, flags=re.M)
    (tmp_path / "mkdocs.yml").write_text(settings)
    assert built(tmp_path / "site", tmp_path)[0] == 0
    for wrong in ("[there](nowhere.md)", "[there](data.md#nowhere)"):
        page = tmp_path / "docs" / "limits.md"
        text = page.read_text("utf-8")
        page.write_text(f"{text}\n{wrong}\n")
        code, said = built(tmp_path / "site", tmp_path)
        page.write_text(text)
        assert code != 0 and "nowhere" in said
