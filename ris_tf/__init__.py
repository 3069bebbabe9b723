"""Recurrent Instance Segmentation: an image in; masks, scores and a count out."""

import importlib.metadata
import importlib.util

from ris_tf.labels import Instances
from ris_tf.quiet import quiet

__version__ = "0.1.0"
__all__ = ["RIS", "Instances", "__version__"]

# Imported at once, so that Keras knows our classes and `keras.saving.load_model` needs nothing more than `import
# ris_tf`; but a device that only runs exported files has no TensorFlow, and where it is an older one, with Keras 2,
# `ris_tf.runtime` still runs.
if importlib.util.find_spec("tensorflow") and int(importlib.metadata.version("keras").split(".")[0]) >= 3:
    with quiet():
        from ris_tf.model import RIS
