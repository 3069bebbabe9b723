"""Errors that end a command with one line."""


class RisError(Exception):
    """Base of every error that a user can put right; `exit_code` is the command's exit status."""

    exit_code = 1


class DataError(RisError):
    """Files or folders are wrong.

    Args:
      *problems: one line for each thing that is wrong, at least one.

    Attributes:
      problems: the same, a tuple; the message is the first, and how many there are.
    """

    exit_code = 1

    def __init__(self, *problems):
        more = f" (the first of {len(problems)} problems; `ris-data inspect` lists all)" if problems[1:] else ""
        super().__init__(problems[0] + more)
        self.problems = problems


class NoSplit(DataError):
    """A data set has no split of the name that was asked for."""


class UsageError(RisError):
    """A flag, config field or argument is wrong."""

    exit_code = 2


def gather(*reads):
    """Calls every function and returns their results in a list, or raises one DataError of all that was wrong."""
    results, problems = [], []
    for read in reads:
        try:
            results.append(read())
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(*problems)
    return results
