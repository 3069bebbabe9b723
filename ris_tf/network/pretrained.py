"""Loads trained keras.applications classifiers, by download or from a file that is checked before Keras reads it."""

import json
from pathlib import Path

import h5py
import keras

from ris_tf.errors import DataError, UsageError
from ris_tf.files import archive

_LAYERS = ["Dense", "Dropout", "Flatten", "Functional", "InputLayer", "Sequential"]
_CONVOLUTIONS = ["Add", "BatchNormalization", "Conv2D", "DepthwiseConv2D", "GlobalAveragePooling2D", "MaxPooling2D"]
_CONVOLUTIONS += ["ReLU", "ZeroPadding2D"]
_INITIALIZERS = ["GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Ones", "RandomNormal", "RandomUniform"]
_INITIALIZERS += ["Zeros"]
_KNOWN = {  # classes that a file may contain
    None: ["__keras_tensor__", *_LAYERS, *_CONVOLUTIONS, *_INITIALIZERS],  # older Keras names no module
    "keras": ["DTypePolicy", "Functional", "Sequential"],
    "keras.initializers": _INITIALIZERS,
    "keras.layers": [*_LAYERS, *_CONVOLUTIONS],
    "keras.src.models.functional": ["Functional"],
}


def classifier(weights, field, make, expected, url):
    """Opens a trained classifier.

    Args:
      weights: "imagenet" downloads Keras' weights if they are not yet in ~/.keras. Otherwise the path of a .h5 or
        .keras file.
      field: name of the config field that holds `weights`, for error messages.
      make: function of "imagenet", or of the path of a .h5 file that holds only weights. It returns a keras.Model with
        these weights.
      expected: what the file should hold, for error messages.
      url: address of a file that can be downloaded by other means, for error messages.

    Returns:
      keras.Model. No code from the file is run, see `archive`.

    Raises:
      UsageError: the download failed, or the file does not exist.
      DataError: the file holds no model, or a model with unknown layers.
    """
    if weights == "imagenet":
        try:
            return make(weights)
        except Exception as error:  # Keras raises a plain Exception
            said = " ".join(str(error).split())[:120]
            raise UsageError(
                f"{field} is 'imagenet' but the download failed ({said}); give a file, for example from {url}"
            ) from error
    path = Path(weights)
    if not path.is_file():
        raise UsageError(f"{field} is {str(weights)!r}; expected 'random', 'imagenet' or a file of {expected}")
    try:
        if path.suffix == ".keras":
            archive.check(path, _KNOWN)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        archive.check_weights(path, path)
        with h5py.File(path) as file:
            config = json.loads(file.attrs.get("model_config", "null"))
        if config:
            archive.check_classes(path, config, _KNOWN)
            return keras.saving.load_model(path, compile=False, safe_mode=True)
        return make(str(path))
    except DataError:
        raise
    except Exception as error:  # a broken file can raise nearly any exception
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: is not a .h5 or .keras file of {expected} ({said})") from error
