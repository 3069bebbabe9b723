"""Imports libraries that only some users need, when they are first needed, and says what to install for them."""

import importlib

from ris_tf.errors import UsageError

_PACKAGES = {"skimage": "scikit-image", "yaml": "pyyaml"}  # what pip calls a module of another name
_WHOLE = ("tensorflow", "keras", "h5py", "ml_collections")  # what trains and runs Keras models belongs to ris-tf


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


def advice(error):
    """Says what to install after a ModuleNotFoundError: one line."""
    name = error.name.partition(".")[0]
    if name in _WHOLE:
        return f"needs {name}, which ris-tf-runtime leaves out; install ris-tf instead of it"
    package = _PACKAGES.get(name, name)
    return f"needs {package}, which is not installed; pip install {package}"
