"""What the commands share: named configs, help, one-line errors and exit codes."""

import errno
import io
import os
import sys
from pathlib import Path

import tensorflow as tf
from absl import flags, logging
from ml_collections import ConfigDict, config_flags

from ris_tf import overrides, ranges
from ris_tf.errors import RisError, UsageError
from ris_tf.quiet import quiet

CONFIGS = Path(__file__).resolve().parent / "configs"
if not CONFIGS.is_dir():  # a checkout, where configs/ lies beside ris_tf/
    CONFIGS = CONFIGS.parent.parent / "configs"
_HELP = ("--help", "-help", "--helpshort", "-helpshort", "-h", "--helpfull")


def config_names():
    """Names that --config takes, sorted."""
    return sorted(path.stem for path in CONFIGS.glob("*.py") if path.stem not in ("__init__", "base"))


def config_path(value):
    """Path of a config given by name or as a .py file.

    Raises:
      UsageError: it is neither.
    """
    if value.split(":")[0].endswith(".py"):
        if not Path(value.split(":")[0]).is_file():
            raise UsageError(f"--config={value}: no such file")
        return value
    if value not in config_names():
        raise UsageError(f"--config={value}: unknown config; give one of {', '.join(config_names())} or a .py file")
    return str(CONFIGS / f"{value}.py")


def run(job, module, usage, with_config=False, begin=None):
    """Runs a command and exits: 0 done, 1 a file is wrong or cannot be written, 2 a flag is wrong, 130 interrupted.

    Args:
      job: function of (flag values, positional arguments).
      module: name of the module that defined the flags, for the help.
      usage: text above the flags in the help.
      with_config: whether the command takes --config.
      begin: function of the flag values, called before TensorFlow looks at its devices; None for nothing.
    """
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")
    logging.set_verbosity(logging.WARNING)
    logging.use_absl_handler()
    logging.get_absl_handler().setFormatter(None)
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # names of files may be no text
    try:
        if any(argument in _HELP for argument in sys.argv[1:]):
            print(_help(module, usage, with_config))
            sys.exit(0)
        sys.argv = [_underscored(argument) for argument in sys.argv]
        if with_config:
            sys.argv = _with_paths(sys.argv)
            config_flags.DEFINE_config_file("config", lock_config=True)
        try:
            arguments = flags.FLAGS(sys.argv)
            if with_config:
                _check_config(flags.FLAGS.config)  # a config file is only read here
        except flags.Error as error:
            raise UsageError(_override(error) or str(error).strip().splitlines()[0]) from error
        except RisError:
            raise
        except (Exception, SystemExit) as error:  # a config file is a program, which may end in any way
            message = " ".join(f"{type(error).__name__}: {error}".split())[:300]
            raise UsageError(_override(error) or f"--config: {message}") from error
        if begin:
            begin(flags.FLAGS)
        with quiet():
            tf.config.list_logical_devices()  # looks for GPUs now, with the notes that come of it
        job(flags.FLAGS, arguments[1:])
    except RisError as error:
        print(f"{Path(sys.argv[0]).name}: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except OSError as error:  # of writing, for readers raise DataError
        full = error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
        advice = "; make room and run the same command again" if full else ""
        print(f"{Path(sys.argv[0]).name}: {_described(error)}{advice}", file=sys.stderr)
        sys.exit(1)
    except KeyboardInterrupt:
        print(f"{Path(sys.argv[0]).name}: interrupted", file=sys.stderr)
        sys.exit(130)


def _described(error):
    """An OSError in one line: the file where it names one, and what is wrong."""
    what = " ".join((error.strerror or str(error)).split())
    return what if error.filename is None else f"{error.filename}: {what}"


def _check_config(config):
    if config is None:
        return  # no --config, which `required` tells
    name = config.get("name") if isinstance(config, ConfigDict) else None
    right, expected = ranges.ALL["name"]
    if not right(name):
        found = f"name {name!r}" if isinstance(config, ConfigDict) else type(config).__name__
        raise UsageError(f"--config: get_config() gives {found}; expected a ConfigDict with a name of {expected}")


def _override(error):
    """What is wrong with a field given after --config; None if the config file itself is at fault."""
    try:
        return overrides.problem(sys.argv, error)
    except (Exception, SystemExit):  # of a config file, which is a program
        return None


def _underscored(argument):
    """--pixel-size=1 -> --pixel_size=1; the value stays."""
    name, equals, value = argument.partition("=")
    return f"--{name[2:].replace('-', '_')}{equals}{value}" if name[:2] == "--" else argument


def _with_paths(arguments):
    """Replaces the value of --config by the path it stands for; both `--config=V` and `--config V`."""
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
    lines = [usage.strip(), "", "Flags:"]
    if with_config:
        lines.append("  --config: name or .py file; --config.FIELD=VALUE changes a field of it")
    for flag in flags.FLAGS.get_flags_for_module(module):
        default = ",".join(flag.default) if isinstance(flag.default, list) else flag.default
        default = "" if default in (None, "") else f" (default: {default})"
        lines.append(f"  --{flag.name}: {flag.help}{default}")
    return "\n".join(lines)


def required(values, *names):
    """Raises UsageError for the first flag that has no value."""
    for name in names:
        if not values[name].value:
            raise UsageError(f"--{name} is missing; see --helpshort")
