"""ris-train: fits a model to a folder of images and label maps."""

import contextlib
import json
import math
import sys
import zlib
from pathlib import Path
from typing import NamedTuple

import keras
import numpy as np
import tensorflow as tf
from absl import flags, logging
from tensorflow.python.eager import context as eager  # no public name for the executor of functions

from ris_tf import checkpoints, command, foreground, monitor, precision, settings, storage, workers
from ris_tf import model as models
from ris_tf.curriculum import Curriculum
from ris_tf.data import pipeline
from ris_tf.data.records import Records
from ris_tf.encoders import residual_weights
from ris_tf.errors import DataError, NoSplit, UsageError
from ris_tf.fcn8s import load_vgg16
from ris_tf.files import sweep, write_text
from ris_tf.lock import alone
from ris_tf.mobilenet import load_mobilenet_v2
from ris_tf.termination import Termination

_KINDS = ", ".join(pipeline.synthetic.KINDS)
_USAGE = """
Trains a model on images and their label maps, and goes on where it stopped when run again.

  ris-train --config=nuclei --data=DIR
  ris-train --config=rosettes --data=synthetic:rosettes --workdir=runs/short --config.train.steps=500
  ris-train --config=cvppp --data=DIR --init=rosettes

DIR holds train/ and val/, each with images/ and masks/ (uint16 label maps of the same names), or pairs
NAME_rgb.png and NAME_label.png; docs/data.md tells of more layouts. The work folder (runs/CONFIG, or
runs/CONFIG_from_INIT) gets config.json, log.csv, last.keras, previous.keras and best.keras. SIGTERM, a closed
terminal and Ctrl-C save after the step at hand and end it; the same command goes on.
--config takes a name ({names}) or a .py file; --config.a.b=VALUE overrides a field.
"""

_PICTURES = 4  # validation images drawn in TensorBoard


def optimizer(config):
    """AdamW with warm-up, cosine decay, gradient clipping and an average of the weights, as config.train says."""
    train = config.train
    replicas = tf.distribute.get_strategy().num_replicas_in_sync  # each is given an equal share of the gradient
    schedule = keras.optimizers.schedules.CosineDecay(
        initial_learning_rate=0.0,
        decay_steps=max(1, train.steps - train.warmup),
        alpha=train.final_learning_rate,
        warmup_target=train.learning_rate,
        warmup_steps=train.warmup,
    )
    return keras.optimizers.AdamW(
        schedule,
        weight_decay=train.weight_decay,
        global_clipnorm=train.clip_norm / replicas or None,
        clipvalue=train.clip_value / replicas or None,
        use_ema=bool(train.ema),
        ema_momentum=train.ema or 0.99,
    )


def train(config, data, workdir, init=None, termination=None):
    """Trains until `config.train.steps`, from the last checkpoint in `workdir` if there is one.

    Args:
      config: ml_collections ConfigDict, see configs/base.py.
      data: folder or "synthetic:KIND", see `pipeline.open_source`.
      workdir: folder for checkpoints and logs; made if missing.
      init: preset, work folder or .keras file whose weights a new run starts from.
      termination: Termination, or None; once it is asked, the step is finished and saved, and the process ends.

    Returns:
      The best model by SBD on validation images.

    Raises:
      SystemExit: 0, or 130 after Ctrl-C, as `termination` asked.
      OSError: of a file that cannot be written, which it names.
      DataError: something is wrong with the data, or the work folder holds another model.
      UsageError: a field of the config is out of range, or `init` is another network.
    """
    workdir = Path(workdir)
    settings.check(config)
    _check_workdir(config, workdir, data, init)
    me, distribution = workers.place(config.train.distribute), strategy(config)
    devices = distribution.num_replicas_in_sync
    if config.train.batch % devices:
        raise UsageError(
            f"train.batch is {config.train.batch}; expected a multiple of {devices}, the devices that train together"
        )
    samples = _samples(data, config)
    keras.utils.set_random_seed(config.seed)
    if config.train.deterministic:
        tf.config.experimental.enable_op_determinism()
    with distribution.scope():
        before, kept = checkpoints.newest(workdir)
    workers.agree(distribution, zlib.crc32(kept.read_bytes()) if kept else 0, f"{workdir}: checksums of the checkpoint")
    dtype = precision.choose(config, distribution)
    with distribution.scope():
        model = _model(config, dtype, before, init, workdir)
    if not me.chief:
        return _fit(model, config, samples, workdir, distribution, termination)
    workdir.mkdir(parents=True, exist_ok=True)
    with alone(workdir):
        sweep(workdir)
        record = {**config.to_dict(), "init": init, "trained_on": str(data)}
        rotate = kept == workdir / checkpoints.LAST
        return _fit(model, config, samples, workdir, distribution, termination, rotate, record)


class _Samples(NamedTuple):
    source: Records
    extra: Records
    held_out: list  # [(image, labels)]


