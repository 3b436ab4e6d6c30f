"""Errors that end a command with an exit code of their own."""

from mmleaves.exit_codes import FAULT, MACHINE


class RunError(Exception):
    """Something with an exit code of its own.

    Its text says what, and what to do; ``exit_code`` is what the process ends with.
    """

    exit_code = FAULT


class CannotReadError(RunError, OSError):
    """The system could not read a file, which says nothing of what is in it."""

    exit_code = MACHINE
