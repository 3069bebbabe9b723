"""What TensorFlow raises where a file cannot be written, as what Python raises."""

import contextlib
import errno
import os

import tensorflow as tf

_KINDS = {tf.errors.ResourceExhaustedError: errno.ENOSPC, tf.errors.OutOfRangeError: errno.EFBIG}


@contextlib.contextmanager
def writing(path):
    """Turns TensorFlow's errors within the block into an OSError that names `path`.

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
