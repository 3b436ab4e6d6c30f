"""A lock that ends with the process that holds it, however it ends."""

import os
import platform
import struct
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def hold(path: Path) -> Iterator[bool]:
    """Yield whether this process holds the lock now; it does not wait for it.

    The lock is the process's own: its children do not inherit it, so that data loader
    workers which outlive a killed run keep nobody out. The file stays, and means
    nothing by itself. Within one process a lock must not be taken twice.

    Args:
        path: The lock's file; folders that miss are made.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a+") as file:
        if not _lock(file.fileno()):
            yield False
            return
        file.truncate(0)
        file.write(f"{os.getpid()}\n{platform.node()}\n")
        file.flush()
        yield True  # closing the file ends the lock


def is_held(path: Path) -> bool:
    """Return whether another process holds the lock."""
    try:
        with path.open("r+") as file:
            return _is_locked(file.fileno())
    except FileNotFoundError:
        return False


def holder(path: Path) -> str:
    """Return the number of the process that held the lock last, for messages."""
    return _said(path)[0]


def host(path: Path) -> str:
    """Return the name of the machine where the lock was held last, for messages."""
    return _said(path)[1]


def _said(path: Path) -> list[str]:
    # Not by a process that holds it: closing any file of it would end the lock.
    said = path.read_text().split("\n")
    return [line.strip() or "unknown" for line in [*said, "", ""][:2]]


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> bool:
        # A byte beyond the text, which stays readable for others.
        os.lseek(descriptor, 1 << 20, os.SEEK_SET)
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        return not _lock(descriptor)

else:
    import fcntl

    def _lock(descriptor: int) -> bool:
        try:
            # POSIX locks, also on NFS; flock's would be inherited by workers.
            fcntl.lockf(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except (BlockingIOError, PermissionError):
            return False
        return True

    def _is_locked(descriptor: int) -> bool:
        if sys.platform != "linux":
            return not _lock(descriptor)
        # Not by taking it: who wants it in that moment would be refused.
        asked = struct.pack(_FLOCK, fcntl.F_WRLCK, os.SEEK_SET, 0, 0, 0)
        told = fcntl.fcntl(descriptor, fcntl.F_GETLK, asked)
        return struct.unpack(_FLOCK, told)[0] != fcntl.F_UNLCK

    # Linux's struct flock: type, whence, start, length, process.
    _FLOCK = "hhqqi"
