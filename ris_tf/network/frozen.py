"""Which layers of a form are not trained: frozen by the name of a part, and recorded so that `RIS.save` keeps it."""

import keras

from ris_tf.errors import UsageError


def freeze(form, names):
    """Makes every layer of a form trainable, except those of some parts.

    Args:
      form: PaperForm or AttendForm.
      names: names of parts, see `form.parts()`; may be empty.

    Raises:
      UsageError: there is no such part.
    """
    unknown = [name for name in names if name not in form.parts()]
    if unknown:
        raise UsageError(f"there is no part {unknown[0]!r} to freeze; expected any of {', '.join(form.parts())}")
    _thaw(form)
    for name in names:
        for layer in form.parts()[name]:
            layer.trainable = False


def paths(layer):
    """Lists what is not trained, as paths of attributes, such as ["encoder/down/0"].

    A layer is listed without its inner layers if none of them is trained. This does not depend on how the layers were
    frozen: by `freeze`, by a user who set `trainable`, or by their class.
    """
    found = []
    for name, inner in _inside(layer).items():
        within = paths(inner)
        if not inner.trainable and within == [*_inside(inner)]:
            found.append(name)
        else:
            found += [f"{name}/{path}" for path in within]
    return found


def restore(form, listed):
    """Makes every layer of a form trainable, except those that `paths` listed.

    Raises:
      ValueError: a path leads to no layer.
    """
    _thaw(form)
    for path in listed:
        layer, left = form, path
        while left:
            name = next((name for name in _inside(layer) if f"{left}/".startswith(f"{name}/")), None)
            if name is None:
                raise ValueError(f"frozen lists {path!r}, which is no layer")
            layer, left = _inside(layer)[name], left[len(name) + 1 :]
        layer.trainable = False


def _thaw(form):
    # TensorFlow ignores an assignment of the value that an attribute has, so that True alone would not reach layers
    # inside that were frozen one by one.
    form.trainable = False
    form.trainable = True


def _inside(layer):
    """The layers that a layer holds, by the path of the attribute: {"stem": layer, "down/0": layer, ...}."""
    if isinstance(layer, keras.Model):
        return {f"layers/{index}": inner for index, inner in enumerate(layer.layers)}
    found = {}
    for name, value in vars(layer).items():
        if isinstance(value, keras.layers.Layer) and name[0] != "_":
            found[name] = value
        elif isinstance(value, list | tuple) and name[0] != "_":
            held = enumerate(value)
            found |= {f"{name}/{index}": inner for index, inner in held if isinstance(inner, keras.layers.Layer)}
    return found
