"""Runs long work on other threads; the results come back to the thread of the windows."""

import contextlib
import threading

from qtpy.QtCore import QObject, Signal

from ris_tf.napari_plugin.model_process import one_line


class Background(QObject):
    """Starts work. Made on the thread of the windows.

    Every piece of work has a thread of its own. napari's `thread_worker` takes threads from a pool that has one for
    each processor, and work that waits for the model would keep all others waiting.

    Args:
      parent: QWidget. When it is gone, results are dropped.
    """

    _came = Signal(object, object)

    def __init__(self, parent):
        super().__init__(parent)
        self._came.connect(self._deliver)

    def start(self, done, failed, function, *arguments):
        """Calls a function on another thread.

        Args:
          done: called on the thread of the windows, with the result.
          failed: called there if the function raises an error, with its message in one line, str.
          function, *arguments: what to call.
        """

        def work():
            try:
                then, result = done, function(*arguments)
            except Exception as error:  # whatever it is, the person sees one line
                then, result = failed, one_line(error)
            with contextlib.suppress(RuntimeError):  # the window is closed
                self._came.emit(then, result)

        threading.Thread(target=work, daemon=True).start()

    def _deliver(self, then, result):
        then(result)
