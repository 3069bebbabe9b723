"""Reads a JSON file, and says in one line what is wrong with it."""

import json
from pathlib import Path
from typing import Any

from ris_tf.errors import DataError


def read_json(file: Path, expected: str) -> Any:
    """Reads a file of annotations in JSON.

    Args:
        file: the file.
        expected: end of a message, what the file should hold.

    Raises:
        DataError: the file cannot be read.
    """
    try:
        return json.loads(file.read_bytes())
    except OSError as error:
        raise DataError(f"{file}: {error.strerror}; {expected}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file}: cannot be read as JSON ({error}); {expected}") from error
