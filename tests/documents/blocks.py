"""Code in the pages: blocks, lines of shell, and code within the text."""

import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from ris_tf.command import config_names

ROOT = Path(__file__).resolve().parents[2]


class Block(NamedTuple):
    """A block of code: page and line where it begins, "python", "layout" or "shell", and its text."""

    page: str
    line: int
    kind: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def load_config_table():
    """docs/config_table.py as a module."""
    spec = importlib.util.spec_from_file_location("config_table", ROOT / "docs" / "config_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages():
    """{name: text}: the files, and the text at the head of each config as its section in configs.md has it."""
    files = [ROOT / "README.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").glob("*.md"))]
    found = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in files}
    config_of = load_config_table().config_of
    return found | {f"configs/{name}.py": config_of(name)[0] for name in config_names()}


def blocks_of(page, text):
    """Every block of code of a page, in order.

    Raises:
      ValueError: a block is of a kind that nothing here knows how to run.
    """
    found = []
    for token in MarkdownIt().parse(text):
        if token.type not in ("fence", "code_block"):
            continue
        lines, kind = token.content.splitlines(), token.info.strip()
        if not kind:
            kind = "layout" if all(line.lstrip().startswith("DIR/") for line in lines) else "shell"
        if kind not in ("python", "layout", "shell"):
            raise ValueError(f"{page}:{token.map[0] + 1}: a block of {kind!r}; expected python, a layout or shell")
        found.append(Block(page, token.map[0] + 1, kind, token.content))
    return found


def commands_of(block):
    """The commands of a block of shell, str, with their continued lines joined."""
    return [line.strip() for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]


def spans_of(text):
    """Code within the text of a page, without its line breaks, each once."""
    inline = (token for token in MarkdownIt().enable("table").parse(text) if token.type == "inline")
    found = (child.content for token in inline for child in token.children if child.type == "code_inline")
    return list(dict.fromkeys(re.sub(r"\s+", " ", content) for content in found))
