"""One process at a time in a work folder: two would write over each other's checkpoints."""

import contextlib

from ris_tf.errors import UsageError

try:
    import fcntl
except ImportError:  # Windows, where nothing is locked
    fcntl = None


@contextlib.contextmanager
def alone(folder):
    """Holds a folder until the block, or the process, ends.

    Args:
      folder: Path of a folder that exists; gets the empty file `.lock`.

    Raises:
      UsageError: another process holds it.
      OSError: the file cannot be made.
    """
    with (folder / ".lock").open("w") as file:
        try:
            if fcntl:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise UsageError(
                f"{folder}: another ris-train is at work here; stop it, or give another --workdir"
            ) from error
        except OSError:
            pass  # a file system without locks
        yield
