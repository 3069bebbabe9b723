"""The plugin in a real napari, without a screen: a person's way through it, and that napari never waits."""

import contextlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from ris_tf import RIS, storage


@contextlib.contextmanager
def screen():
    """Environment variables with which napari has OpenGL: on Linux those of an X server, unless there is a screen."""
    variables = {"QT_QPA_PLATFORM": "offscreen", **os.environ}
    if sys.platform != "linux" or os.environ.get("DISPLAY"):
        yield variables
        return
    if not shutil.which("Xvfb"):
        pytest.skip("there is no screen and no Xvfb, and napari needs OpenGL")
    read, write = os.pipe()
    command = ["Xvfb", "-displayfd", str(write), "-screen", "0", "1280x1024x24"]
    server = subprocess.Popen(command, pass_fds=[write], stderr=subprocess.DEVNULL)
    try:
        yield {**variables, "DISPLAY": f":{os.read(read, 9).decode().strip()}"}
    finally:
        server.terminate()


@pytest.mark.slow
def test_a_person_finds_corrects_saves_and_trains_on(small, tmp_path):
    pytest.importorskip("napari", reason="napari is not installed; pip install '.[napari]'")
    pytest.importorskip("qtpy.QtWidgets", reason="napari has no Qt; pip install '.[napari]'")
    small.model.channels = 1
    storage.save(RIS(small), tmp_path / "tiny.keras")
    command = [sys.executable, Path(__file__).with_name("way_through_napari.py"), tmp_path]
    with screen() as variables:  # in a process of its own, because Qt and pytest end in different ways
        done = subprocess.run(command, env=variables, capture_output=True, text=True, timeout=1800)
    assert done.returncode == 0, done.stdout + done.stderr
    print(done.stdout)
