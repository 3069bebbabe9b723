"""Exceptions for errors that the user can fix; commands print them as one line and exit."""


class RisError(Exception):
    """Base class of all errors that the user can fix; `exit_code` is the exit status of the command."""

    exit_code = 1


class DataError(RisError):
    """A file or folder is missing or invalid.

    The message of the exception is the first problem, followed by the number of problems if there are several.

    Args:
      *problems: one line per problem, at least one.

    Attributes:
      problems: tuple of all problems.
    """

    exit_code = 1

    def __init__(self, *problems):
        more = f" (the first of {len(problems)} problems; `ris-data inspect` lists all)" if problems[1:] else ""
        super().__init__(problems[0] + more)
        self.problems = problems


class NoSplit(DataError):
    """The data set has no split with the requested name."""


class UsageError(RisError):
    """A flag, config field or argument is invalid."""

    exit_code = 2


def gather(*reads):
    """Calls every function and returns the list of their results.

    Raises:
      DataError: with the problems of all calls that raised a DataError.
    """
    results, problems = [], []
    for read in reads:
        try:
            results.append(read())
        except DataError as error:
            problems += error.problems
    if problems:
        raise DataError(*problems)
    return results
