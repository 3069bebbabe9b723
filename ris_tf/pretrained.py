"""Trained classifiers of keras.applications, downloaded or from a file, checked before Keras reads them."""

import json
from pathlib import Path

import h5py
import keras

from ris_tf import archive
from ris_tf.errors import DataError, UsageError

_LAYERS = ["Dense", "Dropout", "Flatten", "Functional", "InputLayer", "Sequential"]
_CONVOLUTIONS = ["Add", "BatchNormalization", "Conv2D", "DepthwiseConv2D", "GlobalAveragePooling2D", "MaxPooling2D"]
_CONVOLUTIONS += ["ReLU", "ZeroPadding2D"]
_INITIALIZERS = ["GlorotNormal", "GlorotUniform", "HeNormal", "HeUniform", "Ones", "RandomNormal", "RandomUniform"]
_INITIALIZERS += ["Zeros"]
_KNOWN = {  # classes that a file of weights may name
    None: ["__keras_tensor__", *_LAYERS, *_CONVOLUTIONS, *_INITIALIZERS],  # and all of older Keras
    "keras": ["DTypePolicy", "Functional", "Sequential"],
    "keras.initializers": _INITIALIZERS,
    "keras.layers": [*_LAYERS, *_CONVOLUTIONS],
    "keras.src.models.functional": ["Functional"],
}


def classifier(weights, field, make, expected, url):
    """Opens a trained classifier.

    Args:
      weights: "imagenet" downloads Keras' own if it is not yet in ~/.keras; otherwise a .h5 or .keras file.
      field: of the config that holds `weights`, for the messages.
      make: function of "imagenet" or the path of a .h5 file of weights alone -> keras.Model with these weights.
      expected: what the file should hold, for the messages.
      url: of a file to download by other means, for the message.

    Returns:
      keras.Model. Nothing that the file holds is run, see `archive`.

    Raises:
      UsageError: the download failed, or there is no such file.
      DataError: the file holds no model, or one of unknown layers.
    """
    if weights == "imagenet":
        try:
            return make(weights)
        except Exception as error:  # Keras raises a plain one
            said = " ".join(str(error).split())[:120]
            raise UsageError(
                f"{field} is 'imagenet' but the download failed ({said}); give a file, such as one from {url}"
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
    except Exception as error:  # a broken file raises nearly anything
        said = " ".join(str(error).split())[:120]
        raise DataError(f"{path}: is no .h5 or .keras file of {expected} ({said})") from error
