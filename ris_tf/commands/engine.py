"""The flags of ris-predict and ris-evaluate that say which model predicts, and how."""

from absl import flags

from ris_tf import storage
from ris_tf.commands import command
from ris_tf.errors import UsageError
from ris_tf.inference import consensus

flags.disclaim_key_flags()  # they belong to the command that calls define(), whose help lists them


def define():
    """Defines the flags --model, --engine, --crf and --orientations."""
    flags.DEFINE_string(
        "model", None, "preset, work folder of ris-train, .keras file, or file or folder written by ris-export"
    )
    flags.DEFINE_enum(
        "engine",
        "auto",
        storage.ENGINES,
        "what computes the predictions: litert, which starts at once, keras, or auto, which takes litert for presets",
    )
    flags.DEFINE_boolean("crf", False, "refine each mask with a fully connected CRF; needs pydensecrf2")
    flags.DEFINE_enum(
        "orientations",
        None,
        consensus.CHOICES,
        "number of mirrored and turned copies of each image to run and combine: more exact, but slower; unless given, "
        "as the model's config says",
    )


def open_model(values, changes=False):
    """Opens the model that the flags --model, --engine and --orientations name.

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
    model = storage.open_model(values.model, engine)
    consensus.choose(model, values.orientations)
    return model
