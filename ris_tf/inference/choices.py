"""Choices at prediction time that replace fields of a model's config: thresholds, and the size of objects."""

import types

from ris_tf.errors import UsageError
from ris_tf.settings.ranges import PREDICT, number

_FIELDS = {name: PREDICT[f"predict.{name}"] for name in ("score_threshold", "mask_threshold", "min_area")}
_RANGES = {**_FIELDS, "diameter": number(1, 1500)}
NAMES = tuple(_RANGES)


def fields_of(config, **choices):
    """The fields of `config.predict` that choices change.

    Args:
      config: config of a model.
      **choices: each may be None, which changes nothing.
        score_threshold: float in [0, 1]; the first object whose score is not above it ends the count.
        mask_threshold: float in [0, 1]; a pixel can belong to an object if its probability is above it.
        min_area: int, pixels of the image; smaller objects are left out.
        diameter: float, typical diameter of the objects in pixels of the image. It is then not estimated. Only for the
          view "tiles".

    Returns:
      dict.

    Raises:
      UsageError: a value is out of range, or `diameter` is given for another view.
    """
    fields = {}
    for name, value in choices.items():
        if value is None:
            continue
        right, expected = _RANGES[name]
        if not right(value):
            raise UsageError(f"{name} is {value!r}; expected {expected}")
        if name != "diameter":
            fields[name] = value
            continue
        if config.data.view != "tiles":
            raise UsageError(
                f"diameter is {value:g}, but a model of the view {config.data.view!r} finds the size of objects by "
                "itself; leave it out, or use a model of the view 'tiles', such as nuclei"
            )
        fields["zoom_limits"] = (config.predict.diameter / value,) * 2
    if fields:
        fields["count_spread"] = 0.0  # it was learned with other values
    return fields


def chosen(config, **choices):
    """A config with the fields of `config` that prediction reads, changed as `fields_of` says; see there."""
    fields = fields_of(config, **choices)
    if not fields:
        return config
    predict = config.predict
    items = vars(predict) if isinstance(predict, types.SimpleNamespace) else dict(predict.items())
    return types.SimpleNamespace(
        model=config.model, data=config.data, predict=types.SimpleNamespace(**{**items, **fields})
    )
