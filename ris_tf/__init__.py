"""Recurrent Instance Segmentation: an image in; masks, scores and a count out.

`RIS` (in `model`) is the Keras model, `Instances` what it finds. `storage` loads and saves trained models, `presets`
has those that ship with the package, `runtime` runs exported files without TensorFlow. `demo` and `dequantize` are
programs, run with `python -m`. The folders are described in their `__init__.py`; docs/where.md shows them in a picture.
"""

import contextlib
import importlib.metadata
import importlib.util
import os
import sys

from ris_tf.instances.labels import Instances
from ris_tf.quiet import quiet

__version__ = "0.1.0"
__all__ = ["RIS", "Instances", "__version__"]


@contextlib.contextmanager
def _tensorflow_in_keras():
    """Context manager in which Keras starts with TensorFlow, whatever KERAS_BACKEND and ~/.keras/keras.json say.

    Raises:
      ImportError: Keras was imported before, with another backend.
    """
    before = os.environ.get("KERAS_BACKEND")
    backend = sys.modules["keras"].config.backend() if "keras" in sys.modules else "tensorflow"
    if backend != "tensorflow":
        raise ImportError(
            f"ris_tf needs Keras with TensorFlow, but Keras was imported with {backend!r} before; import ris_tf first, "
            "or set KERAS_BACKEND=tensorflow"
        )
    os.environ["KERAS_BACKEND"] = "tensorflow"
    try:
        yield
    finally:  # programs that this one starts see what the user has set
        if before is None:
            del os.environ["KERAS_BACKEND"]
        else:
            os.environ["KERAS_BACKEND"] = before


# Imported at once, so that Keras knows our classes and `keras.saving.load_model` needs nothing more than `import
# ris_tf`; but a device that only runs exported files has no TensorFlow, and where it is an older one, with Keras 2,
# `ris_tf.runtime` still runs.
if importlib.util.find_spec("tensorflow") and int(importlib.metadata.version("keras").split(".")[0]) >= 3:
    with quiet(), _tensorflow_in_keras():
        from ris_tf.model import RIS
