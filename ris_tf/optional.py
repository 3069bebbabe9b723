"""Imports libraries that only some users need, when they are first needed."""

import importlib

from ris_tf.errors import UsageError


def import_optional(module, user, package, install):
    """Imports an optional library.

    Args:
      module: name of the module.
      user: what needs it, the beginning of the message.
      package: name of the library in the message.
      install: what pip installs.

    Returns:
      the module.

    Raises:
      UsageError: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise UsageError(f"{user} needs {package}; pip install {install}") from error