def _samples(data, config):
    """All that a run reads, looked through; warns of what a user would wonder at later."""
    arguments = {"size": config.data.synthetic_size, "seed": config.seed, "category": config.data.category}
    arguments |= {"held_out": config.data.held_out, "images": config.data.synthetic_images}
    opened = pipeline.open_source(data, "train", **arguments)
    if not opened:
        raise DataError(f"{data}: the split 'train' holds no image; expected at least one")
    source, further = Records(opened, config), []
    for name in settings.extra_sources(config):
        further += pipeline.open_source(name, "train", **arguments)
    extra = Records(further, config)
    held_out = _validation(data, config)
    if warning := foreground.warning(source.pieces):
        logging.warning("%s: %s", data, warning)
    steps = config.model.steps
    if config.data.view != "tiles" and source.most > steps:
        told = "%s: an image holds %d objects, and the network finds %d at most; raise model.steps"
        logging.warning(told, data, source.most, steps)
    return _Samples(source, extra, held_out)


def _fit(model, config, samples, workdir, distribution, termination, rotate=True, record=None):
    """Trains a model that is ready; the chief, and it alone, has a record to write. Returns the best model."""
    source, extra, held_out = samples
    me, steps = workers.place(config.train.distribute), config.train.steps
    keeper = checkpoints.Checkpoints(
        model,
        workdir,
        held_out,
        interval=math.ceil(steps / max(1, round(steps / config.train.evaluate_every))),
        steps=steps,
        report=monitor.TensorBoard(workdir / "tensorboard", held_out[:_PICTURES]).write,
        termination=termination,
        rotate=rotate,
        place=me,
    )
    if termination:
        termination.wait()
    if me.chief:
        keeper.catch_up(trained=record["init"] is not None)
    done = keeper.step
    if done >= steps and not keeper.stopping:
        print(f"{workdir}: already trained for {done} steps; raise --config.train.steps to go on")
        return storage.load(workdir)
    if me.chief:
        write_text(workdir / "config.json", json.dumps(record, indent=2))
    images, parameters = f"{len(source)} images", model.count_params()
    images += f" and {len(extra)} of data.extra" if extra else ""
    kinds = ", ".join(device.device_type for device in tf.config.list_logical_devices("GPU")) or "CPU"
    compiled = ", XLA" if config.train.jit_compile else ""
    print(f"{images}, {parameters:,} parameters, step {done} of {steps}, in {workdir}")
    chosen = f"{model.dtype_policy.name}{', the faster here' if config.train.precision == 'auto' else ''}"
    print(f"on {kinds}, {chosen}{compiled}")

    def names(step):
        batches = pipeline.training_batches(source, config, extra, skip=step, names=True)
        return [name.decode() for name in next(iter(batches))["name"].numpy()]

    progress = monitor.Progress(config, done)
    callbacks = [monitor.FiniteLoss(names, done), *([progress] if me.chief else []), keeper]
    if config.curriculum.start:
        most = max(source.most, extra.most)
        callbacks.insert(1, Curriculum(config.curriculum, min(model.steps, most + config.loss.extra_steps)))
    among_workers = config.train.distribute == "workers"
    pieces = distribution.num_replicas_in_sync if among_workers else 1  # "mirrored" cuts batches itself
    batches = pipeline.training_batches(source, config, extra, done, False, (me.index, me.count), pieces)
    if among_workers:
        part = batches
        batches = distribution.distribute_datasets_from_function(lambda context: part)
    try:
        if not keeper.stopping:  # one epoch of Keras, for a run may go on between two measurements
            with _in_order(config):
                model.fit(batches, steps_per_epoch=steps - done, shuffle=False, verbose=0, callbacks=callbacks)
    except tf.errors.OpError as error:
        raise (source.error or extra.error or error) from None
    finally:
        progress.close()
    if keeper.stopping:
        saved = "saved; the same command goes on" if me.chief else "and the chief's last save counts"
        print(f"{workdir}: stopped by {termination.asked} at step {keeper.step} of {steps}, {saved}")
        sys.exit(termination.exit_code)
    workers.agree(distribution, steps, "train.steps")  # only now has the chief written its last
    return storage.load(workdir / checkpoints.BEST)


def strategy(config):
    """The tf.distribute strategy that config.train.distribute names."""
    if config.train.distribute == "workers":
        return workers.join()
    return tf.distribute.MirroredStrategy() if config.train.distribute == "mirrored" else tf.distribute.get_strategy()


def _model(config, dtype, before, init, workdir):
    """The model to train, compiled, with today's config: as `before` in the work folder, or as `init`, or new."""
    model = models.build(config, dtype)
    train = config.train
    model.compile(optimizer(config), jit_compile=train.jit_compile, matcher=train.matcher, recompute=train.recompute)
    if before:
        model.set_weights(before.get_weights())
        model.curriculum, model.progress = before.curriculum, before.progress
        if len(model.optimizer.variables) != len(before.optimizer.variables):
            raise UsageError(
                f"{workdir}: holds another optimizer; expected train.ema and train.precision as when this run began"
            )
        for variable, value in zip(model.optimizer.variables, before.optimizer.variables, strict=True):
            variable.assign(value)
    elif init:
        _start_from(model, init)
    elif config.model.form == "paper" and config.model.paper.encoder == "fcn8s":
        load_vgg16(model.form.encoder, config.model.fcn8s.weights)
    elif config.model.form == "attend" and config.model.attend.encoder == "mobilenet_v2":
        load_mobilenet_v2(model.form.encoder, config.model.mobilenet_v2.weights)
    return model


