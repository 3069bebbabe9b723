"""Registers the model with Keras as soon as a program imports Keras, and starts Keras with TensorFlow, quietly.

TensorFlow takes seconds to import. A program that only runs exported files or shipped presets does not need it, but
after `import ris_tf` alone `keras.saving.load_model` has to know our classes. Therefore the import of Keras is watched.
"""

import contextlib
import importlib.abc
import importlib.metadata
import importlib.util
import os
import sys

from ris_tf.quiet import quiet


def watch():
    """Registers the model now if Keras is imported already, or else when it will be.

    Nothing happens where TensorFlow is missing or Keras is older than version 3, as on a device that only runs exported
    files.

    Raises:
      ImportError: Keras was imported before, with another backend than TensorFlow.
    """
    if not importlib.util.find_spec("tensorflow") or int(importlib.metadata.version("keras").split(".")[0]) < 3:
        return
    if "keras" not in sys.modules:
        sys.meta_path.insert(0, _Watch())
        return
    backend = sys.modules["keras"].config.backend()
    if backend != "tensorflow":
        raise ImportError(
            f"ris_tf needs Keras with TensorFlow, but Keras was imported with {backend!r} before; import ris_tf first, "
            "or set KERAS_BACKEND=tensorflow"
        )
    _register()


def _register():
    import ris_tf.model  # noqa: F401 - the import registers the classes


@contextlib.contextmanager
def _tensorflow_in_keras():
    """Context manager in which Keras starts with TensorFlow, whatever KERAS_BACKEND and ~/.keras/keras.json say."""
    before = os.environ.get("KERAS_BACKEND")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        yield
    finally:  # programs that this one starts see what the user has set
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before


class _Watch(importlib.abc.MetaPathFinder):
    """Finds TensorFlow and Keras as Python would, but with a loader of ours around their own."""

    def find_spec(self, name, path, target=None):
        if name not in ("tensorflow", "keras"):
            return None
        finders = (finder for finder in sys.meta_path if finder is not self)
        spec = next(filter(None, (finder.find_spec(name, path, target) for finder in finders)), None)
        if spec is not None:
            spec.loader = _Loader(spec.loader)
        return spec


class _Loader(importlib.abc.Loader):
    """Loads TensorFlow or Keras without its start-up messages, and registers the model with Keras."""

    def __init__(self, loader):
        self._loader = loader

    def create_module(self, spec):
        return self._loader.create_module(spec)

    def exec_module(self, module):
        module.__spec__.loader = module.__loader__ = self._loader  # it can do more, such as finding resources
        with quiet(), _tensorflow_in_keras():
            self._loader.exec_module(module)
            if module.__name__ == "keras":
                _register()
