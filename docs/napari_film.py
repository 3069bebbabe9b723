"""Drives the plugin in a real napari, and takes the pictures of docs/napari.md: napari.png and napari_film.gif.

    pip install '.[napari]'
    python docs/napari_film.py            # needs a screen; xvfb-run gives it one
    python docs/napari_film.py --out=DIR  # leaves the pictures of the docs as they are

Images of tissue are drawn in a temporary folder. A click removes a nucleus that the preset `nuclei` found, another
draws it again, and further ones add what was missed; the rest is corrected to the truth at once. All images are saved,
and a short training goes on from the preset. It takes some minutes.
The script prints the longest time for which napari's thread was not free in each part.
"""

import argparse
import os
import tempfile
import time
from pathlib import Path

import napari
import numpy as np
from PIL import Image
from qtpy.QtCore import QTimer
from qtpy.QtWidgets import QApplication

from ris_tf.data.synthetic import drawings
from ris_tf.napari_plugin.layers import ADD, REMOVE, TOOLS
from ris_tf.napari_plugin.widget import CorrectAndTrain

_HERE = Path(__file__).resolve().parent
_SIZE = 1280, 860  # pixels of the window
_SHOWN = 0.62  # scale of the film
_STEPS = 24


class Heartbeat:
    """A timer of 20 ms on the thread of the windows; keeps the longest time between two beats for each part."""

    def __init__(self):
        self.gaps, self.part, self._last = {}, None, None
        self._timer = QTimer()
        self._timer.timeout.connect(self._beat)
        self._timer.start(20)

    def _beat(self):
        now = time.perf_counter()
        if self.part and self._last:
            self.gaps[self.part] = max(self.gaps.get(self.part, 0.0), now - self._last)
        self._last = now

    def begin(self, part):
        self.part, self._last = part, None


class Film:
    """Pictures of the window, each shown for a while. The time of taking them is left out of the beat."""

    def __init__(self, viewer, beat, path):
        self.viewer, self.beat, self.path, self.frames = viewer, beat, path, []

    def take(self, seconds):
        picture = Image.fromarray(self.viewer.screenshot(canvas_only=False, flash=False)[..., :3])
        self.frames.append((picture, round(1000 * seconds)))
        self.beat.begin(self.beat.part)

    def write(self):
        size = tuple(round(length * _SHOWN) for length in self.frames[0][0].size)
        small = [picture.resize(size, Image.Resampling.LANCZOS) for picture, _ in self.frames]
        small = [picture.quantize(256, dither=Image.Dither.NONE) for picture in small]
        durations = [duration for _, duration in self.frames]
        small[0].save(self.path, save_all=True, append_images=small[1:], duration=durations, loop=0, optimize=True)


def images_of_tissue(folder, count=4):
    """Draws images; returns {name: labels}."""
    folder.mkdir()
    truth = {}
    for index in range(count):
        image, labels = drawings.sample("tissue", 5, index, 192)
        Image.fromarray(image).save(folder / f"tissue_{index}.png")
        truth[f"tissue_{index}"] = labels
    return truth


def wait(until, seconds=900):
    """Lets napari work until a condition is met."""
    end = time.time() + seconds
    while not until():
        QApplication.processEvents()
        time.sleep(0.002)
        if time.time() > end:
            raise TimeoutError("the plugin did not finish")
    for _ in range(20):  # draws what has changed
        QApplication.processEvents()
        time.sleep(0.01)


def missed(labels, found):
    """Places of the drawn objects of which less than a third is found: list of (row, column)."""
    places = []
    for number in np.unique(labels[labels > 0]):
        disc = labels == number
        row, column = (int(np.median(place)) for place in np.nonzero(disc))
        if disc[row, column] and disc.sum() > 60 and (found[disc] > 0).mean() < 1 / 3:
            places.append((row, column))
    return places


def place_of_largest(labels):
    """A place inside the largest object: (row, column)."""
    mask = labels == np.bincount(labels[labels > 0]).argmax()
    rows, columns = np.nonzero(mask)
    nearest = np.hypot(rows - rows.mean(), columns - columns.mean()).argmin()
    return int(rows[nearest]), int(columns[nearest])


def correct_all(layer, truth):
    """What a person does with napari's brush: makes everything right."""
    wrong = np.nonzero(layer.data != truth)
    layer.data_setitem(wrong, truth[wrong].astype(np.int32))


def train(widget, beat, film):
    """Trains on to the end, and takes the better model."""
    controls = widget.controls
    controls.steps.setValue(_STEPS)
    beat.begin("train")
    controls.train.click()
    wait(lambda: widget.watch.training is not None)
    film.take(1)
    while controls.stop.isEnabled():
        film.write()
        before = controls.status.text()
        wait(lambda before=before: controls.status.text() != before)
        film.take(0.8)
    beat.begin(None)
    controls.better.click()
    wait(lambda: True)
    film.take(3)
    print(controls.status.text())


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--out", type=Path, default=_HERE)
    out = parser.parse_args().out.resolve()
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)  # so that paths are short
        truth = images_of_tissue(Path("tissue"))
        viewer = napari.Viewer()
        viewer.window.resize(*_SIZE)
        widget = CorrectAndTrain(viewer)
        viewer.window.add_dock_widget(widget, name="Correct and train on", area="right")
        beat, controls = Heartbeat(), widget.controls
        film = Film(viewer, beat, out / "napari_film.gif")
        film.take(1.5)
        controls.model.setCurrentText("nuclei")
        controls.model.activated.emit(controls.model.currentIndex())
        controls.images.setText("tissue")
        controls.images.editingFinished.emit()
        beat.begin("first image, for which napari makes its layers")
        controls.files.setCurrentRow(0)
        wait(lambda: not widget.busy)
        beat.begin("nothing is done")
        later = time.time() + 5
        wait(lambda: time.time() > later)
        beat.begin(None)
        film.take(1.5)

        beat.begin("label this next")
        controls.order.click()
        wait(lambda: not widget.busy)
        beat.begin(None)
        film.take(1.5)

        for number in range(len(truth)):
            labels = truth[widget.file.stem]
            beat.begin("find")
            controls.find.click()
            wait(lambda: not widget.busy)
            beat.begin(None)
            film.take(2 if number == 0 else 0.8)
            places = [(ADD, place) for place in missed(labels, widget.layers.labels)]
            if number == 0:
                largest = place_of_largest(widget.layers.labels)
                places = [(REMOVE, largest), (ADD, largest), *places]
            for kind, (row, column) in places:
                controls.clicks.button((TOOLS, ADD, REMOVE).index(kind)).click()
                beat.begin("a click")
                widget._clicked(row, column)
                wait(lambda: not widget.busy)
                beat.begin(None)
                film.take(1.2)
            if number == 0:
                film.frames[-1][0].save(out / "napari.png")
            correct_all(viewer.layers["objects"], labels)
            beat.begin("save")
            controls.save.click()
            wait(lambda: not widget.busy)
            beat.begin(None)
            film.take(0.8)
            beat.begin("next image")
            controls.order.click()
            wait(lambda: not widget.busy)
            beat.begin(None)

        train(widget, beat, film)
        film.write()
        for part, gap in beat.gaps.items():
            print(f"{part}: napari's thread was free again after at most {1000 * gap:.0f} ms")
        viewer.close()


if __name__ == "__main__":
    main()
