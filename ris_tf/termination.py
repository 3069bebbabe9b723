"""SIGTERM, by which schedulers and shells end a process, and Ctrl-C: asked to stop, a command ends at a safe moment."""

import signal
import sys
from pathlib import Path

from tqdm import tqdm

_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}


class Termination:
    """Within its block, SIGTERM ends the process at once with exit code 0, or from `wait()` on is only noted.

    Ctrl-C (SIGINT) interrupts as ever, and from `wait()` on is noted, too; pressed again, it interrupts.

    Args:
      again: whether the process is to be started again, for others wait for it: then SIGTERM gives the exit code 143,
        which supervisors take for a failure.

    Attributes:
      asked: "SIGTERM" or "Ctrl-C", whichever came first; "" if none did.
    """

    def __init__(self, again=False):
        self.asked, self._waiting = "", False
        self._terminated = 128 + signal.SIGTERM if again else 0

    @property
    def exit_code(self):
        """Of a process that ended because it was asked to."""
        return 130 if self.asked == _NAMES[signal.SIGINT] else self._terminated

    def __enter__(self):
        self._before = {number: signal.signal(number, self._note) for number in _NAMES}
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def wait(self):
        """From now on the work looks at `asked` by itself: it has something to save."""
        self._waiting = True

    def _note(self, number, _):
        if number == signal.SIGINT and (self.asked or not self._waiting):
            raise KeyboardInterrupt
        self.asked = self.asked or _NAMES[number]
        if not self._waiting:
            tqdm.write(f"{Path(sys.argv[0]).name}: stopped by SIGTERM before its first step, with nothing to save")
            sys.exit(self._terminated)  # no exception that a reader could take for a broken file
