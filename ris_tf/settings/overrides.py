"""Readable error messages for invalid `--config.FIELD=VALUE` flags.

The messages of absl and ml_collections are those of the underlying Python exceptions.
"""

import difflib
import runpy

from ml_collections import ConfigDict

_KINDS = {bool: "true or false", int: "a whole number", float: "a number"}  # anything can be text or a tuple


def problem(arguments, error):
    """Explains why the flags of a command line with --config could not be parsed.

    Args:
      arguments: list of str, the command line, which contains `--config=PATH` or `--config PATH`.
      error: the exception raised while parsing it.

    Returns:
      str, the message for the first field that does not exist or else for the field that `error` mentions; None if no
      such field is found.
    """
    config, overrides = None, []
    for argument, following in zip(arguments, [*arguments[1:], ""], strict=True):
        name, equals, value = argument.partition("=")
        if name in ("--config", "-config"):
            config = value if equals else following
        elif name.startswith("--config."):
            overrides.append((name.removeprefix("--config."), value if equals else following))
    if not config or not overrides:
        return None
    path, _, chosen = config.partition(":")
    fields = runpy.run_path(path)["get_config"](*([chosen] if chosen else []))
    unknown = filter(None, (_unknown(fields, name) for name, _ in overrides))
    return next(unknown, None) or _wrong_kind(fields, overrides, str(error))


def _unknown(fields, name):
    """Message about a field that does not exist; None if it exists."""
    names, last = _names(fields), name.rpartition(".")[2]
    if name in names:
        return None
    close = [known for known in names if known.endswith(f".{last}")] or difflib.get_close_matches(name, names, 1, 0.75)
    hint = f"did you mean {' or '.join(close)}?" if close else "configs/base.py lists all fields"
    return f"--config.{name}: no such field; {hint}"


def _names(fields, before=""):
    """Names of all fields and of the groups that contain them, such as "train.steps" and "train"."""
    names = []
    for name, value in fields.items():
        names.append(before + name)
        if isinstance(value, ConfigDict):
            names += _names(value, f"{before}{name}.")
    return names


def _wrong_kind(fields, overrides, said):
    for name, value in overrides:
        at = fields
        for part in name.split("."):
            at = at[part]
        if f"config.{name}" in said:
            group = isinstance(at, ConfigDict)
            kind = "one of its fields, not the group" if group else _KINDS.get(type(at), type(at).__name__)
            example = "" if group else f", such as {at}"
            return f"--config.{name}={value}: expected {kind}{example}"
    return None
