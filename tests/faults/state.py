"""What a work folder holds, for comparing bit by bit; read without TensorFlow doing any work."""

import json
import zipfile

import h5py
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FILES = {".lock", "config.json", "log.csv", "last.keras", "previous.keras", "best.keras", "tensorboard"}


def difference(workdir, reference):
    """What of a finished run differs from the uninterrupted one; None for nothing.

    Compared are every array of the three models (weights, optimizer, averages), their configs with the state of the
    curriculum, the log byte for byte, every value in TensorBoard, and the names of the files.
    """
    names = {path.name for path in workdir.iterdir()}
    if names != FILES:
        return f"files: {sorted(names ^ FILES)}"
    if (workdir / "log.csv").read_bytes() != (reference / "log.csv").read_bytes():
        return "log.csv"
    for name in ("last.keras", "best.keras"):
        found, expected = contents(workdir / name), contents(reference / name)
        if found.keys() != expected.keys():
            return f"{name}: names of the arrays"
        wrong = [key for key in expected if found[key] != expected[key]]
        if wrong:
            return f"{name}: {wrong[0]} and {len(wrong) - 1} more"
    if _events(workdir / "tensorboard") != _events(reference / "tensorboard"):
        return "tensorboard"
    return None


def contents(path):
    """{name of an array: its bytes} of a .keras file, and its config; CRC-checked."""
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, path
        with archive.open("model.weights.h5") as file, h5py.File(file) as weights:
            weights.visititems(lambda name, item: found.update({name: _bytes(item)}))
        found["config"] = json.loads(archive.read("config.json"))["config"]
    return found


def _bytes(item):
    return (item.dtype.str, item.shape, item[()].tobytes()) if isinstance(item, h5py.Dataset) else None


def _events(folder):
    """{tag: {step: values}}; a step measured again, after a kill between its events and its row, must give the same."""
    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        for event in events.Tensors(tag):
            value = str(tf.make_ndarray(event.tensor_proto).tolist())
            found.setdefault(tag, {}).setdefault(event.step, set()).add(value)
    return found
