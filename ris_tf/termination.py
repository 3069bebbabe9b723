"""SIGTERM, by which schedulers and shells end a process: asked to stop, a command ends at its next safe moment."""

import signal
import sys
from pathlib import Path

from tqdm import tqdm


class Termination:
    """Within its block, SIGTERM ends the process at once with exit code 0, or from `wait()` on is only noted.

    Attributes:
      asked: whether SIGTERM came.
    """

    def __init__(self):
        self.asked = self._waiting = False

    def __enter__(self):
        self._before = signal.signal(signal.SIGTERM, self._note)
        return self

    def __exit__(self, *_):
        signal.signal(signal.SIGTERM, self._before)

    def wait(self):
        """From now on the work looks at `asked` by itself: it has something to save."""
        self._waiting = True

    def _note(self, *_):
        self.asked = True
        if not self._waiting:
            tqdm.write(f"{Path(sys.argv[0]).name}: stopped by SIGTERM before its first step, with nothing to save")
            sys.exit(0)  # no exception that a reader could take for a broken file
