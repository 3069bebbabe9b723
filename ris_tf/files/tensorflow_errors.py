"""Convert TensorFlow's file-writing errors to Python's OSError."""

import contextlib
import errno
import os

import tensorflow as tf

_KINDS = {tf.errors.ResourceExhaustedError: errno.ENOSPC, tf.errors.OutOfRangeError: errno.EFBIG}


@contextlib.contextmanager
def writing(path):
    """Context manager that converts TensorFlow errors raised in the block to an OSError that names `path`.

    Raises:
      OSError: a file cannot be written.
    """
    try:
        yield
    except tuple(_KINDS) as error:
        number = _KINDS[type(error)]
        raise OSError(number, os.strerror(number), str(path)) from error
    except tf.errors.OpError as error:
        raise OSError(errno.EIO, " ".join(error.message.split())[:200], str(path)) from error