def _start_from(model, init):
    """Gives a new model the weights of a trained one of the same network; sizes and steps may differ."""
    trained = storage.load(init)
    weights = model.weights
    if model.config.model.form == "attend" and not trained.config.model.attend.residual_blocks:
        begun = {id(weight) for weight in residual_weights(model.form.encoder)}  # as the identity
        weights = [weight for weight in weights if id(weight) not in begun]
    if [weight.shape for weight in weights] != [weight.shape for weight in trained.weights]:
        here, there = ({**c.model, **c.model[c.model.form]} for c in (model.config, trained.config))
        fields = ("form", "channels", *model.config.model[model.config.model.form])
        other = ", ".join(
            f"{f} {there.get(f)} there, {here[f]} here" for f in fields if str(here[f]) != str(there.get(f))
        )
        raise UsageError(f"--init={init}: is another network: {other}")
    for weight, value in zip(weights, trained.get_weights(), strict=True):
        weight.assign(value)
    print(f"starts from {init}")


def _check_workdir(config, workdir, data, init):
    if workdir.exists() and not workdir.is_dir():
        raise UsageError(f"--workdir={workdir}: is a file; give a folder")
    recorded = workdir / "config.json"
    if not recorded.exists():
        return
    try:
        before = json.loads(recorded.read_text())
        name, model = before["name"], settings.complete(before).model.to_dict()
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise DataError(f"{recorded}: is not the config of a run; give another --workdir") from error
    if json.dumps(model, sort_keys=True) != json.dumps(config.model.to_dict(), sort_keys=True):
        raise DataError(f"{workdir}: holds another model, trained with config {name!r}; give another --workdir")
    if before.get("init") != init:
        begun = f"from {before['init']}" if before.get("init") else "from scratch"
        raise UsageError(f"{workdir}: holds a run that began {begun}; give the same --init or another --workdir")
    if before.get("trained_on", str(data)) != str(data):  # which may have moved, so it is no error
        logging.warning("%s: was trained on --data=%s before, and is given %s", workdir, before["trained_on"], data)


def _in_order(config):
    """Context in which a function's operations run one after another, always in the same order, if repeatable.

    Determinism within operations is not enough: AddN, which sums a weight's gradients over the steps, begins with
    whichever input nobody else reads any more, and that depends on which operation happened to end first.
    """
    if config.train.deterministic and config.train.distribute == "one":
        return eager.function_executor_type("SINGLE_THREADED_EXECUTOR")
    return contextlib.nullcontext()


def _validation(data, config):
    """[(image, labels)] of splits "val", at most `train.validation_images` in all, evenly chosen from each.

    With `train.validation_extra` the extra data have `data.extra_share` of them, in equal parts.
    """
    limit = config.train.validation_images
    extra = settings.extra_sources(config) if config.train.validation_extra else []
    part = int(limit * config.data.extra_share / max(len(extra), 1))
    arguments = {"seed": config.seed, "category": config.data.category, "held_out": config.data.held_out}
    held_out = []
    for name, most in [(data, limit - part * len(extra)), *((name, part) for name in extra)]:
        if not most:
            continue
        try:
            opened = pipeline.open_source(name, "val", config.data.synthetic_size, most, **arguments)
        except NoSplit as error:
            told = "only others validate" if extra else "the last weights count as the best"
            logging.warning("%s; %s", error, told)
            continue
        chosen = np.unique(np.linspace(0, len(opened) - 1, min(most, len(opened))).round().astype(int))
        held_out += [opened[i][1]() for i in chosen]
    return held_out


def main():
    flags.DEFINE_string("data", None, f"folder of training data, hf:NAME, tfds:NAME, or synthetic:KIND ({_KINDS})")
    flags.DEFINE_string("workdir", None, "folder for checkpoints and logs; runs/CONFIG unless given")
    flags.DEFINE_string("init", None, "preset, work folder or .keras file whose weights a new run starts from")

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        command.required(values, "config", "data")
        name = f"{values.config.name}_from_{Path(values.init).stem}" if values.init else values.config.name
        workdir = values.workdir or Path("runs") / name
        try:
            several = workers.place(values.config.train.distribute).count > 1
            with Termination(again=several) as termination:
                train(values.config, values.data, workdir, values.init, termination)
        except workers.LOST as error:
            if not several:
                raise
            workers.join_again(error)

    def begin(values):
        if values.config and values.config.train.distribute == "workers":
            workers.join()

    command.run(job, __name__, _USAGE.format(names=", ".join(command.config_names())), with_config=True, begin=begin)


if __name__ == "__main__":
    main()
