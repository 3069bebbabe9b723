"""Recurrent Instance Segmentation: an image in; masks, scores and a count out."""

import importlib.util

from ris_tf.labels import Instances
from ris_tf.quiet import quiet

__version__ = "0.1.0"
__all__ = ["RIS", "Instances", "__version__"]

# Imported at once, so that Keras knows our classes and `keras.saving.load_model` needs nothing more than `import
# ris_tf`; but a device that only runs exported files has no TensorFlow.
if importlib.util.find_spec("tensorflow"):
    with quiet():
        from ris_tf.model import RIS
