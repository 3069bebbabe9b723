"""One choice of planes for all images of a data set, whatever its layout."""

import contextlib
import contextvars
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any

from ris_tf.data.images.planes import Choice
from ris_tf.errors import DataError

_CHOICE: contextvars.ContextVar[Choice | None] = contextvars.ContextVar("choice", default=None)
_ASKED: contextvars.ContextVar[list] = contextvars.ContextVar("asked")


def current() -> Choice | None:
    """The choice for the sample that is being read; None if there is none. `single` asks for it."""
    if _CHOICE.get() is not None:
        _ASKED.get().append(True)
    return _CHOICE.get()


@contextlib.contextmanager
def _choosing(choice: Choice) -> Iterator[list]:
    tokens = (_CHOICE, _CHOICE.set(choice)), (_ASKED, _ASKED.set(asked := []))
    try:
        yield asked
    finally:
        for variable, token in tokens:
            variable.reset(token)


def with_planes(
    samples: Sequence[tuple[str, Callable[[], Any]]], choice: Choice | None
) -> list[tuple[str, Callable[[], Any]]]:
    """Samples whose images and label maps are read at the chosen planes.

    Args:
        samples: list of (name, read), see `sources.open_source`.
        choice: the planes, without ALL; None to refuse files with several.

    Returns:
        list of (name, read). read() raises DataError if the images have no planes that could be chosen.
    """
    return [(name, read if choice is None else partial(_read, name, read, choice)) for name, read in samples]


def _read(name, read, choice):
    with _choosing(choice) as asked:
        sample = read()
    given = [flag for flag, index in choice._asdict().items() if index is not None]
    if given and not asked:
        raise DataError(f"{name}: is not read from an image file of several planes; leave out --{given[0]}")
    return sample
