"""Presets: names -> the config and the weights that ship with the package."""

import json
import os
from pathlib import Path

import h5py
import numpy as np

from ris_tf.errors import UsageError

FOLDER = Path(__file__).resolve().parent / "presets"


def names():
    """Names of the shipped presets, sorted."""
    return sorted(path.stem for path in FOLDER.glob("*.json"))


def find(name):
    """Files of a preset.

    Returns:
      config: dict.
      weights: path of a Keras .weights.h5 file, stored in float16.

    Raises:
      UsageError: no such preset.
    """
    if name not in names():
        raise UsageError(f"{name}: unknown preset; there are {', '.join(names()) or 'none'}")
    return json.loads((FOLDER / f"{name}.json").read_text()), FOLDER / f"{name}.weights.h5"


def write(model, name, folder=FOLDER):
    """Writes a trained model as a preset, its weights halved to float16.

    Args:
      model: RIS.
      name: of the preset.
      folder: Path; made if missing.
    """
    folder.mkdir(parents=True, exist_ok=True)
    temporary = folder / f".{name}.tmp.weights.h5"
    model.save_weights(temporary)
    with h5py.File(temporary) as full, h5py.File(folder / f"{name}.weights.h5", "w") as half:

        def copy(path, item):
            if isinstance(item, h5py.Dataset):
                value = item[()]
                value = value.astype(np.float16) if value.dtype == np.float32 else value
                half.create_dataset(path, data=value, compression="gzip" if value.ndim else None)
            else:
                half.require_group(path)
            for key, attribute in item.attrs.items():
                half[path].attrs[key] = attribute

        full.visititems(copy)
    os.remove(temporary)
    (folder / f"{name}.json").write_text(json.dumps(model.config.to_dict(), indent=2) + "\n")
