"""Errors of a user's own making, told in a few lines."""

import functools
import sys
from collections.abc import Callable

from mmleaves.commands.exit_codes import CTRL_C, FAULT, USAGE


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
        except (ValueError, OSError, RunError) as e:
            if "--debug" in (sys.argv if argv is None else argv):
                raise
            text = f"\nError: {message(e)}\n(--debug shows where it came from.)"
            print(text, file=sys.stderr)
            sys.exit(e.exit_code if isinstance(e, RunError) else USAGE)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(CTRL_C)

    return command


def message(error: Exception) -> str:
    """Return what an error says, without the traceback that a worker put before it."""
    text = str(error)
    if "\nOriginal Traceback" in text:
        text = text.rpartition(f"\n{type(error).__name__}: ")[2].rstrip()
    return text
