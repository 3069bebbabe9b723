"""Signal handling: lets a command end at a safe moment after SIGTERM, SIGHUP or Ctrl-C.

Schedulers and shells send SIGTERM. A terminal that closes sends SIGHUP.
"""

import os
import signal
import socket
import sys
import threading
from pathlib import Path

from tqdm import tqdm

_NAMES = {signal.SIGTERM: "SIGTERM", signal.SIGINT: "Ctrl-C"}
if hasattr(signal, "SIGHUP"):  # Windows has no SIGHUP
    _NAMES[signal.SIGHUP] = "SIGHUP"


class Termination:
    """Context manager that handles requests to stop.

    Within the block, SIGTERM ends the process at once with exit code 0. After `wait()` was called, SIGTERM is only
    recorded in `asked`. SIGHUP is handled like SIGTERM, but a process that ignores SIGHUP, as under nohup, still
    ignores it. Ctrl-C (SIGINT) interrupts as usual. After `wait()`, the first Ctrl-C is recorded, too, and a second one
    interrupts. A recorded SIGTERM or Ctrl-C is acknowledged at once on standard error.

    Args:
      again: whether the process must be started again, because others wait for it. Its exit code after SIGTERM is then
        143, which supervisors treat as a failure.

    Attributes:
      asked: "SIGTERM", "SIGHUP" or "Ctrl-C", the first request; "" if there was none.
    """

    def __init__(self, again=False):
        self.asked, self._waiting = "", False
        self._terminated = 128 + signal.SIGTERM if again else 0

    @property
    def exit_code(self):
        """Exit code of a process that ends because it was asked to."""
        return 130 if self.asked == _NAMES[signal.SIGINT] else self._terminated

    def __enter__(self):
        heeded = [number for number in _NAMES if signal.getsignal(number) != signal.SIG_IGN]
        self._before = {number: signal.signal(number, self._note) for number in heeded}
        self._terminals = [stream for stream in (1, 2) if os.isatty(stream)]
        numbers, self._sender = socket.socketpair()
        self._sender.setblocking(False)
        self._sender_before = signal.set_wakeup_fd(self._sender.fileno())
        self._acknowledging = threading.Thread(target=self._acknowledge, args=(numbers,), daemon=True)
        self._acknowledging.start()
        return self

    def __exit__(self, *_):
        for number, handler in self._before.items():
            signal.signal(number, handler)
        signal.set_wakeup_fd(self._sender_before)
        self._sender.close()
        self._acknowledging.join()

    def wait(self):
        """From now on, requests are only recorded. The caller must check `asked`, because it has something to save."""
        self._waiting = True

    def _acknowledge(self, numbers):
        """Answers the first request from a thread, because `_note` must wait while TensorFlow compiles or runs a step.

        Args:
          numbers: socket that receives the number of each signal, as a byte, the moment it arrives.
        """
        said = False
        with numbers:
            while number := numbers.recv(1):
                name = _NAMES.get(number[0])
                if self._waiting and not said and name in ("SIGTERM", "Ctrl-C"):  # SIGHUP has no terminal to write to
                    said = True
                    tqdm.write(f"{Path(sys.argv[0]).name}: {name}: stopping after this step", file=sys.stderr)

    def _note(self, number, _):
        if number == signal.SIGINT and (self.asked or not self._waiting):
            raise KeyboardInterrupt
        if _NAMES[number] == "SIGHUP":  # a progress bar on a closed terminal would fail before the work is saved
            nowhere = os.open(os.devnull, os.O_WRONLY)
            for stream in self._terminals:
                os.dup2(nowhere, stream)
            os.close(nowhere)
        self.asked = self.asked or _NAMES[number]
        if not self._waiting:
            tqdm.write(f"{Path(sys.argv[0]).name}: stopped by {_NAMES[number]} before its first step; nothing to save")
            sys.exit(self._terminated)  # an exception could be mistaken for a broken file by the code that reads data
