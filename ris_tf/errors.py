"""Errors that end a command with one line."""


class RisError(Exception):
    """Base of every error that a user can put right; `exit_code` is the command's exit status."""

    exit_code = 1


class DataError(RisError):
    """A file or folder is wrong."""

    exit_code = 1


class UsageError(RisError):
    """A flag, config field or argument is wrong."""

    exit_code = 2
