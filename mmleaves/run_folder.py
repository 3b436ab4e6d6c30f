"""A run's folder, which one process at a time may write to."""

import errno
import time
import warnings
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from mmleaves import exit_codes
from mmleaves.errors import RunError
from mmleaves.locks import hold, holder, host
from mmleaves.names_as_text import as_text
from mmleaves.whole_files import CannotWriteError

LOCK = ".lock"
# What file systems without locks say.
_NO_LOCKS = {
    getattr(errno, name, None) for name in ("ENOLCK", "ENOSYS", "ENOTSUP", "EOPNOTSUPP")
}
_kept: set[Path] = set()


class FolderInUseError(RunError):
    """Another process trains into the folder."""

    exit_code = exit_codes.LOCKED


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """Keep a folder from other processes for a while; made if it is not there.

    What a killed process kept is free. Within a process it may be kept twice.

    Raises:
        FolderInUseError: If another process keeps it; nothing in it was changed.
        CannotWriteError: If it cannot be made or written to, or its name is no text.
    """
    folder = folder.resolve()
    if folder in _kept:
        yield
        return
    if (name := as_text(str(folder))) != str(folder):
        raise CannotWriteError(
            f"{name} cannot be the run's folder: its name is no text in UTF-8, as logs "
            "and checkpoints need it. Take another: --work-dir FOLDER."
        )
    lock = folder / LOCK
    with ExitStack() as stack:
        try:
            held = stack.enter_context(hold(lock))
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                raise CannotWriteError(
                    f"{folder} cannot be the run's folder: {error.strerror}. Expected "
                    "a folder that can be written to, or a place where one can be "
                    "made. Take another: --work-dir FOLDER."
                ) from error
            warnings.warn(
                f"{folder} lies where files cannot be locked, so that a second run "
                "in it will not be noticed.",
                stacklevel=2,
            )
            held = True
        if not held:
            raise FolderInUseError(
                f"{folder} is in use: process {_holder(lock)} trains into it, and two "
                "would overwrite each other's checkpoints. Wait until it ends, or take "
                "another folder: --work-dir FOLDER."
            )
        _kept.add(folder)
        stack.callback(_kept.remove, folder)
        yield


def _holder(lock: Path) -> str:
    # It may be about to write there.
    for _ in range(20):
        if (number := holder(lock)) != "unknown":
            return f"{number} on {host(lock)}"
        time.sleep(0.05)
    return "unknown"
