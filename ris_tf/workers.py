"""Training by several processes on one or more machines: who takes part, which of them this is, what all agree on.

TF_CONFIG in the environment of each process says who takes part and which of them it is:

    {"cluster": {"worker": ["host0:2222", "host1:2222"]}, "task": {"type": "worker", "index": 0}}

Worker 0 is the chief: it alone measures, writes and shows progress.
"""

import dataclasses
import functools
import json
import os
import sys

import numpy as np
import tensorflow as tf

from ris_tf.errors import DataError, UsageError

_EXPECTED = '{"cluster": {"worker": ["HOST:PORT", ...]}, "task": {"type": "worker", "index": 0}}'
LOST = (  # what TensorFlow raises in the others when a worker is gone
    tf.errors.UnavailableError,
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
)


@dataclasses.dataclass(frozen=True)
class Place:
    """One process among those that train together.

    Attributes:
      index: of this process, 0 to count - 1.
      count: of processes.
    """

    index: int = 0
    count: int = 1

    @property
    def chief(self):
        """Whether this is the process that measures and writes."""
        return self.index == 0


ALONE = Place()


def place(distribute):
    """The Place of this process under `config.train.distribute`.

    Raises:
      UsageError: "workers", but TF_CONFIG is missing or says something else.
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
            found = f"TF_CONFIG names {len(hosts)} workers and the index {index}"
            raise ValueError
    except (ValueError, KeyError, TypeError) as error:
        raise UsageError(f"train.distribute is 'workers' and {found}; expected {_EXPECTED}") from error
    return Place(index, len(hosts))


@functools.cache
def join():
    """Waits for all workers that TF_CONFIG names; the strategy over them. To be called before TensorFlow does any work.

    Returns:
      tf.distribute.MultiWorkerMirroredStrategy.

    Raises:
      UsageError: TF_CONFIG is wrong, its port is taken, or TensorFlow has begun.
    """
    place("workers")
    try:
        return tf.distribute.MultiWorkerMirroredStrategy()
    except RuntimeError as error:
        raise UsageError("train.distribute is 'workers'; call workers.join() before TensorFlow begins") from error
    except tf.errors.OpError as error:
        raise UsageError(f"TF_CONFIG: cannot join the workers ({' '.join(error.message.split())[:120]})") from error


def join_again(error):
    """Starts this command anew, in the same process, after another worker was lost: it waits for that one and goes on.

    Args:
      error: one of LOST. TensorFlow offers no way back from it within the running program.
    """
    reason = " ".join(error.message.split())
    print(f"\na worker was lost ({reason[-120:]}); waiting for it to be started again", file=sys.stderr, flush=True)
    os.execv(sys.executable, sys.orig_argv)


def gathered(strategy, value):
    """Waits until every worker has come here with a number.

    Args:
      strategy: of this run, or None; other strategies than `join`'s have one number, this process's.
      value: int or float.

    Returns:
      array [workers], int64 or float64, in their order.
    """
    own = np.array([value], np.int64 if isinstance(value, int) else np.float64)
    if not isinstance(strategy, tf.distribute.MultiWorkerMirroredStrategy):
        return own

    def together():
        return strategy.gather(strategy.run(lambda: tf.constant(own)), axis=0)

    return tf.function(together, autograph=False)().numpy()


def agree(strategy, value, meaning):
    """Waits until every worker has come here with the same whole number.

    Args:
      strategy, value: as of `gathered`; value an int.
      meaning: str, what it is, for the error.

    Raises:
      DataError: another worker has another number.
    """
    values = gathered(strategy, value)
    if (values != value).any():
        listed = ", ".join(map(str, values))
        raise DataError(f"{meaning} {listed} for the workers in their order; expected one, of a folder that all share")
