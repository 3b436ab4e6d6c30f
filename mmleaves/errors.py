"""Errors that end a command with an exit code of their own."""

from mmleaves.exit_codes import FAULT


class RunError(Exception):
    """Something with an exit code of its own.

    Its text says what, and what to do; ``exit_code`` is what the process ends with.
    """

    exit_code = FAULT
