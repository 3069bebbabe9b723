"""The plugin itself: what happens when a button is pressed. All long work is done on other threads and processes."""

import atexit
from functools import partial
from pathlib import Path

from qtpy.QtWidgets import QVBoxLayout, QWidget

from ris_tf import storage
from ris_tf.errors import DataError, RisError, UsageError
from ris_tf.napari_plugin import images
from ris_tf.napari_plugin.background import Background
from ris_tf.napari_plugin.controls import OTHER, Controls
from ris_tf.napari_plugin.folder import TrainingFolder
from ris_tf.napari_plugin.layers import ADD, Layers
from ris_tf.napari_plugin.model_process import ModelProcess
from ris_tf.napari_plugin.training import Training, improved, told
from ris_tf.napari_plugin.watch import Watch
from ris_tf.wording import counted


class CorrectAndTrain(QWidget):
    """Dock widget of napari: finds objects, lets a person correct them, saves them, and trains on.

    Args:
      napari_viewer: napari.Viewer.

    Attributes:
      controls: Controls, the buttons and fields.
      layers: Layers, the image and its objects.
      file: Path of the image that is shown, or None.
      watch: Watch, the training.
      busy: set of str, the kinds of work that are being done elsewhere.
    """

    def __init__(self, napari_viewer):
        super().__init__()
        self.controls = Controls()
        self.layers = Layers(napari_viewer, self._clicked, self.controls.choose_tools)
        layout = QVBoxLayout(self)
        layout.setContentsMargins(0, 0, 0, 0)
        layout.addWidget(self.controls)
        self.file, self._wanted, self.busy = None, None, set()  # the image shown, the one chosen in the list
        self._process, self._background = ModelProcess(), Background(self)
        self._files, self._image = [], None
        self._held, self._doubts, self._unseen = {}, {}, []  # by file: changed labels, disagreements; files to look at
        self._model = self.controls.model.currentText()
        self.watch = Watch(self, self.controls.plot, self._say, self._enable)
        self._connect()
        self._enable()
        for closing in (self._process.close, self.watch.close):
            self.destroyed.connect(closing)
            atexit.register(closing)

    def _connect(self):
        controls = self.controls
        actions = {
            controls.images.editingFinished: self._list,
            controls.browse_images.clicked: partial(self._browse, controls.images, "Folder of images"),
            controls.folder.editingFinished: self._mark,
            controls.browse_folder.clicked: partial(self._browse, controls.folder, "Training folder"),
            controls.model.activated: self._choose_model,
            controls.files.itemSelectionChanged: self._open,
            controls.clicks.idClicked: self._choose_click,
            controls.find.clicked: self._find,
            controls.order.clicked: self._order,
            controls.save.clicked: self._save,
            controls.train.clicked: self._train,
            controls.stop.clicked: self._stop,
            controls.better.clicked: self._take_better,
        }
        for signal, action in actions.items():
            signal.connect(partial(self._do, action))

    def _do(self, action, *_):
        """Runs an action; says in one line what is wrong if a person can mend it."""
        try:
            action()
        except (RisError, OSError) as error:
            self._say(str(error))

    def _start(self, work, done, function, *arguments):
        """Calls a function on another thread, and then `done` with its result; `work` names it in `busy`."""

        def ended(then, result):
            self.busy.discard(work)
            self._do(partial(then, result))
            self._enable()

        self.busy.add(work)
        self._enable()
        self._background.start(partial(ended, done), partial(ended, self._say), function, *arguments)

    def _ask(self, work, done, *arguments):
        """Asks the model something about an image, see `finder.Finder`."""
        self._start(work, done, self._process.ask, work, self._model, *arguments)

    def _say(self, text):
        self.controls.status.setText(text)

    def _enable(self):
        """Lets only those buttons be pressed that have a meaning now."""
        controls, shown = self.controls, self.file is not None and self.file == self._wanted
        trains = self.watch.running
        controls.find.setEnabled(shown and "find" not in self.busy)
        controls.order.setEnabled(bool(self._files) and "doubt" not in self.busy)
        controls.save.setEnabled(shown and "save" not in self.busy)
        controls.train.setEnabled(not trains and "train" not in self.busy)
        controls.stop.setEnabled(trains)
        controls.better.setEnabled(self.watch.training is not None and not trains)

    # Images and model

    def _browse(self, field, title):
        chosen = self.controls.ask_folder(title)
        if chosen:
            field.setText(chosen)
            field.editingFinished.emit()

    def _list(self):
        """Lists the images of the chosen folder."""
        text = self.controls.images.text().strip()
        if not text or (self._files and self._files[0].parent == Path(text)):
            return
        self._files, self._doubts, self._unseen = images.listed(text), {}, []
        self._hold()
        self.file = self._wanted = None
        if not self.controls.folder.text().strip():
            folder = Path(text)
            self.controls.folder.setText(str(folder.parent / f"{folder.absolute().name}_labelled"))
        self._say(f"{counted(len(self._files), 'image')}. Choose one.")
        self._mark()

    def _mark(self):
        """Writes the list of images anew: in order of doubt, with what is known of each."""
        saved = self._folder().splits()
        self._files.sort(key=lambda file: (-self._doubts.get(file, -1), file.name))
        notes = {}
        for file in self._files:
            said = [f"saved in {saved[file.stem]}"] if file.stem in saved else []
            said += [f"doubt {self._doubts[file]:.2f}"] if file in self._doubts else []
            notes[file] = ", ".join(said)
        self.controls.show_files(notes, self._wanted)
        self._enable()

    def _folder(self):
        text = self.controls.folder.text().strip()
        if not text:
            raise UsageError("Choose a training folder first.")
        return TrainingFolder(text)

    def _choose_model(self):
        chosen = self.controls.model.currentText()
        if chosen == OTHER:
            self.controls.model.setCurrentText(self._model)
            chosen = self.controls.ask_folder("Work folder of ris-train")
            if not chosen:
                return
            storage.file_of(chosen)  # before it is listed: is there a model?
        self._use(chosen)

    def _use(self, model):
        self._model, self._doubts, self._unseen = model, {}, []
        self.controls.add_model(model)
        if self._files:
            self._mark()

    def _open(self):
        """Shows the image that was chosen in the list, with its labels: held, saved, or a draft beside it."""
        file = self.controls.chosen_file()
        if file is None or file == self._wanted:
            return
        folder, self._wanted = self._folder(), file
        self._hold()
        self._start("open", partial(self._opened, file), images.opened, file, self._held.get(file), folder)

    def _hold(self):
        """Keeps the labels of the image that is shown, for when it is shown again."""
        if self.file is not None and self.layers.labels is not None:
            self._held[self.file] = self.layers.labels

    def _opened(self, file, pair):
        if file == self._wanted:  # no other was chosen meanwhile
            self.file, (self._image, labels) = file, pair
            self.layers.show(self._image, labels)
            self._say(f"{file.name}: {labels.shape[1]}x{labels.shape[0]} pixels")

    def _order(self):
        """Looks at all images that are not saved, and then shows the one of which the model is least sure."""
        self._unseen = [file for file in self._left() if file not in self._doubts]
        self._look_at_next()

    def _left(self):
        """The images that are not saved yet, in the order of the list."""
        saved = self._folder().splits()
        return [file for file in self._files if file.stem not in saved]

    def _look_at_next(self):
        if self._unseen:
            file = self._unseen.pop(0)
            self._say(f"{self._model} looks at {file.name} in four orientations; {len(self._unseen)} more to go")
            self._ask("doubt", partial(self._doubted, self._model, file), file)
            return
        self._mark()  # sorts the list
        left = self._left()
        if not left:
            self._say("All images are saved.")
            return
        self._say(f"{left[0].name}: the image of which the model is least sure")
        self.controls.choose_file(left[0])

    def _doubted(self, model, file, doubt):
        if model == self._model:  # no other was chosen meanwhile
            self._doubts[file] = doubt
            self._look_at_next()

    # Correct

    def _labels(self):
        """A copy of the labels that are shown."""
        if self.layers.labels is None:
            raise DataError(f"{self.file.name}: its layer of objects was deleted; choose another image and come back")
        return self.layers.labels.copy()

    def _find(self):
        labels = self._labels()
        self._say(f"{self._model} looks at {self.file.name}; the first look takes longer")
        self._ask("find", partial(self._found, self.file), self.file, labels)

    def _found(self, file, found):
        if file == self.file and self.layers.labels is not None:
            pixels, numbers, count = found
            self.layers.merge(pixels, numbers)
            self._say(f"{file.name}: {counted(count, 'object')} added")

    def _choose_click(self):
        self.layers.click = self.controls.click()

    def _clicked(self, row, column):
        if self.file is None or "object_at" in self.busy:
            return
        if self.layers.click == ADD:
            self._say(f"{self._model} looks at the place")
            self._ask("object_at", partial(self._added, self.file), self.file, row, column, self.layers.labels.copy())
        else:
            removed = self.layers.remove(row, column)
            self._say("1 object removed" if removed else "There is no object at this place.")

    def _added(self, file, mask):
        if file == self.file and self.layers.labels is not None:
            added = self.layers.add(mask)
            self._say("1 object added" if added else "The model sees no further object at this place.")

    def _save(self):
        self._start("save", self._saved, self._folder().save, self.file.stem, self._image, self._labels())

    def _saved(self, split):
        self._mark()
        self._say(f"saved in {self._folder().path / split}")

    # Train on

    def _train(self):
        folder = self._folder()
        folder.check()
        self._say("the training starts; this takes a minute or two")
        model, steps = self._model, self.controls.steps.value()

        def begin():
            return Training(model, self._process.ask("config", model), folder.path, folder.next_run(), steps)

        self._start("train", self.watch.begin, begin)

    def _stop(self):
        self.watch.training.stop()
        self._say("the training saves and stops after this step")

    def _take_better(self):
        training = self.watch.training
        rows = training.rows()
        if not improved(rows):
            self._say(f"{self._model} stays: {told(rows)}")
            return
        self._use(str(training.workdir))
        self._say(f"the new model is taken: {told(rows)}")
