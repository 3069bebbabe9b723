"""The flags of ris-predict and ris-evaluate that say which model predicts, and how."""

from absl import flags

from ris_tf import storage
from ris_tf.commands import command
from ris_tf.errors import UsageError
from ris_tf.inference import choices, consensus

flags.disclaim_key_flags()  # they belong to the command that calls define(), whose help lists them


def define():
    """Defines the flags of the model: what computes it, and how it is used."""
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
    own = "; unless given, as the model's config says"
    flags.DEFINE_float("score_threshold", None, f"the first object whose score is not above it ends the count{own}")
    flags.DEFINE_float("mask_threshold", None, f"a pixel belongs to an object if its probability is above it{own}")
    flags.DEFINE_integer("min_area", None, f"least area of an object in pixels of the image{own}")
    flags.DEFINE_float(
        "diameter",
        None,
        "typical diameter of the objects in pixels of the image, for models of the view tiles; "
        "unless given, it is estimated for each image",
    )


def open_model(values, changes=False):
    """Opens the model that the flags name, with the thresholds that they choose.

    Args:
      values: the flags.
      changes: whether the command changes the model, which only Keras can.

    Returns:
      see `storage.open_model`.

    Raises:
      UsageError: the engine cannot run or change the model; a value is out of range; or see `storage.open_model`.
      DataError: see `storage.open_model`.
    """
    engine = "keras" if changes and values.engine == "auto" else values.engine
    if changes and engine != "keras":
        raise UsageError(f"--engine={engine}: a tuned model is saved by Keras; leave --engine out")
    if storage.engine_of(values.model, engine) == "keras":
        command.start_tensorflow()
    model = storage.open_model(values.model, engine)
    consensus.choose(model, values.orientations)
    for field, value in _choices(values, model).items():
        setattr(model.config.predict, field, value)
    return model


def _choices(values, model):
    """The fields of `config.predict` that the flags change."""
    given = {name: values[name].value for name in choices.NAMES}
    try:
        return choices.fields_of(model.config, **given)
    except UsageError as error:
        raise UsageError(f"--{error}") from None
