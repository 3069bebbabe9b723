"""Asks a `Finder` in a process of its own, so that TensorFlow never holds up the windows of napari."""

import os
import pickle
import subprocess
import sys
import threading

from ris_tf.errors import RisError, UsageError


class ModelProcess:
    """A process with a Finder. It starts with the first question, and ends with this process at the latest."""

    def __init__(self):
        self._process, self._lock = None, threading.Lock()

    def ask(self, method, *arguments):
        """Calls a method of the Finder and waits for the result. Not for the thread of the windows.

        Args:
          method: str, name of a method of `finder.Finder`.
          *arguments: what can be pickled.

        Returns:
          what the method returns.

        Raises:
          UsageError: the method raised an error, whose message is one line; or the process ended.
        """
        with self._lock:
            if self._process is None:
                command = [sys.executable, "-m", __name__]
                self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
            try:
                pickle.dump((method, arguments), self._process.stdin)
                self._process.stdin.flush()
                done, result = pickle.load(self._process.stdout)
            except (EOFError, OSError, pickle.UnpicklingError) as error:
                self._process = None
                raise UsageError("the process with the model has ended; choose the model again") from error
        if not done:
            raise UsageError(result)
        return result

    def close(self):
        """Ends the process, also in the middle of an answer."""
        process = self._process
        if process is not None:
            process.kill()


def one_line(error):
    """The message of an error in one line; with the type of one that no user can mend."""
    text = " ".join(str(error).split())
    return text if isinstance(error, RisError | OSError | ValueError) else f"{type(error).__name__}: {text}"[:300]


def _answer():
    """Answers questions from standard input until it ends."""
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what libraries print must not come between the replies
    from ris_tf.napari_plugin.finder import Finder

    finder = Finder()
    while True:
        try:
            method, arguments = pickle.load(sys.stdin.buffer)
        except EOFError:
            return
        try:
            reply = True, getattr(finder, method)(*arguments)
        except Exception as error:  # whatever it is, the person sees one line
            reply = False, one_line(error)
        pickle.dump(reply, replies)
        replies.flush()


if __name__ == "__main__":
    _answer()
