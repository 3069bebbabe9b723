"""Keeps TensorFlow's start-up notes off the terminal, where they would bury our one line."""

import contextlib
import os


@contextlib.contextmanager
def quiet():
    """Sends what native code writes to file descriptor 2 nowhere; Python exceptions pass as ever.

    TensorFlow writes some notes before it reads TF_CPP_MIN_LOG_LEVEL; set that to 0 to see them all the same.
    """
    if os.environ.get("TF_CPP_MIN_LOG_LEVEL") == "0":
        yield
        return
    try:
        kept = os.dup(2)
    except OSError:  # no standard error at all
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
