"""Invalid flags and config files: {name: arguments of ris-train} and {name: text of a config file}."""

from ris_tf.configs import base
from ris_tf.settings.ranges import ALL

_NEVER = (-1, -0.5, 0.5, 10**12, 1e300, "nan", "inf", "x", "", "None", "True", "()", "(1,2,3)", "('a','b')")


def fields():
    """Every field of a config with values that are not allowed for it: {name: arguments}."""
    found, config = {}, base.get_config()
    for name, (right, _) in ALL.items():
        value = config
        for part in name.split("."):
            value = value[part]
        for wrong in _NEVER:
            if not isinstance(value, str) and not _may_be(right, value, wrong):
                found[f"{name} {wrong}"] = [f"--config.{name}={wrong}"]
    return found


def _may_be(right, value, wrong):
    """Whether the field with the default `value` and the check `right` accepts `wrong`."""
    if isinstance(value, bool):
        return wrong == "True"
    if isinstance(value, tuple):
        return wrong in ("", "()", "(1,2,3)", "('a','b')") and right(eval(wrong or "()"))
    if isinstance(value, int):
        return isinstance(wrong, int) and right(wrong)
    return isinstance(wrong, (int, float)) and right(wrong)


def configs():
    """Invalid config files: {what is wrong: text}."""
    loose = "    with config.ignore_type():\n        config"
    start = "from ris_tf.configs import base\ndef get_config():\n    config = base.get_config()\n"
    return {
        "empty": "",
        "syntax": "def get_config(:",
        "bytes": "\udcff",
        "no function": "x = 1",
        "raises": "def get_config():\n    return 1 / 0",
        "recursion": "def get_config():\n    return get_config()",
        "needs an argument": "def get_config(x):\n    return x",
        "missing import": "import nothing_of_the_kind",
        "exits": "import sys\ndef get_config():\n    sys.exit(7)",
        "returns None": "def get_config():\n    pass",
        "returns a number": "def get_config():\n    return 3",
        "returns a dict": "def get_config():\n    return {'name': 'x'}",
        "returns an empty config": "from ml_collections import ConfigDict\nget_config = ConfigDict",
        "no model": f"{start}    del config.model\n    return config",
        "no name": f"{start}    del config.name\n    return config",
        "no seed": f"{start}    del config.seed\n    return config",
        "no attend": f"{start}    del config.model.attend\n    return config",
        "model a number": f"{start}{loose}.model = 3\n    return config",
        "name a number": f"{start}{loose}.name = 3\n    return config",
        "name a path": f"{start}    config.name = '../x'\n    return config",
        "batch a fraction": f"{start}{loose}.train.batch = 2.5\n    return config",
        "batch a list": f"{start}{loose}.train.batch = [2]\n    return config",
    }
