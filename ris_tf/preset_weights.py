"""Compressed weights of the presets: kernels have 8 bits and a scale for each output channel, the rest is float16."""

import json
import tempfile
from pathlib import Path

import h5py
import numpy as np

from ris_tf.presets import FOLDER

_SCALE = "ris_tf_scale"  # attribute of an 8-bit array: its scale for each output channel


def load(model, weights):
    """Loads weights that `write` stored into a model.

    Args:
      model: RIS, built from the config of the preset.
      weights: path of the weights file.
    """
    with tempfile.TemporaryDirectory() as folder:
        full = Path(folder) / "full.weights.h5"
        _copy(weights, full, _restore)
        model.load_weights(full)


def write(model, name, folder=FOLDER):
    """Writes a trained model as a preset. Kernels get 8 bits and a scale for each output channel, the rest float16.

    Args:
      model: RIS.
      name: name of the preset.
      folder: Path of the folder; created if it does not exist.
    """
    folder.mkdir(parents=True, exist_ok=True)
    bare = type(model)(model.config)  # a trained model would store its optimizer, too
    bare.set_weights(model.get_weights())
    with tempfile.TemporaryDirectory() as temporary:
        full = Path(temporary) / "full.weights.h5"
        bare.save_weights(full)
        _copy(full, folder / f"{name}.weights.h5", _reduce)
    (folder / f"{name}.json").write_text(json.dumps(model.config.to_dict(), indent=2) + "\n")


def _copy(source, target, change):
    """Copies an HDF5 file and applies `change` to each array: (array, attributes) -> (array, attributes)."""
    with h5py.File(source) as before, h5py.File(target, "w", libver="latest") as after:

        def copy(path, item):
            attributes = dict(item.attrs)
            if isinstance(item, h5py.Dataset):
                value, attributes = change(item[()], attributes)
                after.create_dataset(path, data=value, compression="gzip" if np.size(value) > 4096 else None)
            else:
                after.require_group(path)
            after[path].attrs.update(attributes)

        before.visititems(copy)


def _reduce(value, attributes):
    if np.ndim(value) < 2 or value.dtype != np.float32:
        return (value.astype(np.float16) if value.dtype == np.float32 else value), attributes
    scale = np.abs(value).max(axis=tuple(range(value.ndim - 1))) / 127  # [output channels]
    scale = np.where(scale > 0, scale, 1).astype(np.float32)
    return np.round(value / scale).astype(np.int8), {**attributes, _SCALE: scale}


def _restore(value, attributes):
    scale = attributes.pop(_SCALE, None)
    return (value if scale is None else value.astype(np.float32) * scale), attributes
