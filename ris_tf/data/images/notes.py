"""Warn about a data set, once with the same words: a data set may be opened, and its images read, many times."""

import functools

from absl import logging


@functools.cache
def warn_once(line: str) -> None:
    """Logs a warning, unless it was logged before."""
    logging.warning("%s", line)
