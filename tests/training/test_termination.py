"""How a training run answers SIGTERM, SIGHUP and Ctrl-C: what it says, when it ends, and with which exit code."""

import hashlib
import os
import re
import signal
import subprocess
import sys
import threading
import time

import pytest

from ris_tf.training.termination import Termination

pytestmark = pytest.mark.usefixtures("in_the_foreground")


def test_before_there_is_something_to_save_a_request_to_stop_ends_at_once(capsys):
    before = signal.getsignal(signal.SIGTERM)
    with pytest.raises(SystemExit) as stop, Termination():
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.value.code == 0 and "stopped by SIGTERM before its first step" in capsys.readouterr().out
    assert signal.getsignal(signal.SIGTERM) == before


def test_a_hangup_is_ignored_under_nohup():
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        with Termination() as termination:
            termination.wait()
            os.kill(os.getpid(), signal.SIGHUP)
            assert not termination.asked
    finally:
        signal.signal(signal.SIGHUP, before)


def test_what_a_closed_terminal_leaves_running_saves_first(tmp_path):
    code = """
import fcntl, sys, termios, time
from pathlib import Path
from ris_tf.training.termination import Termination
fcntl.ioctl(0, termios.TIOCSCTTY, 0)  # of a process started from a terminal
with Termination() as termination:
    termination.wait()
    while not termination.asked:
        print("at work", flush=True)
        time.sleep(0.01)
    print("saving", file=sys.stderr, flush=True)
    print("saving", flush=True)
    Path(sys.argv[1]).write_text(termination.asked)
"""
    saved = tmp_path / "saved"
    terminal, its = os.openpty()
    child = subprocess.Popen(
        [sys.executable, "-c", code, saved], stdin=its, stdout=its, stderr=its, start_new_session=True
    )
    os.close(its)
    said = b""
    while b"at work" not in said:
        said += os.read(terminal, 1000)
    os.close(terminal)  # the kernel sends SIGHUP, and writing to the terminal fails from now on
    assert child.wait(60) == 0
    assert saved.read_text() == "SIGHUP"


def test_a_worker_that_is_stopped_is_to_be_started_again():
    with pytest.raises(SystemExit) as stop, Termination(again=True):
        os.kill(os.getpid(), signal.SIGTERM)
    assert stop.value.code == 143
    with Termination(again=True) as termination:
        termination.wait()
        os.kill(os.getpid(), signal.SIGTERM)
        assert termination.exit_code == 143


def test_ctrl_c_interrupts_where_there_is_nothing_to_save_and_when_pressed_again():
    with pytest.raises(KeyboardInterrupt), Termination():
        os.kill(os.getpid(), signal.SIGINT)
    with pytest.raises(KeyboardInterrupt), Termination() as termination:
        termination.wait()
        os.kill(os.getpid(), signal.SIGINT)
        assert termination.asked == "Ctrl-C"
        os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize(("number", "name"), [(signal.SIGINT, "Ctrl-C"), (signal.SIGTERM, "SIGTERM")])
def test_a_request_is_acknowledged_while_no_python_runs(capsys, monkeypatch, number, name):
    """A long call of a library holds back the handlers of Python; TensorFlow's compilation is such a call."""
    monkeypatch.setattr(sys, "argv", ["/bin/ris-train"])
    with Termination() as termination:
        termination.wait()
        said = []
        timers = [threading.Timer(0.02, os.kill, (os.getpid(), number))]
        timers += [threading.Timer(0.15, lambda: said.append((termination.asked, capsys.readouterr().err)))]
        for timer in timers:
            timer.start()
        hashlib.pbkdf2_hmac("sha256", b"", b"", 10**6)  # takes 0.3 s or more, without the lock of the interpreter
        assert said == [("", f"ris-train: {name}: stopping after this step\n")]
        assert termination.asked == name
    assert not capsys.readouterr().err and signal.set_wakeup_fd(-1) == -1


def test_only_the_first_request_is_acknowledged_and_a_hangup_is_not(capsys):
    for numbers, times in (((signal.SIGTERM, signal.SIGTERM), 1), ((signal.SIGHUP,), 0)):
        with Termination() as termination:
            termination.wait()
            for number in numbers:
                os.kill(os.getpid(), number)
        assert capsys.readouterr().err.count("stopping after this step") == times


@pytest.mark.slow
def test_ctrl_c_during_the_first_step_is_acknowledged_before_it_ends(tmp_path):
    arguments = [
        "--config=leaves_paper", "--data=synthetic:discs", "--config.model.size=(60,60)", "--config.model.steps=2",
        "--config.model.paper.filters=4", "--config.model.paper.layers=1", "--config.data.synthetic_images=4",
        "--config.train.steps=9", "--config.train.batch=2", "--config.train.validation_images=1",
        "--config.train.jit_compile=True", f"--workdir={tmp_path / 'run'}",
    ]  # fmt: skip
    code = "import sys; from ris_tf.commands import train; sys.argv[0] = 'ris-train'; train.main()"
    ignoring = {"preexec_fn": lambda: signal.signal(signal.SIGINT, signal.default_int_handler)}
    run = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, **ignoring
    )
    err = ""
    while "compiling:" not in err:
        err += run.stderr.read(1)
    time.sleep(3)
    run.send_signal(signal.SIGINT)
    sent = time.monotonic()
    while "stopping after this step" not in err:
        err += run.stderr.read(1)
    acknowledged = time.monotonic() - sent
    out, rest = run.communicate()
    ended = time.monotonic() - sent
    assert run.returncode == 130 and "stopped by Ctrl-C at step 1 of 9, saved" in out, err + rest
    assert acknowledged < min(2, ended) and re.search(r"compiling: +0%", err)
