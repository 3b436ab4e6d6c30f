"""Errors of a user's own making, told in a few lines."""

import functools
import sys
from collections.abc import Callable

from mmleaves.commands.exit_codes import CTRL_C, FAULT, USAGE
from mmleaves.commands.upstream_errors import explained


class RunError(Exception):
    """Something that went wrong in a run, and not by what the user gave.

    Its text says what, and what to do; ``exit_code`` is what the process ends with.
    """

    exit_code = FAULT


def reports_errors(main: Callable[..., None]) -> Callable[..., None]:
    """Let a command print what the user can mend, without a traceback, and exit.

    With 2, or with the code of a `RunError`.

    The traceback is shown with ``--debug``. Errors of other kinds are most likely ours
    and keep it.
    """

    @functools.wraps(main)
    def command(argv: list[str] | None = None) -> None:
        try:
            main(argv)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(CTRL_C)
        except Exception as error:
            text = _said(error)
            if text is None or "--debug" in (sys.argv if argv is None else argv):
                raise
            print(f"\nError: {text}", file=sys.stderr)
            print("(--debug shows where it came from.)", file=sys.stderr)
            sys.exit(error.exit_code if isinstance(error, RunError) else USAGE)

    return command


def _said(error: Exception) -> str | None:
    """Return what to tell the user, None if it is no error of the user's."""
    # First, as some of them are ValueErrors or OSErrors with a text for programmers.
    if text := explained(error):
        return text
    user_made = isinstance(error, ValueError | OSError | RunError)
    return message(error) if user_made else None


def message(error: Exception) -> str:
    """Return what an error says, without the traceback that a worker put before it."""
    text = str(error)
    if "\nOriginal Traceback" in text:
        text = text.rpartition(f"\n{type(error).__name__}: ")[2].rstrip()
    return text
