"""Security checks of .keras archives and HDF5 weights before Keras reads them, so that loading a file runs no code.

Keras instantiates any class that the file names, from any module. These checks accept only the classes that are
expected, independently of the Keras version. Sizes are checked in the headers, so that a small file cannot exhaust the
memory.
"""

import json
import zipfile

import h5py

from ris_tf.errors import DataError

_MEMBERS = {"metadata.json", "config.json", "model.weights.h5"}
_MOST_JSON = 2**24  # bytes, largest unpacked size of a JSON file in the archive
_OPTIMIZERS = "Adadelta Adafactor Adagrad Adam AdamW Adamax Ftrl Lamb Lion LossScaleOptimizer Muon Nadam RMSprop SGD"
_SCHEDULES = "CosineDecay CosineDecayRestarts ExponentialDecay InverseTimeDecay PiecewiseConstantDecay PolynomialDecay"
OPTIMIZERS = {
    "keras.optimizers": set(_OPTIMIZERS.split()),
    "keras.optimizers.schedules": set(_SCHEDULES.split()),
}


def check(path, known):
    """Checks a .keras archive.

    Args:
      path: Path of the archive.
      known: {module: names of classes} that the archive may refer to.

    Raises:
      DataError: the file is not a .keras archive, contains other files, refers to other classes, or unpacks to much
        more than its own size.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            _check_members(path, archive)
            damaged = archive.testzip()
            if damaged:
                raise DataError(f"{path}: {damaged} is damaged (wrong checksum); copy the file again")
            config = json.loads(archive.read("config.json"))
            with archive.open("model.weights.h5") as weights:
                check_weights(path, weights)
    except DataError:
        raise
    except Exception as error:  # a broken archive, JSON or HDF5 file can raise almost any exception
        said = " ".join(str(error).split())[:100]
        raise DataError(f"{path}: is not a valid .keras file ({said})") from error
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
                f"{path}: {member.filename} unpacks to {member.file_size:,} bytes; expected at most {most:,}"
            )


def check_classes(path, config, known):
    """Checks every class that a Keras config refers to.

    Args:
      path: path of the file, for the message.
      config: parsed content of config.json.
      known: same as in `check`.

    Raises:
      DataError: the config refers to another class. A Lambda layer, for example, would run code stored in the file.
    """
    parts = [config]
    while parts:  # a loop, because the file determines the depth and could exhaust the recursion limit
        part = parts.pop()
        if isinstance(part, dict) and "class_name" in part:
            module, name = part.get("module"), part["class_name"]
            if not isinstance(name, str) or name not in known.get(module if isinstance(module, str) else None, ()):
                raise DataError(
                    f"{path}: names the class {str(name)[:40]!r} of the module {str(module)[:40]!r}, which is not "
                    "allowed; the file was not loaded"
                )
        if isinstance(part, (dict, list)):
            parts += part.values() if isinstance(part, dict) else part


def check_weights(path, file):
    """Checks HDF5 weights: every array must be stored in the file itself, uncompressed, complete and without links.

    Every group may appear only once, so that walking through the groups always ends.

    Args:
      path: path of the file, for the message.
      file: path or open file.

    Raises:
      DataError: an array is stored outside the file or is larger than its stored data, a link was found, or a group
        appears twice.
      OSError: the file is not HDF5.
    """
    with h5py.File(file) as weights:
        groups, met = [weights], set()
        while groups:
            group = groups.pop()
            place = h5py.h5o.get_info(group.id).addr
            # A hard link to a parent group makes a cycle; links to other groups multiply the paths through the file.
            if place in met:
                raise DataError(
                    f"{path}: the weights group {group.name} appears twice in the file; the file was not loaded"
                )
            met.add(place)
            for name in group:
                if not isinstance(group.get(name, getlink=True), h5py.HardLink):
                    raise DataError(
                        f"{path}: the weights {group.name}/{name} are a link; expected an array or a group; "
                        "the file was not loaded"
                    )
                item = group[name]
                if isinstance(item, h5py.Group):
                    groups.append(item)
                elif isinstance(item, h5py.Dataset):
                    outside = item.external or item.is_virtual
                    if outside or item.id.get_storage_size() < item.nbytes:
                        raise DataError(
                            f"{path}: the weights {item.name} of shape {item.shape} are not stored completely and "
                            "uncompressed in the file; the file was not loaded"
                        )
