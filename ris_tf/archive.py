"""What is checked of a .keras archive and of HDF5 weights before Keras reads them, so that opening a file runs nothing.

Keras makes whatever class the file names, from the module it names. Here a file may name only what is expected of it,
whatever version of Keras reads it; sizes are checked from headers, so that a small file cannot fill the memory.
"""

import json
import zipfile

import h5py

from ris_tf.errors import DataError

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MOST_JSON = 2**24  # bytes of the texts in an archive
_OPTIMIZERS = "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD"
_SCHEDULES = "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay"
OPTIMIZERS = {
    "keras.optimizers": set(_OPTIMIZERS.split()),
    "keras.optimizers.schedules": set(_SCHEDULES.split()),
}


def check(path, known):
    """Checks a .keras archive.

    Args:
      path: Path.
      known: {module: names of the classes} that it may name.

    Raises:
      DataError: it is no archive of Keras, holds other files or names other classes, or unpacks to far more than it is.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            damaged = archive.testzip()
            if damaged:
                raise DataError(f"{path}: {damaged} is damaged, its checksum is another")
            config = json.loads(archive.read("config.json"))
            with archive.open("model.weights.h5") as weights:
                check_weights(path, weights)
    except DataError:
        raise
    except Exception as error:  # a broken archive, text or HDF5 raises nearly anything
        said = " ".join(str(error).split())[:100]
        raise DataError(f"{path}: is no .keras file ({said})") from error
    check_classes(path, config, known)


def _check_members(path, archive):
    members = archive.infolist()
    names = [member.filename for member in members]
    if sorted(names) != sorted(_MEMBERS):
        other = sorted(set(names) - _MEMBERS) or [f"not {name}" for name in sorted(_MEMBERS - set(names))] or names
        raise DataError(f"{path}: archive holds {other[0][:80]!r}; expected {', '.join(sorted(_MEMBERS))}, once each")
    for member in members:
        most = path.stat().st_size if member.filename.endswith(".h5") else _MOST_JSON
        if member.file_size > most:
            raise DataError(
                f"{path}: {member.filename} unpacks to {member.file_size:,} bytes; expected {most:,} at most"
            )


def check_classes(path, config, known):
    """Checks every class that a config of Keras names.

    Args:
      path: of the file, for the message.
      config: what the JSON holds.
      known: as of `check`.

    Raises:
      DataError: it names another class: a Lambda, say, runs what the file holds.
    """
    parts = [config]
    while parts:  # no recursion: the file says how deep
        part = parts.pop()
        if isinstance(part, dict) and "class_name" in part:
            module, name = part.get("module"), part["class_name"]
            if not isinstance(name, str) or name not in known.get(module if isinstance(module, str) else None, ()):
                raise DataError(f"{path}: names the class {str(name)[:40]!r} of {str(module)[:40]!r}; not loaded")
        if isinstance(part, (dict, list)):
            parts += part.values() if isinstance(part, dict) else part


def check_weights(path, file):
    """Checks HDF5 weights: every array lies in the file as it is, neither packed nor linked nor left out.

    Every group has one place, so that no walk through them is endless.

    Args:
      path: of the file, for the message.
      file: path or open file.

    Raises:
      DataError: an array lies elsewhere, or is larger than what is stored of it, or a group is met twice.
      OSError: it is no HDF5.
    """
    with h5py.File(file) as weights:
        groups, met = [weights], set()
        while groups:
            group = groups.pop()
            place = h5py.h5o.get_info(group.id).addr
            if place in met:  # a hard link: to a group above it, a circle; to others, ever more ways through few groups
                raise DataError(f"{path}: the weights {group.name} are a group met twice; not loaded")
            met.add(place)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise DataError(f"{path}: the weights {group.name}/{name} are a link; not loaded")
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    outside = item.external or item.is_virtual
                    if outside or item.id.get_storage_size() < item.nbytes:
                        raise DataError(
                            f"{path}: the weights {item.name} of {item.shape} are not whole in the file; not loaded"
                        )
