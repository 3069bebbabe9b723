"""Starts ris-train as processes that can be killed at any moment: forks of this process, or the installed command.

Forks start fast, because they are made after the imports.
"""

import os
import random
import re
import resource
import signal
import subprocess
import sys
import time
import traceback
from pathlib import Path

from ris_tf.commands import train

LIMIT = 600  # seconds that a process may take, even on a busy machine
STEPS, INTERVAL = 12, 3
FLAGS = (
    "--config=leaves_paper", "--config.model.size=(60,60)", "--config.model.steps=2",
    "--config.model.paper.filters=4", "--config.model.paper.layers=1", "--config.train.batch=2",
    f"--config.train.steps={STEPS}", f"--config.train.evaluate_every={INTERVAL}", "--config.train.learning_rate=0.02",
    "--config.train.validation_images=2", "--config.train.ema=0.9", "--config.train.deterministic=true",
    "--config.curriculum.start=1", "--config.curriculum.patience=7", "--config.curriculum.tolerance=1",
    "--config.predict.score_threshold=0", "--config.predict.mask_threshold=0.001", "--config.predict.min_area=1",
)  # fmt: skip
_WRITES = {"os.mkdir", "os.rename", "shutil.rmtree"}


class Process:
    """A run of ris-train.

    Args:
      workdir: Path of the work folder.
      data: Path of the data set.
      real: whether to start the installed command; otherwise this process is forked, in which TensorFlow must not have
        done any work.
      at_event: number of the file operation in the work folder, from 1, at which the process kills itself; 0 for none
        (fork only).
      signal_event: number of the file operation at which `marked` becomes true; 0 for none (fork only).
      largest_file: limit of the size of a file in bytes, or None (fork only).

    Attributes:
      pid: process id.
      code: exit code, negative for a signal; None while it runs.
      begun: start time, see `time.monotonic`.
    """

    def __init__(self, workdir, data, real=False, at_event=0, signal_event=0, largest_file=None):
        self.workdir, self.log, self.begun = workdir, workdir.with_name(f"{workdir.name}.log"), time.monotonic()
        self.code, self._marker = None, workdir.with_name(f"{workdir.name}.event")
        self._marker.unlink(missing_ok=True)
        arguments = ["ris-train", *FLAGS, f"--workdir={workdir}", f"--data={data}"]
        if real:
            arguments[0] = str(Path(sys.executable).with_name("ris-train"))
            with self.log.open("wb") as log:
                self._popen = subprocess.Popen(arguments, stdout=log, stderr=log)
            self.pid = self._popen.pid
            return
        self.pid = os.fork()
        if not self.pid:
            self._become(arguments, at_event, signal_event, largest_file)

    def _become(self, arguments, at_event, signal_event, largest_file):
        """Runs ris-train in the forked process; never returns."""
        code = 99
        try:
            log = os.open(self.log, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(log, 1)
            os.dup2(log, 2)
            if largest_file is not None:
                resource.setrlimit(resource.RLIMIT_FSIZE, (largest_file, largest_file))
            if at_event or signal_event:
                sys.addaudithook(self._counting(at_event, signal_event))
            sys.argv = arguments
            train.main()
            code = 0
        except SystemExit as stop:
            code = stop.code or 0
        except BaseException:
            traceback.print_exc()
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(code)

    def _counting(self, at_event, signal_event):
        """Audit hook that counts the file operations in the work folder."""
        folder, seen = str(self.workdir), 0

        def hook(event, arguments):
            nonlocal seen
            if event == "open":
                writes = isinstance(arguments[2], int) and arguments[2] & (os.O_WRONLY | os.O_RDWR)
                inside = writes and isinstance(arguments[0], (str, os.PathLike))
            else:
                inside = event in _WRITES and isinstance(arguments[0], (str, os.PathLike))
            if not inside or not os.fspath(arguments[0]).startswith(folder + "/"):
                return
            seen += 1
            if seen == at_event:
                os.kill(os.getpid(), signal.SIGKILL)
            if seen == signal_event:
                os.close(os.open(self._marker, os.O_CREAT))

        return hook

    def said(self):
        """What the process has printed so far; every state of the progress bar is a line."""
        return self.log.read_text(errors="replace").replace("\r", "\n") if self.log.exists() else ""

    def stepped(self):
        """Whether a training step has been completed."""
        return re.search(r"training:\s+[1-9]", self.said()) is not None

    def marked(self):
        """Whether the file operation `signal_event` has been reached."""
        return self._marker.exists()

    def ended(self):
        """Whether the process has ended; then `code` is set."""
        if self.code is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.code = os.waitstatus_to_exitcode(status)
        return self.code is not None

    def wait(self, until=lambda: False):
        """Waits until the condition holds or the process ends; returns `code`.

        A process that takes longer than LIMIT is killed, and `code` becomes 98.
        """
        while not self.ended() and not until():
            if time.monotonic() - self.begun > LIMIT:
                os.kill(self.pid, signal.SIGKILL)
                os.waitpid(self.pid, 0)
                self.code = 98
            time.sleep(0.001)
        return self.code

    def send(self, number, after=0.0):
        """Sends a signal after some seconds, unless the process ends earlier."""
        moment = time.monotonic() + after
        self.wait(lambda: time.monotonic() >= moment)
        if self.code is None:
            os.kill(self.pid, number)

    def last_line(self):
        """The last line that the process has printed, or ""."""
        return ([line for line in self.said().splitlines() if line.strip()] or [""])[-1]


def kill(workdir, data, kind, seconds, dice: random.Random):
    """Starts a run and kills it with SIGKILL at a random moment.

    Args:
      workdir, data: Paths.
      kind: "operation", at a file operation; "write", within 30 ms after one; "moment", at any time of a whole run;
        "step", at any time after the first step; "command", same as "step", but for the real command.
      seconds: duration of a whole run.
      dice: source of randomness.

    Returns:
      Process; it may have ended before the kill.
    """
    operation = dice.randint(1, 40)
    events = {"operation": {"at_event": operation}, "write": {"signal_event": operation}}.get(kind, {})
    process = Process(workdir, data, real=kind == "command", **events)
    if kind == "write":
        process.wait(process.marked)
        process.send(signal.SIGKILL, dice.uniform(0, 0.03))
    elif kind == "moment":
        process.send(signal.SIGKILL, dice.uniform(0, seconds))
    elif kind != "operation":
        process.wait(process.stepped)
        process.send(signal.SIGKILL, dice.uniform(0, 0.6 * seconds))
    process.wait()
    return process
