"""The two layers in the window of napari: the image, and its objects as labels."""

import numpy as np

from ris_tf.data.normalize import normalize
from ris_tf.napari_plugin import objects

TOOLS, ADD, REMOVE = "tools", "add", "remove"  # what a click does
_STILL = 4  # screen pixels that the mouse may move in a click


class Layers:
    """The layers "image" and "objects" of a viewer. They are kept and filled anew, because new ones take napari long.

    Args:
      viewer: napari.Viewer.
      clicked: function (row, column) of int, called for a click on the image while `click` is not TOOLS.
      tool_chosen: function without arguments, called when the person chooses a tool of napari; `click` is then TOOLS.

    Attributes:
      click: TOOLS, ADD or REMOVE. With ADD and REMOVE, napari's tools rest.
    """

    def __init__(self, viewer, clicked, tool_chosen):
        self._viewer, self._clicked, self._tool_chosen, self._click = viewer, clicked, tool_chosen, TOOLS
        self._image = self._objects = None
        viewer.mouse_drag_callbacks.append(self._on_press)

    @property
    def labels(self):
        """The label map as it is now, int32 [H, W]; None if no image is shown."""
        return self._objects.data if self._objects in self._viewer.layers else None

    @property
    def click(self):
        return self._click

    @click.setter
    def click(self, click):
        self._click = click
        if click != TOOLS and self._objects is not None:
            self._objects.mode = "pan_zoom"

    def show(self, image, labels):
        """Shows another image; the history for "undo" begins anew.

        Args:
          image: uint8, uint16 or float32 [H, W, 1 or 3].
          labels: int32 [H, W]; the layer changes it in place.
        """
        pixels = image[..., 0] if image.shape[2] == 1 else image if image.dtype == np.uint8 else normalize(image, 3)
        resized = self._image is None or self._image.data.shape[:2] != pixels.shape[:2]
        if self._image not in self._viewer.layers or self._image.rgb != (pixels.ndim == 3):
            if self._image in self._viewer.layers:
                self._viewer.layers.remove(self._image)
            self._image = self._viewer.add_image(pixels, name="image", rgb=pixels.ndim == 3)
            self._viewer.layers.move(self._viewer.layers.index(self._image), 0)
        else:
            self._image.data = pixels
            if pixels.ndim == 2:
                self._image.reset_contrast_limits()
        if self._objects not in self._viewer.layers:
            self._objects = self._viewer.add_labels(labels, name="objects", opacity=0.5)
            self._objects.events.mode.connect(self._on_mode)
        else:
            mode = self._objects.mode
            self._objects.data = labels
            self._objects.editable = False  # forgets the history
            self._objects.editable = True
            self._objects.mode = mode
        self._objects.selected_label = objects.next_id(labels)
        self._viewer.layers.selection.active = self._objects
        if resized:
            self._viewer.reset_view()

    def add(self, mask):
        """Adds an object, below those that are there; "undo" takes it back. Returns the number of its pixels, int."""
        pixels = objects.free_pixels(self.labels, mask)
        if pixels[0].size:
            number = objects.next_id(self.labels)
            self._objects.data_setitem(pixels, number)
            self._objects.selected_label = number + 1
        return pixels[0].size

    def remove(self, row, column):
        """Removes the object at a place; "undo" brings it back. Returns the number of its pixels, int."""
        pixels = objects.pixels_of(self.labels, row, column)
        if pixels[0].size:
            self._objects.data_setitem(pixels, 0)
        return pixels[0].size

    def merge(self, pixels, numbers):
        """Adds what a model found where nothing is by now; "undo" takes it back.

        Args:
          pixels, numbers: see `objects.added`.
        """
        if not numbers.size:
            return
        free = self.labels[pixels] == 0
        last = objects.next_id(self.labels) - 1
        self._objects.data_setitem(tuple(axis[free] for axis in pixels), last + numbers[free])
        self._objects.selected_label = last + int(numbers.max()) + 1

    def _on_mode(self, event):
        if self._click != TOOLS and event.mode != "pan_zoom":
            self._click = TOOLS
            self._tool_chosen()

    def _on_press(self, viewer, event):
        if self._click == TOOLS or self.labels is None:
            return
        start = np.array(event.pos)
        yield
        while event.type == "mouse_move":
            yield
        if np.abs(start - event.pos).max() < _STILL:
            row, column = np.round(self._objects.world_to_data(event.position)[-2:]).astype(int)
            self._clicked(int(row), int(column))
