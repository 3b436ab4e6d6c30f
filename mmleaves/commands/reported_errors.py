"""Errors of a user's own making, told in a few lines."""

import errno
import functools
import os
import select
import sys
from collections.abc import Callable
from pathlib import Path

from mmleaves.commands.upstream_errors import explained
from mmleaves.errors import RunError
from mmleaves.exit_codes import CANNOT_WRITE, CTRL_C, PIPE_CLOSED, USAGE

# A full disk, whoever was writing.
_CANNOT_WRITE = {
    getattr(errno, name, None) for name in ("ENOSPC", "EDQUOT", "EFBIG", "EROFS")
}


def reports_errors(main: Callable[..., None]) -> Callable[..., None]:
    """Let a command print what the user can mend, without a traceback, and exit.

    With 2, or with the code of a `RunError`.

    With ``--debug`` the error is raised, with its traceback and Python's exit code.
    Errors of other kinds are most likely ours and are raised as well.
    """

    @functools.wraps(main)
    def command(argv: list[str] | None = None) -> None:
        if sys.stdout is None:  # closed, as by `>&-`
            sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115
        try:
            main(argv)
        except KeyboardInterrupt:
            print("\nStopped.", file=sys.stderr)
            sys.exit(CTRL_C)
        except Exception as error:
            if isinstance(error, BrokenPipeError) and _nobody_reads():
                sys.exit(PIPE_CLOSED)
            text = _said(error)
            if text is None or "--debug" in (sys.argv if argv is None else argv):
                raise
            print(f"\nError: {text}", file=sys.stderr)
            print("(--debug shows where it came from.)", file=sys.stderr)
            sys.exit(exit_code(error))

    return command


def _nobody_reads() -> bool:
    """Return whether the reader of what is printed went away, as `head` does."""
    if hasattr(select, "poll"):
        poll = select.poll()
        poll.register(sys.stdout.fileno(), select.POLLOUT)
        if not any(event & select.POLLERR for _, event in poll.poll(0)):
            return False
    # Else Python tries again at its end, and complains.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return True


def exit_code(error: Exception) -> int:
    """Return what a command ends with after an error of the user's."""
    if isinstance(error, RunError):
        return error.exit_code
    return CANNOT_WRITE if _is_full(error) else USAGE


def _is_full(error: Exception) -> bool:
    number = getattr(error, "errno", None)
    return number is not None and number in _CANNOT_WRITE


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
    if _is_full(error):
        # Such as from a log, of which the system does not say where it is.
        text = (
            f"A file could not be written: {text}. Make room, or take another folder, "
            "and start again; a training goes on with --resume."
        )
    return text
