"""Files appear completely or not at all, and one process at a time works in a folder."""

import errno
import os
import subprocess
import sys

import pytest

from ris_tf.commands import command
from ris_tf.files import writing
from ris_tf.files.lock import alone


def test_a_file_that_cannot_be_written_leaves_the_old_one_and_is_named(tmp_path):
    path = tmp_path / "a.txt"
    writing.write_text(path, "old")
    with pytest.raises(OSError) as caught, writing.replacing(path) as temporary:
        temporary.write_text("half")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert caught.value.filename == str(path) and caught.value.errno == errno.ENOSPC
    assert path.read_text() == "old" and list(tmp_path.iterdir()) == [path]


def test_the_file_before_is_kept_and_what_was_left_is_swept(tmp_path):
    path, before = tmp_path / "a.keras", tmp_path / "b.keras"
    for text in ("one", "two", "three"):
        with writing.replacing(path, before) as temporary:
            assert temporary.suffix == ".keras"
            temporary.write_text(text)
    assert path.read_text() == "three" and before.read_text() == "two"
    (tmp_path / ".last.keras.tmp").mkdir()
    (tmp_path / ".last.keras.tmp" / "last.keras").write_text("half")
    (tmp_path / ".log.csv.tmp").write_text("half")
    writing.sweep(tmp_path)
    assert sorted(tmp_path.iterdir()) == [path, before]


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (OSError(errno.ENOSPC, "No space left on device", "runs/a/last.keras"), "runs/a/last.keras: No space left on"),
        (OSError(errno.EFBIG, "File too large", "x"), "x: File too large; make room and run the same command again"),
        (PermissionError(errno.EACCES, "Permission denied", "y"), "y: Permission denied\n"),
    ],
)
def test_a_full_disk_is_one_line(monkeypatch, capsys, error, line):
    def job(values, rest):
        raise error

    monkeypatch.setattr(sys, "argv", ["ris-train"])
    with pytest.raises(SystemExit) as stop:
        command.run(job, __name__, "")
    said = capsys.readouterr().err
    assert stop.value.code == 1 and said.startswith(f"ris-train: {line}") and said.count("\n") == 1


def test_one_process_at_a_time_works_in_a_folder(tmp_path):
    with alone(tmp_path):
        code = f"""
from pathlib import Path
from ris_tf.files.lock import alone
alone(Path({str(tmp_path)!r})).__enter__()
"""
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
        assert f"UsageError: {tmp_path}: another ris-train is running in this folder" in done.stderr
    with alone(tmp_path):
        pass
