"""Checks of the files and folders that flags name, made before TensorFlow is imported, which takes seconds."""

import os
import tempfile
from pathlib import Path

from ris_tf import presets, runtime, storage
from ris_tf.errors import DataError, RisError, UsageError


def every(*checks):
    """Calls all checks, so that the message names everything that is wrong.

    Args:
      *checks: functions that raise a RisError.

    Raises:
      UsageError, DataError: some of them raised one; it is a UsageError if one of these is.
    """
    problems = []
    for check in checks:
        try:
            check()
        except RisError as error:
            problems.append(error)
    if problems[1:]:
        kind = UsageError if any(isinstance(problem, UsageError) for problem in problems) else DataError
        raise kind("; ".join(map(str, problems)))
    if problems:
        raise problems[0]


def folder(flag, value):
    """Returns the Path of a folder for results, which need not exist yet.

    Args:
      flag: name of the flag in messages.
      value: its value.

    Raises:
      UsageError: it is a file, or nothing can be written to it.
    """
    said = f"--{flag}={value}"
    if os.path.exists(value) and not os.path.isdir(value):
        raise UsageError(f"{said}: is a file; give a folder")
    writable(said, Path(value))
    return Path(value)


def writable(said, folder):
    """Raises UsageError unless a folder can be made, or written to.

    Args:
      said: what names the folder in the message.
      folder: Path.
    """
    present = next(place for place in (folder, *folder.absolute().parents) if os.path.exists(place))
    try:
        with tempfile.TemporaryFile(dir=present):  # permissions alone do not say it
            pass
    except OSError as error:
        raise UsageError(f"{said}: {error.strerror}; give a folder that can be written") from error


def model(source, exported=True):
    """Checks that a model is there.

    Args:
      source: see `storage.load`.
      exported: whether it may also be an exported model, see `runtime.load`.

    Raises:
      UsageError: there is no such preset, folder or file.
      DataError: the folder contains no model.
    """
    if exported and runtime.is_exported(Path(source)):
        if not os.path.exists(source):
            raise UsageError(f"{source}: no such file or folder")
    elif storage.file_of(source) is None:
        presets.find(str(source))
