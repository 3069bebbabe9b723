"""Training loop: one run from the first batch to the last, resumable from its work folder."""

import contextlib
import json
import math
import sys
import zlib
from pathlib import Path

import keras
import tensorflow as tf
from absl import logging
from tensorflow.python.eager import context as eager  # there is no public API for the function executor

from ris_tf import storage
from ris_tf.data.sampling import pipeline
from ris_tf.errors import DataError, UsageError
from ris_tf.files.lock import alone
from ris_tf.files.writing import sweep, write_text
from ris_tf.settings import schema
from ris_tf.training import checkpoints, monitor, precision, samples, start, workers
from ris_tf.training.curriculum import Curriculum
from ris_tf.wording import counted

_PICTURES = 4  # number of validation images shown in TensorBoard


def train(config, data, workdir, init=None, termination=None, report=None):
    """Trains a model up to `config.train.steps`, from the last checkpoint in `workdir` if there is one.

    Args:
      config: ml_collections ConfigDict, see configs/base.py.
      data: folder or "synthetic:KIND", see `sources.open_source`.
      workdir: folder for checkpoints and logs; created if it does not exist.
      init: preset, work folder or .keras file with the weights from which a new run starts; None for new weights.
      termination: Termination, or None. When it is asked to stop, the current step is finished and saved, and the
        process ends.
      report: function (model, row of the log) that is called after each measurement, or None.

    Returns:
      The model with the best SBD on the validation images.

    Raises:
      SystemExit: `termination` was asked to stop. The code is `termination.exit_code`: 130 after Ctrl-C, otherwise 0,
        or 143 if the process must be started again.
      OSError: a file cannot be written; the error names it.
      DataError: something is wrong with the data, or the work folder holds a different model.
      UsageError: a field of the config is out of range, or `init` is a different network.
    """
    workdir = Path(workdir)
    schema.check(config)
    _check_workdir(config, workdir, data, init)
    me, distribution = workers.place(config.train.distribute), strategy(config)
    devices = distribution.num_replicas_in_sync
    if config.train.batch % devices:
        raise UsageError(
            f"train.batch is {config.train.batch}; expected a multiple of {devices}, the number of devices that train"
        )
    read = samples.read(data, config)
    keras.utils.set_random_seed(config.seed)
    if config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    with distribution.scope():
        before, kept = checkpoints.newest(workdir)
    workers.agree(distribution, zlib.crc32(kept.read_bytes()) if kept else 0, f"{workdir}: checksum of the checkpoint")
    dtype = precision.choose(config, distribution)
    with distribution.scope():
        model = start.model_of(config, dtype, before, init, workdir)
    if not me.chief:
        return _fit(model, config, read, workdir, distribution, termination)
    workdir.mkdir(parents=True, exist_ok=True)
    with alone(workdir):
        sweep(workdir)
        record = {**config.to_dict(), "init": init, "trained_on": str(data)}
        rotate = kept == workdir / checkpoints.LAST
        return _fit(model, config, read, workdir, distribution, termination, rotate, record, report)


