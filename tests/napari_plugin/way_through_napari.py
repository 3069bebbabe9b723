"""Goes through the plugin in a real napari as a person would. Run by test_in_napari.py, with a folder for its files.

The folder holds `tiny.keras`, a small model that is quick to train.
"""

import os
import sys
import time
import traceback
from pathlib import Path
from types import SimpleNamespace

import napari
import numpy as np
from napari.utils._proxies import ReadOnlyWrapper
from napari.utils.interactions import mouse_press_callbacks, mouse_release_callbacks
from PIL import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ris_tf.data.images.single import read_labels
from ris_tf.napari_plugin.widget import CorrectAndTrain


class Heartbeat:
    """The longest time between two beats of a timer of 20 ms, on the clock and of the thread's own processor time."""

    def __init__(self):
        self.clock = self.processor = 0.0
        self._last, self._timer = None, QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(20)

    def _beat(self):
        now = time.perf_counter(), time.thread_time()
        if self._last:
            self.clock = max(self.clock, now[0] - self._last[0])
            self.processor = max(self.processor, now[1] - self._last[1])
        self._last = now


def wait(until, seconds=900):
    end = time.time() + seconds
    while not until():
        assert time.time() < end, "the plugin did not finish"
        QApplication.processEvents()
        time.sleep(0.002)


def click(viewer, row, column):
    """A press and a release of the mouse, as napari passes them on."""
    for kind, callbacks in (("mouse_press", mouse_press_callbacks), ("mouse_release", mouse_release_callbacks)):
        event = SimpleNamespace(
            type=kind, pos=(100, 100), position=(row, column), button=1, handled=False, modifiers=()
        )
        callbacks(viewer, ReadOnlyWrapper(event))


def discs(path):
    """16 bright discs in rows of four, all of which the preset `nuclei` finds."""
    rows, columns = np.indices((128, 128))
    disc = np.hypot(rows % 32 - 15.5, columns % 32 - 15.5) < 9
    Image.fromarray(np.uint8(20 + 180 * disc)).save(path)
    return disc


def count(labels):
    return len(np.unique(labels[labels > 0]))


def go(viewer, tmp_path):
    """What a person does, and what they see."""
    (tmp_path / "new").mkdir()
    disc = [discs(tmp_path / "new" / f"{name}.png") for name in "ab"][0]
    widget = CorrectAndTrain(viewer)
    viewer.window.add_dock_widget(widget)
    controls, layers, said = widget.controls, widget.layers, widget.controls.status.text

    controls.images.setText(str(tmp_path / "none"))
    controls.images.editingFinished.emit()
    assert said().endswith("no such folder; choose a folder of images") and not controls.find.isEnabled()
    controls.images.setText(str(tmp_path / "new"))
    controls.images.editingFinished.emit()
    assert controls.files.count() == 2 and controls.folder.text() == str(tmp_path / "new_labelled")
    controls.train.click()
    assert said() == f"{tmp_path / 'new_labelled'}: has no image in train; save two corrected images or more"

    controls.add_model("nuclei")
    controls.model.activated.emit(controls.model.currentIndex())
    controls.files.setCurrentRow(0)
    wait(lambda: not widget.busy)
    assert layers.labels.shape == (128, 128) and not layers.labels.any()
    heart = Heartbeat()
    controls.find.click()
    wait(lambda: not widget.busy)
    assert count(layers.labels) == 16 and said() == "a.png: 16 objects added"

    controls.clicks.button(2).click()
    click(viewer, 15, 47)
    assert count(layers.labels) == 15 and layers.labels[15, 47] == 0
    viewer.layers["objects"].undo()
    assert count(layers.labels) == 16
    click(viewer, 15, 47)
    controls.clicks.button(1).click()
    click(viewer, 15, 47)
    wait(lambda: not widget.busy)
    assert said() == "1 object added" and count(layers.labels) == 16
    mine = layers.labels == layers.labels[15, 47]
    true = disc & (np.indices(disc.shape)[0] < 32) & (np.indices(disc.shape)[1] // 32 == 1)
    assert (mine & true).sum() / (mine | true).sum() > 0.7

    viewer.layers["objects"].mode = "paint"
    assert controls.click() == layers.click == "tools"
    corrected = layers.labels.copy()
    controls.save.click()
    wait(lambda: not widget.busy)
    np.testing.assert_array_equal(read_labels(tmp_path / "new_labelled" / "train" / "masks" / "a.png"), corrected)
    controls.order.click()
    wait(lambda: not widget.busy and widget.file.name == "b.png")
    assert "doubt" in controls.files.item(0).text() and "saved in train" in controls.files.item(1).text()
    controls.find.click()
    wait(lambda: not widget.busy)
    viewer.layers["objects"].undo()
    assert not layers.labels.any()  # all that was found at once
    controls.files.setCurrentRow(1)
    wait(lambda: not widget.busy and layers.labels.any())
    np.testing.assert_array_equal(layers.labels, corrected)
    controls.files.setCurrentRow(0)
    wait(lambda: not widget.busy and not layers.labels.any())
    controls.save.click()
    wait(lambda: not widget.busy)

    controls.add_model(str(tmp_path / "tiny.keras"))
    controls.model.activated.emit(controls.model.currentIndex())
    controls.steps.setValue(8)
    controls.train.click()
    wait(lambda: widget.watch.training is not None or not widget.busy)
    wait(lambda: not controls.stop.isEnabled())
    assert said().startswith("the training has ended: validation SBD 0."), said()
    assert len(widget.watch.training.rows()) == 9
    controls.better.click()
    better = said().startswith("the new model is taken")
    chosen = str(widget.watch.training.workdir) if better else str(tmp_path / "tiny.keras")
    assert controls.model.currentText() == chosen
    print(f"longest wait: {1000 * heart.clock:.0f} ms, {1000 * heart.processor:.0f} ms of the processor")
    assert heart.processor < 0.5  # 0.03 to 0.30 were seen; the aim is 0.2
    assert heart.clock < 1  # on a busy machine the thread itself has to wait


if __name__ == "__main__":
    try:
        go(napari.Viewer(show=False), Path(sys.argv[1]))
        code = 0
    except Exception:
        traceback.print_exc()
        code = 1
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # what is left of napari, threads and OpenGL may end in any order
