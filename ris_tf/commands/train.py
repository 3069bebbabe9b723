"""ris-train: trains a model on images and their label maps."""

from pathlib import Path

from absl import flags

from ris_tf.commands import command, places
from ris_tf.data import sources
from ris_tf.data.synthetic import drawings
from ris_tf.errors import UsageError
from ris_tf.settings import schema
from ris_tf.training.termination import Termination

_KINDS = ", ".join(drawings.KINDS)
_USAGE = """
Trains a model on images and their label maps. If you run the same command again, it resumes where it stopped.

  ris-train --config=nuclei --data=DIR
  ris-train --config=rosettes --data=synthetic:rosettes --workdir=runs/short --config.train.steps=500
  ris-train --config=cvppp --data=DIR --init=rosettes

--config takes a name ({names}) or a .py file;
--config.a.b=VALUE overrides a field.

DIR contains train/ and val/. Each of them contains images/ and masks/ (uint16 label maps with the same names), or pairs
NAME_rgb.png and NAME_label.png. docs/data.md describes more layouts.

The command writes config.json, log.csv, last.keras, previous.keras and best.keras to the work folder, which is
runs/CONFIG, or runs/CONFIG_from_INIT with --init. On Ctrl-C, on SIGTERM, or if the terminal is closed, it completes
the current step, saves, and stops. Run the same command again to resume.
"""


def main():
    flags.DEFINE_string("data", None, f"training data: a folder, hf:NAME, tfds:NAME, or synthetic:KIND ({_KINDS})")
    flags.DEFINE_string("workdir", None, "folder for checkpoints and logs; by default a folder in runs/, see above")
    flags.DEFINE_string("init", None, "preset, work folder or .keras file; a new run starts from its weights")

    def job(values, rest):
        if rest:
            raise UsageError(f"unexpected argument {rest[0]!r}; see --helpshort")
        command.required(values, "config", "data")
        name = f"{values.config.name}_from_{Path(values.init).stem}" if values.init else values.config.name
        workdir = places.folder("workdir", values.workdir or Path("runs") / name)
        schema.check(values.config)
        if values.init:
            places.model(values.init, exported=False)
        sources.check([values.data, *schema.extra_sources(values.config)])
        from ris_tf.training import workers  # TensorFlow takes seconds to import
        from ris_tf.training.loop import train

        if values.config.train.distribute == "workers":
            workers.join()  # before TensorFlow starts
        command.start_tensorflow()
        try:
            several = workers.place(values.config.train.distribute).count > 1
            with Termination(again=several) as termination:
                train(values.config, values.data, workdir, values.init, termination)
        except workers.LOST as error:
            if not several:
                raise
            workers.join_again(error)

    command.run(job, __name__, _USAGE.format(names=", ".join(command.config_names())), with_config=True)


if __name__ == "__main__":
    main()
