"""Errors of a user's own making, told in a few lines."""

import functools
import sys
from collections.abc import Callable

# What the user gave cannot be used; what else goes wrong ends in Python's own 1.
EXIT_USAGE = 2


def reports_errors(main: Callable[..., None]) -> Callable[..., None]:
    """Let a command print what the user can mend, without a traceback, and exit with 2.

    The traceback is shown with ``--debug``. Errors of other kinds are ours: they keep
    theirs.
    """

    @functools.wraps(main)
    def command(argv: list[str] | None = None) -> None:
        try:
            main(argv)
        except (
            ValueError,
            FileNotFoundError,
            FileExistsError,
            NotADirectoryError,
        ) as e:
            if "--debug" in (sys.argv if argv is None else argv):
                raise
            print(f"\nError: {e}\n(--debug shows where it came from.)", file=sys.stderr)
            sys.exit(EXIT_USAGE)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(130)

    return command
