"""Lock a work folder, so that two processes do not overwrite each other's checkpoints."""

import contextlib

from ris_tf.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows has no fcntl; nothing is locked there
    fcntl = None


@contextlib.contextmanager
def alone(folder):
    """Context manager that locks a folder until the block, or the process, ends.

    Args:
      folder: Path of an existing folder; an empty file `.lock` is created in it.

    Raises:
      UsageError: another process holds the lock.
      OSError: the lock file cannot be created.
    """
    with (folder / ".lock").open("w") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{folder}: another ris-train is running in this folder; stop it, or give another --workdir"
            ) from error
        except OSError:
            pass  # the file system does not support locks
        yield
