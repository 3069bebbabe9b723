"""The buttons and fields of the plugin, from top to bottom in the order in which they are used."""

from qtpy.QtCore import Qt
from qtpy.QtWidgets import (
    QButtonGroup,
    QComboBox,
    QFileDialog,
    QFormLayout,
    QGroupBox,
    QHBoxLayout,
    QLabel,
    QLineEdit,
    QListWidget,
    QListWidgetItem,
    QPushButton,
    QRadioButton,
    QSpinBox,
    QVBoxLayout,
    QWidget,
)

from ris_tf import presets
from ris_tf.napari_plugin.layers import ADD, REMOVE, TOOLS
from ris_tf.napari_plugin.plot import Plot

OTHER = "a run of ris-train ..."  # the last entry of the list of models
_CLICKS = {TOOLS: "uses napari's tools", ADD: "adds the object there", REMOVE: "removes the object there"}

_FILE = Qt.ItemDataRole.UserRole


class Controls(QWidget):
    """Only what is seen; what it does is in `widget`.

    Attributes:
      images, folder: QLineEdit, folders. `browse_images` and `browse_folder` are the buttons beside them.
      model, files, clicks, steps, plot, status: the other fields.
      find, order, save, train, stop, better: QPushButton.
    """

    def __init__(self):
        super().__init__()
        self.images, self.browse_images = QLineEdit(), QPushButton("...")
        self.folder, self.browse_folder = QLineEdit(), QPushButton("...")
        self.model = QComboBox()
        self.model.addItems([*presets.names(), OTHER])
        self.files = QListWidget()
        self.files.setMinimumHeight(110)
        self.find, self.order = QPushButton("Find objects"), QPushButton("Label this next")
        self.clicks = QButtonGroup(self)
        self.save = QPushButton("Save into the training folder")
        self.steps = QSpinBox()
        self.steps.setRange(8, 100_000)
        self.steps.setValue(200)
        self.steps.setSuffix(" steps")
        self.train, self.stop = QPushButton("Train on"), QPushButton("Stop")
        self.plot = Plot()
        self.better = QPushButton("Take the better model")
        self.status = QLabel("Choose a folder of images.")
        self.status.setWordWrap(True)
        self.status.setMinimumHeight(3 * self.status.fontMetrics().height())
        self._tips()
        layout = QVBoxLayout(self)
        for part in (self._found(), self._corrected(), self._trained()):
            layout.addWidget(part)
        layout.addWidget(self.status)
        layout.addStretch()

    def click(self):
        """What a click does: TOOLS, ADD or REMOVE."""
        return list(_CLICKS)[self.clicks.checkedId()]

    def show_files(self, notes, current):
        """Fills the list of images.

        Args:
          notes: {Path: str}, what is known of each image, in the order of the list.
          current: Path of the image to mark as chosen, or None.
        """
        self.files.blockSignals(True)
        self.files.clear()
        for file, note in notes.items():
            item = QListWidgetItem(f"{file.name}   {note}", self.files)
            item.setData(_FILE, file)
        self.files.blockSignals(False)
        self.choose_file(current)

    def chosen_file(self):
        """Path of the image that is chosen in the list, or None."""
        chosen = self.files.selectedItems()
        return chosen[0].data(_FILE) if chosen else None

    def choose_file(self, file):
        """Chooses an image in the list; nothing if it is not there."""
        for number in range(self.files.count()):
            if self.files.item(number).data(_FILE) == file:
                self.files.setCurrentRow(number)

    def choose_tools(self):
        """Shows that a click uses napari's tools."""
        self.clicks.button(0).setChecked(True)

    def ask_folder(self, title):
        """Lets the person choose a folder: str, empty if none was chosen."""
        return QFileDialog.getExistingDirectory(self, title)

    def add_model(self, source):
        """Adds a model to the list, unless it is there, and chooses it."""
        if self.model.findText(source) < 0:
            self.model.insertItem(self.model.count() - 1, source)
        self.model.setCurrentText(source)

    def _tips(self):
        tips = {
            self.order: "Looks at every image in four orientations; the model is least sure where the results differ",
            self.find: "Adds what the model finds; objects that are there stay",
            self.save: "The first image is to train on, the second checks the model, and then one in five",
            self.better: "Compares the validation SBD before and after the training",
        }
        for button, tip in tips.items():
            button.setToolTip(tip)

    def _found(self):
        box = QGroupBox("1. Images and model")
        form = QFormLayout(box)
        form.addRow("images", _row(self.images, self.browse_images))
        form.addRow("model", self.model)
        form.addRow(self.files)
        form.addRow(_row(self.order, self.find))
        return box

    def _corrected(self):
        box = QGroupBox("2. Correct: a click on the image")
        column = QVBoxLayout(box)
        for number, text in enumerate(_CLICKS.values()):
            button = QRadioButton(text)
            self.clicks.addButton(button, number)
            column.addWidget(button)
        self.choose_tools()
        column.addWidget(self.save)
        return box

    def _trained(self):
        box = QGroupBox("3. Train on")
        form = QFormLayout(box)
        form.addRow("folder", _row(self.folder, self.browse_folder))
        form.addRow(_row(self.steps, self.train, self.stop))
        form.addRow(self.plot)
        form.addRow(self.better)
        return box


def _row(*parts):
    row = QWidget()
    layout = QHBoxLayout(row)
    layout.setContentsMargins(0, 0, 0, 0)
    for part in parts:
        layout.addWidget(part)
        if isinstance(part, QPushButton) and part.text() == "...":
            part.setMaximumWidth(32)
    return row
