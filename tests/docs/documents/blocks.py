"""Extracts code from the documentation pages: code blocks, shell commands, and inline code."""

import importlib.util
import re
from pathlib import Path
from typing import NamedTuple

from markdown_it import MarkdownIt

from ris_tf.commands.command import config_names

ROOT = Path(__file__).resolve().parents[3]
OTHERS = "javascript", "kotlin", "swift"  # languages of which only the names are checked here
PROSE = "README.md", "SECURITY.md", "CONTRIBUTING.md"


class Block(NamedTuple):
    """A code block of a page.

    Attributes:
      page: name of the page.
      line: line in which it begins, from 1.
      kind: "python", "layout" (of a data set), "shell", or one of OTHERS.
      text: its code.
    """

    page: str
    line: int
    kind: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


def load_config_table():
    """Imports docs/config_table.py; returns the module."""
    spec = importlib.util.spec_from_file_location("config_table", ROOT / "docs" / "config_table.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pages():
    """All pages, {name: text}: the Markdown files, and the docstring of each config as it appears in configs.md."""
    files = [ROOT / name for name in PROSE if (ROOT / name).exists()] + sorted((ROOT / "docs").rglob("*.md"))
    found = {str(file.relative_to(ROOT)): file.read_text("utf-8") for file in files}
    config_of = load_config_table().config_of
    return found | {f"configs/{name}.py": config_of(name)[0] for name in config_names()}


def blocks_of(page, text):
    """All code blocks of a page, in order.

    Args:
      page: name of the page, for messages.
      text: its Markdown.

    Returns:
      list of Block.

    Raises:
      ValueError: a block is of an unknown kind.
    """
    found = []
    for token in MarkdownIt().parse(text):
        if token.type not in ("fence", "code_block"):
            continue
        lines, kind = token.content.splitlines(), token.info.strip()
        if not kind:
            kind = "layout" if all(line.lstrip().startswith("DIR/") for line in lines) else "shell"
        if kind not in ("python", "layout", "shell", *OTHERS):
            expected = f"python, a layout, shell, {', '.join(OTHERS)}"
            raise ValueError(f"{page}:{token.map[0] + 1}: a block of {kind!r}; expected {expected}")
        found.append(Block(page, token.map[0] + 1, kind, token.content))
    return found


def commands_of(block):
    """The commands of a shell block, list of str; continued lines are joined."""
    return [line.strip() for line in block.text.replace("\\\n", " ").splitlines() if line.strip()]


def spans_of(text):
    """Inline code of a page, list of str without line breaks and without duplicates."""
    inline = (token for token in MarkdownIt().enable("table").parse(text) if token.type == "inline")
    found = (child.content for token in inline for child in token.children if child.type == "code_inline")
    return list(dict.fromkeys(re.sub(r"\s+", " ", content) for content in found))
