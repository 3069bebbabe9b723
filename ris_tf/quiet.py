"""Silences TensorFlow's start-up messages, which would bury the one-line output of a command."""

import contextlib
import os


@contextlib.contextmanager
def quiet():
    """Context manager that discards everything written to file descriptor 2. Python exceptions propagate as usual.

    Setting TF_CPP_MIN_LOG_LEVEL is not enough, because TensorFlow writes some messages before it reads that variable.
    Set it to 0 to see all messages; then nothing is discarded.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # the process has no standard error
        yield
        return
    sink = os.open(os.devnull, os.O_WRONLY)
    try:
        os.dup2(sink, 2)
        yield
    finally:
        os.dup2(kept, 2)
        os.close(kept)
        os.close(sink)
