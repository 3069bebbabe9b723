"""Compares two work folders of ris-train bit by bit, without TensorFlow doing any work."""

import json
import zipfile

import h5py
import tensorflow as tf
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

FILES = {".lock", "config.json", "log.csv", "last.keras", "previous.keras", "best.keras", "tensorboard"}


def difference(workdir, reference):
    """Describes the first difference between a finished run and the uninterrupted one.

    It compares every array of the models last.keras and best.keras (weights, optimizer, averages), their configs with
    the state of the curriculum, the log byte by byte, every value in TensorBoard, and the names of the files.

    Args:
      workdir, reference: Paths of the work folders.

    Returns:
      str, or None if they are equal.
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
    """Reads a .keras file and checks its CRCs.

    Returns:
      {name of an array: (dtype, shape, bytes), name of a group: None, "config": dict}.
    """
    found = {}
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None, path
        with archive.open("model.weights.h5") as file, h5py.File(file) as weights:
            weights.visititems(lambda name, item: found.update({name: _bytes(item)}))
        found["config"] = json.loads(archive.read("config.json"))["config"]
    return found


def _bytes(item):
    """(dtype, shape, bytes) of an array; None for a group."""
    return (item.dtype.str, item.shape, item[()].tobytes()) if isinstance(item, h5py.Dataset) else None


def _events(folder):
    """Values in TensorBoard, {tag: {step: set of values}}.

    After a kill between the events of a step and its row in the log, the step is measured again and must give the same
    values.
    """
    events = EventAccumulator(str(folder), {"tensors": 0})
    events.Reload()
    found = {}
    for tag in events.Tags()["tensors"]:
        for event in events.Tensors(tag):
            value = str(tf.make_ndarray(event.tensor_proto).tolist())
            found.setdefault(tag, {}).setdefault(event.step, set()).add(value)
    return found
