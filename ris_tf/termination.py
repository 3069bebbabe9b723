"""SIGTERM, of schedulers and shells, SIGHUP, of a terminal that closes, and Ctrl-C: a command ends at a safe moment."""

import os
import signal
import sys
from pathlib import Path

from tqdm import tqdm

_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
if hasattr(signal, "SIGHUP"):  # Windows has none
    _NAMES[signal.SIGHUP] = "SIGHUP"


class Termination:
    """Within its block, SIGTERM ends the process at once with exit code 0, or from `wait()` on is only noted.

    SIGHUP is answered as SIGTERM; a process that ignores it, as under nohup, goes on doing so. Ctrl-C (SIGINT)
    interrupts as ever, and from `wait()` on is noted, too; pressed again, it interrupts.

    Args:
      again: whether the process is to be started again, for others wait for it: then SIGTERM gives the exit code 143,
        which supervisors take for a failure.

    Attributes:
      asked: "SIGTERM", "SIGHUP" or "Ctrl-C", whichever came first; "" if none did.
    """

    def __init__(self, again=False):
        self.asked, self._waiting = "", False
        self._terminated = 128 + signal.SIGTERM if again else 0

    @property
    def exit_code(self):
        """Of a process that ended because it was asked to."""
        return 130 if self.asked == _NAMES[signal.SIGINT] else self._terminated

    def __enter__(self):
        heeded = [number for number in _NAMES if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heeded}
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
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
        if _NAMES[number] == "SIGHUP":  # a progress bar that writes to a closed terminal would end the work, unsaved
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in self._terminals:
                os.dup2(nowhere, stream)
            os.close(nowhere)
        self.asked = self.asked or _NAMES[number]
        if not self._waiting:
            tqdm.write(
                f"{Path(sys.argv[0]).name}: stopped by {_NAMES[number]} before its first step, with nothing to save"
            )
            sys.exit(self._terminated)  # no exception that a reader could take for a broken file
