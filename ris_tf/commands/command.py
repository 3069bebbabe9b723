"""Code shared by all commands: named configs, help texts, one-line errors and exit codes."""

import errno
import io
import os
import shlex
import sys
from logging import getLogger
from pathlib import Path

from absl import flags, logging

from ris_tf import optional
from ris_tf.errors import RisError, UsageError
from ris_tf.quiet import quiet
from ris_tf.settings import ranges

CONFIGS = Path(__file__).resolve().parents[1] / "configs"
if not CONFIGS.is_dir():  # in a checkout, configs/ lies beside ris_tf/
    CONFIGS = CONFIGS.parents[1] / "configs"
_HELP = ("--help", "-help", "--helpshort", "-helpshort", "-h", "--helpfull")


def config_names():
    """Returns the names that --config accepts, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.py") if path.stem not in ("__init__", "base"))


def config_path(value):
    """Returns the path of a config that is given by name or as a .py file.

    Raises:
      UsageError: `value` is neither a known name nor an existing .py file.
    """
    if value.split(":")[0].endswith(".py"):
        if not Path(value.split(":")[0]).is_file():
            raise UsageError(f"--config={value}: no such file; give an existing .py file or the name of a config")
        return value
    if value not in config_names():
        raise UsageError(f"--config={value}: unknown config; expected a .py file or one of {', '.join(config_names())}")
    return str(CONFIGS / f"{value}.py")


def run(job, module, usage, with_config=False):
    """Runs a command, prints any error as one line, and exits.

    The exit status is 0 for success, 1 for an invalid file or a failed write, 2 for an invalid flag, and 130 for an
    interruption by Ctrl-C.

    Args:
      job: function that does the work; it is called with the flag values and the list of positional arguments.
      module: name of the module that defines the flags; the help lists them.
      usage: text printed above the flags in the help.
      with_config: whether the command takes --config.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)
    if os.environ["TF_CPP_MIN_LOG_LEVEL"] != "0":
        getLogger("tensorflow").setLevel("ERROR")  # no advice on tracing again, which new sizes of images need
    logging.use_absl_handler()
    logging.get_absl_handler().setFormatter(None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # file names may contain bytes that are not text
    try:
        if any(argument in _HELP for argument in sys.argv[1:]):
            print(_help(module, usage, with_config))
            sys.exit(0)
        sys.argv = [_underscored(argument) for argument in sys.argv]
        if with_config:
            _check_overrides(sys.argv)
            sys.argv = _with_paths(sys.argv)
            from ml_collections import config_flags  # a light installation lacks it, and has no configs

            config_flags.DEFINE_config_file("config", lock_config=True)
        try:
            arguments = flags.FLAGS(sys.argv)
            if with_config:
                _check_config(flags.FLAGS.config)  # reading FLAGS.config runs the config file
        except flags.Error as error:
            raise UsageError(_override(error) or str(error).strip().splitlines()[0]) from error
        except RisError:
            raise
        except (Exception, SystemExit) as error:  # a config file is a program and may raise anything
            message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise UsageError(_override(error) or f"--config: {message}") from error
        job(flags.FLAGS, arguments[1:])
    except RisError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except ModuleNotFoundError as error:
        if str(error.name).partition(".")[0] in ("None", "ris_tf"):
            raise  # a fault of this package
        print(f"{Path(sys.argv[0]).name}: {optional.advice(error)}", file=sys.stderr)
        sys.exit(2)
    except OSError as error:  # from writing; readers raise DataError
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "; make room and run the same command again" if full else ""
        print(f"{Path(sys.argv[0]).name}: {_described(error)}{advice}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
        sys.exit(130)


def start_tensorflow():
    """Starts TensorFlow and Keras with the settings of a command. It takes seconds; many commands can do without."""
    if hasattr(os, "sched_getaffinity") and len(os.sched_getaffinity(0)) == 1:
        # Given one processor, TensorFlow has one thread for operations, and a repeatable training waits for ever.
        os.environ.setdefault("TF_NUM_INTEROP_THREADS", "2")
    import keras
    import tensorflow as tf

    keras.config.set_image_data_format("channels_last")  # ~/.keras/keras.json may say otherwise
    keras.config.set_floatx("float32")
    with quiet():
        tf.config.list_logical_devices()  # finds the GPUs now, while TensorFlow's log messages are hidden


def _described(error):
    """Describes an OSError in one line: the file, if the error names one, and the problem."""
    what = " ".join((error.strerror or str(error)).split())
    return what if error.filename is None else f"{error.filename}: {what}"


def _check_config(config):
    """Raises UsageError unless a config file returned a ConfigDict with a valid name."""
    if not flags.FLAGS["config"].present:
        return  # --config is missing, which is for the command to judge
    from ml_collections import ConfigDict

    name = config.get("name") if isinstance(config, ConfigDict) else None
    right, expected = ranges.ALL["name"]
    if not right(name):
        found = f"name {name!r}" if isinstance(config, ConfigDict) else type(config).__name__
        raise UsageError(f"--config: get_config() returned {found}; expected a ConfigDict whose name is {expected}")


def _override(error):
    """Describes the error in a --config.FIELD flag; returns None if the config file itself is at fault."""
    from ris_tf.settings import overrides  # like all that reads configs, it needs ml_collections

    try:
        return overrides.problem(sys.argv, error)
    except (Exception, SystemExit):  # raised by the config file, which is a program
        return None


def _underscored(argument):
    """Replaces the hyphens in a flag's name, but not in its value: --pixel-size=1 -> --pixel_size=1."""
    name, equals, value = argument.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}" if name[:2] == "--" else argument


def _check_overrides(arguments):
    """Raises UsageError if fields of a config are given, but no config."""
    names = [argument.lstrip("-").partition("=")[0] for argument in arguments[1:]]
    fields = [name for name in names if name.startswith("config.")]
    if fields and "config" not in names:
        raise UsageError(f"--{fields[0]}: changes a field of a config; give --config as well")


def _with_paths(arguments):
    """Replaces the value of --config, given as `--config=V` or `--config V`, with the path of the config file."""
    result, is_value = [], False
    for argument in arguments:
        name, equals, value = argument.partition("=")
        if is_value:
            argument = config_path(argument)
        elif name in ("--config", "-config") and equals:
            argument = f"--config={config_path(value)}"
        is_value = argument in ("--config", "-config")
        result.append(argument)
    return result


def _help(module, usage, with_config):
    """Returns the help text: the usage, then every flag with its default."""
    lines = [usage.strip(), "", "Flags:"]
    if with_config:
        lines.append("  --config: name of a config, or a .py file; --config.FIELD=VALUE overrides a field")
    for flag in flags.FLAGS.get_flags_for_module(module):
        default = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
        default = "" if default in (None, "") else f" (default: {default})"
        lines.append(f"  --{flag.name}: {flag.help}{default}")
    return "\n".join(lines)


def line():
    """The command line as it was given, str."""
    return shlex.join([Path(sys.argv[0]).name, *sys.argv[1:]])


def required(values, *names, also=()):
    """Raises UsageError if some of the named flags have no value; it names all of them.

    Args:
      values: the flags.
      *names: names of flags.
      also: what is missing besides, list of str.
    """
    missing = [*(f"--{name}" for name in names if not values[name].value), *also]
    if missing:
        *most, last = missing
        listed = f"{', '.join(most)} and {last} are" if most else f"{last} is"
        raise UsageError(f"{listed} missing; see --helpshort")
