"""Invalid model files, made from a valid one: {name: function(valid file, path to write)}."""

import io
import json
import os
import pickle
import zipfile

import h5py
import keras
import numpy as np

MARK = "RIS_BROKEN_RAN"  # environment variable that is set if code from a file is executed


class _Ran:
    def __reduce__(self):
        return os.putenv, (MARK, "1")


def members(file):
    """Members of an archive, {name: bytes}."""
    with zipfile.ZipFile(file) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def pack(path, parts, kind=zipfile.ZIP_STORED):
    """Writes an archive from an iterable of (name, bytes)."""
    with zipfile.ZipFile(path, "w", kind) as archive:
        for name, content in parts:
            archive.writestr(name, content)


def _bytes(change):
    return lambda file, path: path.write_bytes(change(file.read_bytes())) and None


def _with(**more):
    """Replaces or adds members; those that are None are removed. In names, "__" stands for "."."""

    def write(file, path):
        parts = {**members(file), **{name.replace("__", "."): content for name, content in more.items()}}
        pack(path, [part for part in parts.items() if part[1] is not None])

    return write


def _config(change):
    def write(file, path):
        parts = members(file)
        config = json.loads(parts["config.json"])
        pack(path, {**parts, "config.json": json.dumps(change(config) or config).encode()}.items())

    return write


def _weights(change):
    def write(file, path):
        parts = members(file)
        stream = io.BytesIO(parts["model.weights.h5"])
        with h5py.File(stream, "r+") as weights:
            change(weights["form/auxiliary/vars"])
        pack(path, {**parts, "model.weights.h5": stream.getvalue()}.items())

    return write


def _added(name):
    return lambda file, path: pack(path, [*members(file).items(), (name, b"outside")])


def malicious_lambda(file, path):
    """Writes a Keras model with a Lambda layer that sets MARK if its code is executed."""
    layer = keras.layers.Lambda(lambda x: (__import__("os").environ.__setitem__("RIS_BROKEN_RAN", "1"), x)[1])
    keras.Sequential([keras.layers.Input([2]), layer]).save(path)


def _replaced(group, **options):
    """Replaces the array "0" of a group; `options` are those of `create_dataset`."""
    del group["0"]
    group.create_dataset("0", **options)


def _linked(group, link):
    """Replaces the array "0" of a group by a link."""
    del group["0"]
    group["0"] = link


def _classes():
    """Configs that name classes or functions that are not allowed."""
    inner = {"class_name": "Lambda", "module": "keras.layers", "config": {}, "registered_name": None}
    named = {
        "subprocess": ("subprocess", "run"),
        "builtins": ("builtins", "eval"),
        "os": ("os", "system"),
        "keras get_file": ("keras.utils", "get_file"),
        "keras unsafe": ("keras.config", "enable_unsafe_deserialization"),
        "keras Lambda": ("keras.layers", "Lambda"),
        "keras TorchModuleWrapper": ("keras.layers", "TorchModuleWrapper"),
        "keras TFSMLayer": ("keras.layers", "TFSMLayer"),
        "no module": (None, "RIS"),
        "a list": (["ris_tf.model"], "RIS"),
    }
    found = {
        f"class {name}": _config(lambda config, m=module, c=found: config.update(module=m, class_name=c))
        for name, (module, found) in named.items()
    }
    found["class Lambda as the optimizer"] = _config(lambda config: config.update(compile_config={"optimizer": inner}))
    found["class Lambda in the config"] = _config(lambda config: config["config"].update(name=inner))
    return found


def _fields():
    """Invalid values in the model's own config."""

    def changed(part, name, value):
        return _config(lambda config: config["config"]["config"][part].update({name: value}))

    values = [
        ("model", "steps", 10**9), ("model", "size", [10**6, 10**6]), ("model", "size", "large"),
        ("model", "form", "x"),
        ("model", "channels", -1), ("model", "attend", None), ("model", "attend", []), ("predict", "crf", 3),
        ("predict", "overlap", 10**9), ("predict", "zoom_limits", [1e-300, 1]), ("predict", "score_threshold", None),
        ("data", "view", ["tiles"]), ("train", "batch", "many"), ("data", "category", {}),
    ]  # fmt: skip
    found = {f"{part}.{name} {value!r}": changed(part, name, value) for part, name, value in values}
    found["widths of 10^6"] = _config(lambda c: c["config"]["config"]["model"]["attend"].update(widths=[10**6] * 4))
    found["other widths"] = _config(lambda c: c["config"]["config"]["model"]["attend"].update(widths=[8, 8, 8, 8]))
    for name in ("config", "dtype", "curriculum"):
        for value in (None, 3, "x", [], {"steps": "x"}):
            found[f"{name} {value!r}"] = _config(lambda c, name=name, value=value: c["config"].update({name: value}))
    return {
        name: write for name, write in found.items() if name not in ("dtype None", "curriculum None", "curriculum []")
    }


def models():
    """All invalid files; each must be rejected with one line that names the file."""
    outside = h5py.ExternalLink("/etc/passwd", "/")
    external = {"shape": (1, 1, 8, 2), "dtype": "f4", "external": [("/etc/passwd", 0, 64)]}
    return {
        "empty": _bytes(lambda data: b""),
        "text": _bytes(lambda data: b"no model"),
        "pickle": _bytes(lambda data: pickle.dumps(_Ran())),
        **{
            f"{share} kept": _bytes(lambda d, share=share: d[: int(share * len(d))]) for share in (0.01, 0.3, 0.7, 0.99)
        },
        "without config": _with(config__json=None),
        "without weights": _with(model__weights__h5=None),
        "config empty": _with(config__json=b""),
        "config a list": _with(config__json=b"[]"),
        "config deeply nested": _with(config__json=b"[" * 200_000),
        "config of bytes": _with(config__json=bytes(range(128, 256))),
        "weights empty": _with(model__weights__h5=b""),
        "weights noise": _with(model__weights__h5=b"noise" * 999),
        "weights cut": lambda file, path: _with(model__weights__h5=members(file)["model.weights.h5"][:5000])(
            file, path
        ),
        "member outside": _added("../../outside.txt"),
        "member at the root": _added("/tmp/outside.txt"),
        "member in assets": _added("assets/../../outside.txt"),
        "member twice": _added("config.json"),
        "bomb of config": lambda file, path: _bomb(file, path, "config.json"),
        "bomb of weights": lambda file, path: _bomb(file, path, "model.weights.h5"),
        "malicious Lambda": malicious_lambda,
        **_classes(),
        **_fields(),
        "array of another shape": _weights(lambda group: _replaced(group, data=np.zeros(3, np.float32))),
        "array missing": _weights(lambda group: group.pop("0", None) and None),
        "array of text": _weights(lambda group: _replaced(group, data="x")),
        "array never written": _weights(lambda group: _replaced(group, shape=(10**6, 10**6), dtype="f4")),
        "array compressed": _weights(lambda group: _replaced(group, data=np.zeros([4096, 4096]), compression="gzip")),
        "array outside": _weights(lambda group: _replaced(group, **external)),
        "link outside": _weights(lambda group: _linked(group, outside)),
        "link to itself": _weights(lambda group: _linked(group, h5py.SoftLink("/form/auxiliary/vars/0"))),
        "group in itself": _weights(lambda group: group.__setitem__("again", group.parent)),
        "group in two places": _weights(lambda group: group.file.__setitem__("again", group)),
    }


def _bomb(file, path, name):
    """Writes an archive with a member of 256 MiB of zeros, compressed."""
    pack(path, {**members(file), name: bytes(2**28)}.items(), zipfile.ZIP_DEFLATED)
