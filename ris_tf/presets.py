"""Presets: trained models that are included in the package: a config, weights for Keras, and a file for LiteRT.

`preset_weights` reads and writes the weights.
"""

import json
from pathlib import Path

from ris_tf.errors import UsageError

FOLDER = Path(__file__).resolve().parent / "presets"


def names():
    """Returns the names of the included presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def find(name):
    """Finds the files of a preset.

    Args:
      name: str, name of the preset.

    Returns:
      config: dict.
      weights: Path of a file for `preset_weights.load`.

    Raises:
      UsageError: there is no such preset.
    """
    if name not in names():
        raise UsageError(f"{name}: unknown preset; expected one of: {', '.join(names()) or 'none'}")
    return json.loads((FOLDER / f"{name}.json").read_text()), FOLDER / f"{name}.weights.h5"


def litert_file(name):
    """The LiteRT file of a preset, written by `export.preset` from its weights, for `runtime.load`.

    Args:
      name: str, name of the preset.

    Returns:
      Path.

    Raises:
      UsageError: there is no such preset.
    """
    return find(name)[1].with_name(f"{name}.tflite")
