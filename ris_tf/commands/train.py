"""ris-train: trains a model on images and their label maps."""

from pathlib import Path

from absl import flags

from ris_tf.commands import command, places
from ris_tf.data import sources
from ris_tf.data.synthetic import drawings
from ris_tf.errors import UsageError
from ris_tf.planning import config_file
from ris_tf.settings import schema
from ris_tf.training.mlflow_log import MLflowLog
from ris_tf.training.termination import Termination

_KINDS = ", ".join(drawings.KINDS)
_USAGE = """
Trains a model on images and their label maps. If you run the same command again, it resumes where it stopped.

  ris-train --data=DIR
  ris-train --data=DIR --hours=8 --workdir=runs/overnight
  ris-train --config=nuclei --data=DIR
  ris-train --config=rosettes --data=synthetic:rosettes --workdir=runs/short --config.train.steps=500
  ris-train --config=cvppp --data=DIR --init=rosettes

Without --config, the command looks at the data, decides how to train for the time in --hours, says what it decided and
why, and finds the best thresholds at the end. The decisions are in WORKDIR/config.py, an ordinary config.

--config takes a name ({names}) or a .py file;
--config.a.b=VALUE overrides a field.

DIR contains train/ and val/. Each of them contains images/ and masks/ (uint16 label maps with the same names), or pairs
NAME_rgb.png and NAME_label.png. docs/data.md describes more layouts.

The command writes config.json, log.csv, last.keras, previous.keras and best.keras to the work folder, which is
runs/CONFIG, or runs/CONFIG_from_INIT with --init. Without --config it is runs/NAME, where NAME is the last part of
--data. On Ctrl-C, on SIGTERM, or if the terminal is closed, the command completes the current step, saves, and stops.
Run the same command again to resume.
"""


def _train_by_itself(values):
    """Makes a config for the data, unless the work folder has one, trains by it, and finds the best thresholds."""
    if values.init:
        raise UsageError(f"--init={values.init}: has an effect only with --config; without, the best preset is chosen")
    workdir = places.folder("workdir", values.workdir or Path("runs") / config_file.name_of(values.data))
    sources.check([values.data])
    logs = _logs(values, workdir)
    file = workdir / "config.py"
    resumes = file.is_file()
    command.start_tensorflow()
    from ris_tf.planning import plan  # TensorFlow takes seconds to import
    from ris_tf.training.loop import train
    from ris_tf.training.thresholds import tune_best

    with Termination() as termination:
        if resumes:
            unused = "; --hours has no effect" if values.hours else ""
            print(f"{file}: trains as decided before{unused}")
        else:
            print("looks at the data, and measures the time of a step; this takes a minute or two")
            print(*plan.make(values.data, values.hours or 1.0, file), f"{file}: all decisions", sep="\n")
        config, init = config_file.read(file)
        schema.check(config)
        train(config, values.data, workdir, init, termination, **logs)
    tune_best(workdir, config, values.data)


def _logs(values, workdir):
    """Arguments of `train` for --log; none without it."""
    return {"report": MLflowLog(workdir).write} if values.log else {}


def main():
    flags.DEFINE_string("data", None, f"training data: a folder, hf:NAME, tfds:NAME, or synthetic:KIND ({_KINDS})")
    flags.DEFINE_string("workdir", None, "folder for checkpoints and logs; by default a folder in runs/, see above")
    flags.DEFINE_float("hours", None, "time for the training without --config; 1 unless given", 0.01, 1000)
    flags.DEFINE_string("init", None, "preset, work folder or .keras file; a new run starts from its weights")

    flags.DEFINE_enum("log", None, ["mlflow"], "also write the log to MLflow, which must be installed")

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        if values.config is None:
            command.required(values, "data")
            _train_by_itself(values)
            return
        if values.hours is not None:
            raise UsageError("--hours: has an effect only without --config; set --config.train.steps instead")
        command.required(values, "data")
        name = f"{values.config.name}_from_{Path(values.init).stem}" if values.init else values.config.name
        workdir = places.folder("workdir", values.workdir or Path("runs") / name)
        schema.check(values.config)
        places.every(
            lambda: values.init and places.model(values.init, exported=False),
            lambda: sources.check([values.data, *schema.extra_sources(values.config)]),
        )
        from ris_tf.training import workers  # TensorFlow takes seconds to import
        from ris_tf.training.loop import train

        if values.config.train.distribute == "workers":
            workers.join()  # before TensorFlow starts
        command.start_tensorflow()
        logs = _logs(values, workdir)
        try:
            several = workers.place(values.config.train.distribute).count > 1
            with Termination(again=several) as termination:
                train(values.config, values.data, workdir, values.init, termination, **logs)
        except workers.LOST as error:
            if not several:
                raise
            workers.join_again(error)

    command.run(job, __name__, _USAGE.format(names=", ".join(command.config_names())), with_config=True)


if __name__ == "__main__":
    main()
