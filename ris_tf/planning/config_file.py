"""Writes decisions as an ordinary config file, which can be edited and given to --config, and reads it."""

import importlib.util
import re
import shlex
import textwrap

from ris_tf import configs
from ris_tf.errors import DataError
from ris_tf.files.writing import write_text

_TEXT = '''"""Made by ris-train for the data and the time given."""

# To change it, edit it and train again in another work folder:
# ris-train {command} --workdir=NEW

from ris_tf.configs import base

INIT = {init!r}  # the weights from which training starts


def get_config():
    config = base.get_config()
    config.name = {name!r}
{lines}
    return config
'''
_WIDTH = 120


def name_of(data):
    """A name for the config of a data set, by the last part of its path or name."""
    words = re.sub(r"[^A-Za-z0-9_.-]+", "_", str(data).rstrip("/").replace(":", "/").split("/")[-1]).strip("_.-")
    return (words if words[:1].isalnum() else f"data_{words}".rstrip("_"))[:100]


def write(path, data, init, decisions):
    """Writes a config file.

    Args:
      path: Path.
      data: value of --data.
      init: preset from which training starts.
      decisions: list of `rules.Decision`.
    """
    lines = "\n".join(_line(decision) for decision in decisions)
    command = shlex.join([f"--config={path}", f"--data={data}", f"--init={init}"]).replace("\n", " ")
    write_text(path, _TEXT.format(command=command, init=init, name=name_of(data), lines=lines))


def _line(decision):
    """The lines of a decision; the reason stands behind the value if there is room, otherwise above it."""
    code = f"    config.{decision.field} = {decision.value!r}".replace("'", '"')
    one = f"{code}  # {decision.reason}"
    return one if len(one) <= _WIDTH else f"    # {textwrap.shorten(decision.reason, _WIDTH - 6)}\n{code}"


def read(path):
    """Runs a config file that `write` wrote and the user may have edited.

    Args:
      path: Path.

    Returns:
      config: ConfigDict.
      init: preset or model from which training starts; None for new weights.

    Raises:
      DataError: the file is no config.
    """
    spec = importlib.util.spec_from_file_location(f"{configs.__name__}.planned", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        config = module.get_config()
        config.lock()
    except Exception as error:  # a config file is a program and may raise anything
        message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
        raise DataError(f"{path}: {message}; mend it, or delete it to have it written again") from error
    return config, getattr(module, "INIT", None)
