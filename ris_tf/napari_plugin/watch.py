"""Watches a training: shows what it has measured so far, and says what came of it."""

from qtpy.QtCore import QTimer

from ris_tf.napari_plugin.training import told

_EVERY = 1000  # milliseconds between two looks at the log


class Watch(QTimer):
    """Looks at the log of a training until it ends.

    Args:
      parent: QWidget.
      plot: Plot.
      say: function of a line of text.
      ended: function without arguments, called at the end of a training.

    Attributes:
      training: Training, the last one, or None.
    """

    def __init__(self, parent, plot, say, ended):
        super().__init__(parent)
        self.training, self._plot, self._say, self._ended = None, plot, say, ended
        self.timeout.connect(self._look)

    @property
    def running(self):
        return self.training is not None and self.training.running

    def begin(self, training):
        self.training = training
        self._plot.show_rows([], training.steps)
        self.start(_EVERY)

    def close(self):
        """Asks the training to save and end, if there is one."""
        if self.running:
            self.training.stop()

    def _look(self):
        running, rows = self.running, self.training.rows()  # in this order, so that no row is missed
        if self._plot.show_rows(rows, self.training.steps):
            self._say(f"step {rows[-1]['step']:.0f} of {self.training.steps:,}: {told(rows)}")
        if not running:
            self.stop()
            self._say(self.training.failure() or f"the training has ended: {told(rows)}")
            self._ended()
