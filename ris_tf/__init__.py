"""Recurrent Instance Segmentation: an image in; masks, scores and a count out.

`RIS` (in `model`) is the Keras model, `Instances` what it finds. `storage` loads and saves trained models, `presets`
has those that ship with the package, `runtime` runs exported files without TensorFlow. `demo` and `dequantize` are
programs, run with `python -m`. `keras_import` lets Keras know `RIS`. The folders are described in their `__init__.py`;
docs/where.md shows them in a picture.
"""

from ris_tf import keras_import
from ris_tf.instances.labels import Instances

__version__ = "0.1.0"
__all__ = ["RIS", "Instances", "__version__"]


def __getattr__(name):
    if name == "RIS":  # imported when it is first used, because it needs TensorFlow, which takes seconds
        from ris_tf.model import RIS

        return RIS
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


keras_import.watch()
