"""Errors of a user's own making, told in a few lines."""

import errno
import functools
import sys
from collections.abc import Callable

# What the user gave cannot be used; what else goes wrong ends in Python's own 1.
EXIT_USAGE = 2
# A full disk, whoever was writing.
_CANNOT_WRITE = {
    getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS")
}
_EXIT_CANNOT_WRITE = 74


class RunError(Exception):
    """Something with an exit code of its own.

    Its text says what, and what to do; ``exit_code`` is what the process ends with.
    """

    exit_code = 1


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
            sys.exit(_exit_code(e))
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(130)

    return command


def _exit_code(error: Exception) -> int:
    if isinstance(error, RunError):
        return error.exit_code
    return _EXIT_CANNOT_WRITE if _is_full(error) else EXIT_USAGE


def _is_full(error: Exception) -> bool:
    number = getattr(error, "errno", None)
    return number is not None and number in _CANNOT_WRITE


def message(error: Exception) -> str:
    """Return what an error says, without the traceback that a worker put before it."""
    text = str(error)
    if "\nOriginal Traceback" in text:
        text = text.rpartition(f"\n{type(error).__name__}: ")[2].rstrip()
    if _is_full(error):
        # Such as from a log, of which the system does not say where it is.
        text = (
            f"A file could not be written: {text}. Make room, or take another folder, "
            "and start again; a training goes on with --resume."
        )
    return text
