"""Test of distributed training: one, two and four processes give equal weights, also if one is killed and restarted.

  python tests/harness/workers.py [--json FILE]

Each process is a separate ris-train on the loopback interface, as on separate machines. The optimizer is SGD, whose
steps are as exact as its gradients. AdamW divides by the gradients, which would magnify the rounding errors of the
smallest ones.
"""

import argparse
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

FLAGS = (
    "--config=rosettes", "--data=synthetic:rosettes", "--config.data.synthetic_images=8",
    "--config.data.synthetic_size=96", "--config.model.attend.widths=(8,8,16,16)",
    "--config.train.precision=float32", "--config.train.batch=4", "--config.train.warmup=0",
    "--config.train.validation_images=1", "--config.train.evaluate_every=4", "--config.train.learning_rate=0.01",
    "--config.train.final_learning_rate=1",
)  # fmt: skip
ATTEND = ("--config.model.size=(64,64)", "--config.model.steps=1", "--config.train.steps=8")
PAPER = ("--config.model.form=paper", "--config.model.size=(60,60)", "--config.model.steps=2",
         "--config.loss.score_target=count", "--config.data.view=whole", "--config.train.steps=24",
         "--config.train.clip_norm=0", "--config.train.clip_value=0.2",
         "--config.curriculum.start=1", "--config.curriculum.patience=12",
         "--config.curriculum.tolerance=1")  # fmt: skip
BOUND = 1e-5  # largest difference allowed between two weights
PROGRAM = """
import sys, keras, tensorflow as tf
from ris_tf.commands import train
from ris_tf.training import start, workers
def optimizer(config, before=None):
    parts = tf.distribute.get_strategy().num_replicas_in_sync
    norm, value = (limit / parts or None for limit in (config.train.clip_norm, config.train.clip_value))
    rate = keras.optimizers.schedules.ExponentialDecay(config.train.learning_rate, 1, 1.0)  # constant
    return keras.optimizers.SGD(rate, 0.9, use_ema=True, ema_momentum=0.9, global_clipnorm=norm, clipvalue=value)
start.optimizer = optimizer
sys.argv[0] = "ris-train"
train.main()
"""


class Cluster:
    """Worker processes that train together in one work folder.

    Args:
      folder: Path of the work folder; the output of each process goes to FOLDER.INDEX.txt.
      count: number of processes; with 1, TF_CONFIG is not set.
      *flags: further flags of ris-train.
    """

    def __init__(self, folder, count, *flags):
        self.folder, self.flags = folder, (*FLAGS, *flags, f"--workdir={folder}")
        self.hosts = [f"127.0.0.1:{port}" for port in _free_ports(count)]
        self.processes = [None] * count
        for index in range(count):
            self.start(index)

    def start(self, index):
        """Starts a worker."""
        environment, flags = dict(os.environ, TF_CPP_MIN_LOG_LEVEL="2"), self.flags
        if len(self.hosts) > 1:
            task = {"type": "worker", "index": index}
            environment["TF_CONFIG"] = json.dumps({"cluster": {"worker": self.hosts}, "task": task})
            flags = (*flags, "--config.train.distribute=workers")
        with open(f"{self.folder}.{index}.txt", "a") as words:
            command = [sys.executable, "-c", PROGRAM, *flags]
            self.processes[index] = subprocess.Popen(command, env=environment, stdout=words, stderr=words)

    def wait(self, seconds=600):
        """Waits for every process and raises RuntimeError if one fails; kills the remaining ones in any case."""
        until = time.monotonic() + seconds
        try:
            for index, process in enumerate(self.processes):
                code = process.wait(max(1, until - time.monotonic()))
                if code:
                    raise RuntimeError(f"worker {index} failed with exit code {code}: {self.words(index)[-1500:]}")
        finally:
            for process in self.processes:
                process.kill()
                process.wait()

    def words(self, index):
        """Output of a worker so far, str."""
        return Path(f"{self.folder}.{index}.txt").read_text()

    def kill_after_checkpoint(self, index):
        """Kills a worker with SIGKILL after a checkpoint and restarts it some seconds later; the others run on."""
        last = self.folder / "last.keras"
        until = time.monotonic() + 600
        while not last.exists() and time.monotonic() < until and self.processes[index].poll() is None:
            time.sleep(0.05)
        time.sleep(0.3)
        self.processes[index].send_signal(signal.SIGKILL)
        self.processes[index].wait()
        time.sleep(3)
        self.start(index)


def _free_ports(count):
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]
    finally:
        for one in sockets:
            one.close()


def weights(folder):
    """The weights, list of arrays, and the step of the last checkpoint in a folder."""
    from ris_tf.storage import load

    model = load(folder / "last.keras")
    return [weight.numpy() for weight in model.weights], int(model.optimizer.iterations)


def untrained(folder):
    """The initial weights of the run in a folder, list of arrays."""
    import keras

    from ris_tf.model import build

    config = json.loads((folder / "config.json").read_text())
    keras.utils.set_random_seed(config["seed"])
    return [weight.numpy() for weight in build(config).weights]


def difference(one, other):
    """Largest absolute difference between two lists of weights, float."""
    return max(float(np.abs(a - b).max()) for a, b in zip(one, other, strict=True))


def trained(folder, count, *flags, killed=None):
    """Trains with `count` processes, killing the worker `killed` unless it is None; returns the same as `weights`."""
    cluster = Cluster(folder, count, *flags)
    if killed is not None:
        cluster.kill_after_checkpoint(killed)
    cluster.wait()
    return weights(folder)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--json", type=Path, help="JSON file to write the figures to")
    arguments = parser.parse_args()
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name, flags, cases in (
            ("paper", PAPER, ((2, None), (4, None), (2, 1), (2, 0))),
            ("attend", ATTEND, ((2, None),)),
        ):
            alone, done = trained(Path(scratch) / name, 1, *flags)
            moved = difference(alone, untrained(Path(scratch) / name))
            for count, killed in cases:
                started = time.monotonic()
                folder = Path(scratch) / f"{name}-{count}-{killed}"
                together, reached = trained(folder, count, *flags, killed=killed)
                row = {"form": name, "workers": count, "killed": killed, "steps": reached, "moved": moved}
                row |= {"difference": difference(alone, together), "seconds": round(time.monotonic() - started)}
                row["equal"] = reached == done and row["difference"] <= BOUND < moved / 100
                rows.append(row)
                print("  ".join(f"{key} {value}" for key, value in row.items()), flush=True)
    equal = sum(row["equal"] for row in rows)
    worst = max(row["difference"] for row in rows)
    restarts = sum(row["killed"] is not None for row in rows)
    print(f"workers: {equal} of {len(rows)} runs equal one process, {restarts} of them with a worker killed; "
          f"largest difference of a weight {worst:.1e}, bound {BOUND:.0e}")  # fmt: skip
    if arguments.json:
        arguments.json.write_text(json.dumps({"bound": BOUND, "runs": rows}, indent=2) + "\n")
    return equal < len(rows)


if __name__ == "__main__":
    sys.exit(main())
