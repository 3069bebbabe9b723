"""What a user has set for other programs with Keras: another backend, channels first, half precision."""

import json
import os
import subprocess
import sys

import pytest

PREDICT = """
import numpy as np, ris_tf
model = ris_tf.RIS.from_preset("nuclei")
rows, columns = np.indices((128, 128))
image = np.uint8(20 + 200 * ((rows - 64) ** 2 + (columns - 64) ** 2 < 81))
print(model.predict_instances(image).count, model.trackers[0].dtype)
import keras, os
print(keras.config.backend(), os.environ.get("KERAS_BACKEND"), keras.config.image_data_format(), keras.config.floatx())
"""


def python(code, home, variable=None, settings=None):
    """Runs code in a process of its own, with settings in ~/.keras/keras.json."""
    (home / "keras.json").write_text(json.dumps(settings or {}))
    environment = {name: value for name, value in os.environ.items() if name != "KERAS_BACKEND"}
    environment |= {"KERAS_HOME": str(home), **({"KERAS_BACKEND": variable} if variable else {})}
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, env=environment)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("variable", "settings"),
    [
        ("torch", {}),
        (None, {"backend": "jax"}),
        (None, {"image_data_format": "channels_first", "floatx": "float16"}),
    ],
)
def test_models_are_the_same_whatever_is_set_for_others(tmp_path, variable, settings):
    done = python(PREDICT, tmp_path, variable, settings)
    assert done.returncode == 0, done.stderr
    order, floats = settings.get("image_data_format", "channels_last"), settings.get("floatx", "float32")
    assert done.stdout == f"1 float32\ntensorflow {variable} {order} {floats}\n"
    assert done.stderr == ""  # nor a word about a missing GPU


@pytest.mark.slow
def test_commands_are_the_same_whatever_is_set_for_others(tmp_path):
    data, run = "--data=synthetic:discs", f"--workdir={tmp_path / 'run'}"
    flags = ["--config=rosettes", data, run, "--config.train.steps=1", "--config.train.batch=1"]
    flags += ["--config.train.warmup=0", "--config.data.synthetic_images=2", "--config.train.validation_images=1"]
    flags += ["--config.model.size=(64,64)", "--config.model.steps=2", "--config.train.precision=float32"]
    flags += ["--config.predict.overlap=8", "--config.model.attend.widths=(8,8,8,8)", "--config.data.synthetic_size=64"]
    code = f"import sys; sys.argv = ['ris-train', *{flags!r}]; from ris_tf.commands import train; train.main()"
    done = python(code, tmp_path, "torch", {"image_data_format": "channels_first", "floatx": "float16"})
    assert done.returncode == 0 and "Traceback" not in done.stderr, done.stderr[-2000:]
    assert (tmp_path / "run" / "best.keras").is_file()


def test_another_backend_that_is_in_use_is_told_in_one_line(tmp_path):
    code = """
import sys, types
keras = sys.modules["keras"] = types.ModuleType("keras")
keras.config = types.SimpleNamespace(backend=lambda: "jax")
try:
    import ris_tf
except ImportError as error:
    print(error)
"""
    expected = "but Keras was imported with 'jax' before; import ris_tf first, or set KERAS_BACKEND=tensorflow\n"
    assert python(code, tmp_path).stdout.endswith(expected)
