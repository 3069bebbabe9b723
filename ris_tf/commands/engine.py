"""The flag --engine of ris-predict and ris-evaluate: what computes the predictions."""

from absl import flags

from ris_tf import storage
from ris_tf.commands import command
from ris_tf.errors import UsageError


def define():
    """Defines the flag."""
    flags.DEFINE_enum(
        "engine",
        "auto",
        storage.ENGINES,
        "what computes the predictions: litert, which starts at once, keras, or auto, which takes litert for presets",
    )


def open_model(values, changes=False):
    """Opens the model that the flags --model and --engine name.

    Args:
      values: the flags.
      changes: whether the command changes the model, which only Keras can.

    Returns:
      see `storage.open_model`.

    Raises:
      UsageError: the engine cannot run or change the model; or see `storage.open_model`.
      DataError: see `storage.open_model`.
    """
    engine = "keras" if changes and values.engine == "auto" else values.engine
    if changes and engine != "keras":
        raise UsageError(f"--engine={engine}: a tuned model is saved by Keras; leave --engine out")
    if storage.engine_of(values.model, engine) == "keras":
        command.start_tensorflow()
    return storage.open_model(values.model, engine)
