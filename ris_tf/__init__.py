"""Recurrent Instance Segmentation: an image in; masks, scores and a count out."""

import importlib.util

from ris_tf.labels import Instances

__version__ = "0.1.0"
__all__ = ["RIS", "Instances", "__version__"]

if importlib.util.find_spec("tensorflow"):  # a device that only runs exported files has none
    from ris_tf.model import RIS
