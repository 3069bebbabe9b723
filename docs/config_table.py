"""MkDocs hook that generates the tables of configs.md from configs/ when the site is built; see mkdocs.yml."""

import ast
import importlib
import io
import re
import tokenize

import ml_collections

from ris_tf.commands import command
from ris_tf.settings import ranges

FIELDS, CONFIGS = "<!-- fields -->", "<!-- configs -->"


def comments(source):
    """Collects the comment behind each field.

    Args:
      source: text of configs/base.py.

    Returns:
      {"model.steps": comment, ...}, str. If a field has several lines, their comments are joined.
    """
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    said = {token.start[0]: token.string.lstrip("# ") for token in tokens if token.type == tokenize.COMMENT}
    found = {}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]).startswith("config."):
            lines = [said[line] for line in range(node.lineno, node.end_lineno + 1) if line in said]
            found[ast.unparse(node.targets[0]).removeprefix("config.")] = "; ".join(lines)
    return found


def flat(config, above=""):
    """Flattens a ConfigDict to {"model.steps": value, ...}."""
    found = {}
    for name, value in config.items(preserve_field_references=False):
        inside = isinstance(value, ml_collections.ConfigDict)
        found.update(flat(value, f"{above}{name}.") if inside else {f"{above}{name}": value})
    return found


def config_of(name):
    """Docstring and fields of a named config.

    Returns:
      (docstring as Markdown, with its commands as code blocks; fields, see `flat`).
    """
    module = importlib.import_module(f"ris_tf.configs.{name}")
    return re.sub(r"^ *(?=ris-)", "    ", module.__doc__.strip(), flags=re.M), flat(module.get_config())


def field_tables():
    """Markdown with a table for each group of fields: field, value in configs/base.py, allowed values, meaning."""
    base, groups = config_of("base")[1], {}
    for name, said in comments((command.CONFIGS / "base.py").read_text("utf-8")).items():
        if name not in base:
            continue  # a group of fields
        group, _, rest = name.rpartition(".")
        may_be = ranges.ALL[name][1] if name in ranges.ALL else ""
        # Limits such as 1e9 are left out, because they mean "no limit".
        may_be = re.sub(r"one of \((.*)\)| (up )?to (1e\+09|1000000000)\b", r"\1", may_be).replace("'", "")
        row = f"| `{rest}` | {_code(base[name])} | {may_be} | {said} |"
        groups.setdefault(group or "the run", []).append(row)
    head = "| field | base | allowed values | meaning |\n|---|---|---|---|\n"
    return "\n\n".join(f"### {group}\n\n{head}" + "\n".join(rows) for group, rows in groups.items())


def config_sections():
    """Markdown with a section for each named config: its docstring, and the fields in which it differs from base."""
    base, sections = config_of("base")[1], []
    for name in command.config_names():
        text, fields = config_of(name)
        rows = [f"    | `{field}` | {_code(value)} |" for field, value in fields.items() if value != base[field]]
        changed = f'??? note "differs from base in {len(rows)} fields"\n\n    | field | value |\n    |---|---|\n'
        sections.append(f"### {name}\n\n{text}\n\n{changed}" + "\n".join(rows))
    return "\n\n".join(sections)


def _code(value):
    """A value as inline code."""
    if isinstance(value, tuple) and value and all(isinstance(one, str) for one in value):
        value = ", ".join(value)
    text = value if isinstance(value, str) and value else f"{value:g}" if isinstance(value, float) else repr(value)
    return f"`{text}`"


def on_page_markdown(markdown, **_):
    """MkDocs event, called for every page: replaces the marks FIELDS and CONFIGS by the tables."""
    for mark, make in ((FIELDS, field_tables), (CONFIGS, config_sections)):
        if mark in markdown:
            markdown = markdown.replace(mark, make())
    return markdown
