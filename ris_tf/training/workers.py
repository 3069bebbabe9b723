"""Distributed training with several processes on one or more machines.

The environment variable TF_CONFIG of each process lists all workers and gives the index of this one:

    {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}

Worker 0 is the chief. Only the chief measures, writes files and shows progress.
"""

import dataclasses
import functools
import json
import os
import sys

import numpy as np
import tensorflow as tf

from ris_tf.errors import DataError, UsageError
from ris_tf.wording import counted

_EXPECTED = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
LOST = (  # errors that TensorFlow raises in the other workers when one is lost
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


@dataclasses.dataclass(frozen=True)
class Place:
    """Position of one process among those that train together.

    Attributes:
      index: index of this process, 0 to count - 1.
      count: number of processes.
    """

    index: int = 0
    count: int = 1

    @property
    def chief(self):
        """Whether this process is the one that measures and writes."""
        return self.index == 0


ALONE = Place()


def place(distribute):
    """Returns the Place of this process for a value of `config.train.distribute`.

    Raises:
      UsageError: the value is "workers", but TF_CONFIG is missing or invalid.
    """
    return _place(os.environ.get("TF_CONFIG", "")) if distribute == "workers" else ALONE


def _place(text):
    found = f"TF_CONFIG is {text[:60]!r}" if text else "TF_CONFIG is not set"
    try:
        said = json.loads(text)
        cluster, task = said["cluster"], said["task"]
        hosts, index = cluster["worker"], task["index"]
        named = isinstance(hosts, list) and all(isinstance(host, str) and ":" in host for host in hosts)
        if not named or list(cluster) != ["worker"] or task["type"] != "worker" or type(index) is not int:
            raise ValueError
        if len(set(hosts)) != len(hosts) or not 0 <= index < len(hosts):
            found = f"TF_CONFIG names {counted(len(hosts), 'worker')} and the index {index}"
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"train.distribute is 'workers' and {found}; expected {_EXPECTED}") from error
    return Place(index, len(hosts))


@functools.cache
def join():
    """Waits for all workers in TF_CONFIG and returns their strategy. Call it before TensorFlow does any work.

    Returns:
      tf.distribute.MultiWorkerMirroredStrategy.

    Raises:
      UsageError: TF_CONFIG is invalid, its port is in use, or TensorFlow has already started.
    """
    place("workers")
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UsageError("train.distribute is 'workers'; call workers.join() before TensorFlow starts") from error
    except tf.errors.OpError as error:
        raise UsageError(f"TF_CONFIG: cannot join the workers ({' '.join(error.message.split())[:120]})") from error


def join_again(error):
    """Restarts this command in the same process after another worker was lost. It then waits for that worker to return.

    A restart is needed because TensorFlow cannot recover from the error within the running program.

    Args:
      error: one of LOST.
    """
    reason = " ".join(error.message.split())
    print(f"\na worker was lost ({reason[-120:]}); waiting until it is started again", file=sys.stderr, flush=True)
    os.execv(sys.executable, sys.orig_argv)


def gathered(strategy, value):
    """Waits until every worker has called this, and returns the numbers of all workers.

    Args:
      strategy: strategy of this run, or None. If it is not from `join`, only the number of this process is returned.
      value: int or float.

    Returns:
      array [workers], int64 or float64, in the order of the workers.
    """
    own = np.array([value], np.int64 if isinstance(value, int) else np.float64)
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return own

    def together():
        return strategy.gather(strategy.run(lambda: tf.constant(own)), axis=0)

    return tf.function(together, autograph=False)().numpy()


def agree(strategy, value, meaning):
    """Waits until every worker has called this, and checks that all gave the same integer.

    Args:
      strategy: see `gathered`.
      value: int.
      meaning: str, name of the value in the error message.

    Raises:
      DataError: another worker gave a different number.
    """
    values = gathered(strategy, value)
    if (values != value).any():
        listed = ", ".join(map(str, values))
        raise DataError(
            f"{meaning} is {listed} on the workers, in their order; expected one value, and one folder that all share"
        )