def _fit(model, config, read, workdir, distribution, termination, rotate=True, record=None, report=None):
    """Trains a model that was built and compiled, and returns the best one. Only the chief gets a record to write."""
    source, extra, held_out = read
    me, steps = workers.place(config.train.distribute), config.train.steps
    keeper = checkpoints.Checkpoints(
        model,
        workdir,
        held_out,
        interval=math.ceil(steps / max(1, round(steps / config.train.evaluate_every))),
        steps=steps,
        report=monitor.each(monitor.TensorBoard(workdir / "tensorboard", held_out[:_PICTURES]).write, report),
        termination=termination,
        rotate=rotate,
        place=me,
    )
    if termination:
        termination.wait()
    if me.chief:
        keeper.catch_up(trained=record["init"] is not None and config.train.evaluate_start)
    done = keeper.step
    if done >= steps and not keeper.stopping:
        print(f"{workdir}: already trained for {counted(done, 'step')}; raise --config.train.steps to train further")
        return storage.load(workdir)
    if me.chief:
        write_text(workdir / "config.json", json.dumps(record, indent=2))
    print(f"{_amount(config, read)}, {model.count_params():,} parameters, step {done} of {steps}, in {workdir}")
    print(f"on {_device(model, config)}")

    def names(step):
        batches = pipeline.training_batches(source, config, extra, skip=step, names=True)
        return [name.decode() for name in next(iter(batches))["name"].numpy()]

    progress = monitor.Progress(config, done)
    callbacks = [monitor.FiniteLoss(names, done), *([progress] if me.chief else []), keeper]
    if config.curriculum.start:
        most = max(source.most, extra.most)
        callbacks.insert(1, Curriculum(config.curriculum, min(model.steps, most + config.loss.extra_steps)))
    batches = _batches(config, read, done, me, distribution)
    try:
        if not keeper.stopping:  # as one Keras epoch, because a run may resume between two measurements
            with _in_order(config):
                model.fit(batches, steps_per_epoch=steps - done, shuffle=False, verbose=0, callbacks=callbacks)
    except tf.errors.OpError as error:
        raise (source.error or extra.error or error) from None
    finally:
        progress.close()
    if keeper.stopping:
        saved = ", saved; run the same command again to resume" if me.chief else "; resumes from the chief's last save"
        print(f"{workdir}: stopped by {termination.asked} at step {keeper.step} of {steps}{saved}")
        sys.exit(termination.exit_code)
    workers.agree(distribution, steps, "train.steps")  # waits until the chief has written its last file
    return storage.load(workdir / checkpoints.BEST)


def _amount(config, read):
    extra = f" and {len(read.extra)} of data.extra ({config.data.extra})" if read.extra else ""
    return f"{counted(len(read.source), 'image')}{extra}"


def _device(model, config):
    kinds = ", ".join(device.device_type for device in tf.config.list_logical_devices("GPU")) or "CPU"
    faster = ", the faster on this device" if config.train.precision == "auto" else ""
    return f"{kinds}, {model.dtype_policy.name}{faster}{', XLA' if config.train.jit_compile else ''}"


def _batches(config, read, done, me, distribution):
    """Returns the batches on which this process trains, starting at step `done`."""
    among_workers = config.train.distribute == "workers"
    pieces = distribution.num_replicas_in_sync if among_workers else 1  # "mirrored" splits batches automatically
    part = me.index, me.count
    batches = pipeline.training_batches(read.source, config, read.extra, done, part=part, replicas=pieces)
    return distribution.distribute_datasets_from_function(lambda _: batches) if among_workers else batches


def strategy(config):
    """Returns the tf.distribute strategy that `config.train.distribute` names."""
    if config.train.distribute == "workers":
        return workers.join()
    return tf.distribute.MirroredStrategy() if config.train.distribute == "mirrored" else tf.distribute.get_strategy()


def _check_workdir(config, workdir, data, init):
    if workdir.exists() and not workdir.is_dir():
        raise UsageError(f"--workdir={workdir}: is a file; give a folder")
    recorded = workdir / "config.json"
    if not recorded.exists():
        return
    try:
        before = json.loads(recorded.read_text())
        name, model = before["name"], schema.complete(before).model.to_dict()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{recorded}: is not the config of a run; give another --workdir") from error
    if json.dumps(model, sort_keys=True) != json.dumps(config.model.to_dict(), sort_keys=True):
        raise DataError(f"{workdir}: holds a different model, trained with config {name!r}; give another --workdir")
    if before.get("init") != init:
        begun = f"from {before['init']}" if before.get("init") else "from scratch"
        raise UsageError(f"{workdir}: holds a run that began {begun}; give the same --init or another --workdir")
    if before.get("trained_on", str(data)) != str(data):  # no error, because the data may have moved
        logging.warning("%s: was trained on --data=%s before, now --data is %s", workdir, before["trained_on"], data)


def _in_order(config):
    """For deterministic training, returns a context in which operations run one by one and always in the same order.

    Determinism within operations is not enough. AddN, which sums the gradients of a weight over the steps, begins with
    an input that no other operation reads any more. Which input that is depends on which operation happened to end
    first.
    """
    if config.train.deterministic and config.train.distribute == "one":
        return eager.function_executor_type("SINGLE_THREADED_EXECUTOR")
    return contextlib.nullcontext()
