"""Files that are there whole or not at all, whenever a process or the machine dies."""

import errno
import os
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from uuid import uuid4

from mmleaves import exit_codes
from mmleaves.crash_points import reach
from mmleaves.errors import RunError

UNFINISHED = ".unfinished"
# To write a file takes seconds.
_UNFINISHED_SECONDS = 3600
# What file systems say that sync no folders, as some in user space and on networks.
_NO_SYNC = {errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP}


class CannotWriteError(RunError, OSError):
    """A file could not be written: a full disk, a quota, a folder that is none."""

    exit_code = exit_codes.CANNOT_WRITE


def check_can_write(path: Path, option: str) -> None:
    """Make sure that a file can be written, before the work of which it tells.

    Nothing is changed. Pipes and devices, such as ``/dev/stdout``, are taken as they
    are.

    Args:
        path: The file; folders that miss would be made.
        option: What gave it, for the message.

    Raises:
        CannotWriteError: If it is a folder, or its folder is none or takes no files.
    """
    try:
        why = _obstacle(path)
    except OSError as error:
        why = error.strerror or str(error)
    if why:
        raise CannotWriteError(
            f"{option} {path} cannot be written: {why}. Expected the name of a file in "
            "a folder that can be written to. Name another; nothing was done yet."
        )


def check_no_input(path: Path, option: str, inputs: Iterable[str | Path]) -> None:
    """Make sure that what is written takes the place of nothing that is read.

    Args:
        path: The file to write.
        option: What gave it, for the message.
        inputs: Files that are read.

    Raises:
        ValueError: If it is one of them.
    """
    if path.resolve() in {Path(one).resolve() for one in inputs}:
        raise ValueError(
            f"{option} {path}: found the name of a file that is read, expected "
            "another, as it would be lost. Name another."
        )


def _obstacle(path: Path) -> str | None:
    if _is_no_file(path):
        return None
    if _is_output_to_file(path):
        return "what is printed goes to a file there; name that file"
    if path.is_symlink():
        path = path.resolve()
        if not path.parent.is_dir():
            return f"it is a link into {path.parent}, which is no folder"
    with suppress(FileNotFoundError, NotADirectoryError):
        if stat.S_ISDIR(path.stat().st_mode):
            return "it is a folder"
        # One that nobody may write to is not to be replaced either.
        path.open("r+b").close()
    folder = next(above for above in path.absolute().parents if os.path.lexists(above))
    if not folder.is_dir():
        return f"{folder} is no folder"
    # Rights alone do not tell: the file system may be read-only.
    with tempfile.TemporaryFile(dir=folder):
        return None


def write_whole(
    path: Path,
    write: Callable[[Path], object],
    *,
    check: Callable[[Path], object] | None = None,
    size_bytes: int | None = None,
) -> None:
    """Write a file beside its place, and put it there when it is on the disk.

    Into a pipe or a device, such as ``/dev/null``, it is written as it is.

    Args:
        path: The file; folders that miss are made. What is there stays until then.
        write: Writes the path that it is given.
        check: Looks at what was written, by an error keeps it from its place.
        size_bytes: How large the file becomes, if that is known, for messages.

    Raises:
        CannotWriteError: If the system refuses. What was there is as it was, unless
            the message says that the new file is in its place.
    """
    if _is_output_to_file(path):
        raise CannotWriteError(
            f"{path} could not be written: what is printed goes to a file there. Name "
            "that file."
        )
    if _is_no_file(path):
        try:
            write(path)
        except OSError as error:
            raise CannotWriteError(_cannot_write(path, error, size_bytes)) from error
        return
    # Not the process's number: on a shared folder another machine has the same.
    unfinished = path.with_name(f"{path.name}.{uuid4().hex[:16]}{UNFINISHED}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write(unfinished)
        reach(f"{path.name} written")
        with unfinished.open("rb+") as file:  # Windows syncs no file opened to read
            os.fsync(file.fileno())
        reach(f"{path.name} on the disk")
        if check is not None:
            check(unfinished)
        reach(f"{path.name} checked")
        unfinished.replace(path)
    except CannotWriteError:
        raise
    except OSError as error:
        raise CannotWriteError(_cannot_write(path, error, size_bytes)) from error
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)
    reach(f"{path.name} in place")
    try:
        _sync_folder(path.parent)
    except OSError as error:
        raise CannotWriteError(
            f"{path} was written, and is whole; but its folder could not be brought to "
            f"the disk: {error.strerror or error}. After a power cut, the file from "
            "before may be back. Look at the disk, or take another folder; a "
            "training goes on with --resume."
        ) from error


def _is_no_file(path: Path) -> bool:
    try:
        mode = path.stat().st_mode
    except OSError:
        return False  # what follows says why
    return not (stat.S_ISREG(mode) or stat.S_ISDIR(mode))


def _is_output_to_file(path: Path) -> bool:
    """Return whether this is such as /dev/stdout, where that goes to a file.

    What is printed there would be written over, or the link replaced by a file.
    """
    return path.parent == Path("/dev") and path.is_file()


def _cannot_write(path: Path, error: OSError, size_bytes: int | None) -> str:
    needed = "" if size_bytes is None else f"It needs {size_bytes:,} bytes; "
    try:
        free = f"{shutil.disk_usage(path.parent).free:,} are free on its disk"
    except OSError:
        free = "what is free on its disk cannot be told"
    if not needed:
        free = free.replace("are free", "bytes are free")
    return (
        f"{path} could not be written: {error.strerror or error}. {needed}{free}. "
        "Files that were there before are untouched. Make room (limits on the size of "
        "files and quotas count as well) or take another folder, and start again; a "
        "training goes on with --resume."
    )


def _sync_folder(folder: Path) -> None:
    # Where a folder cannot be opened, as on Windows, a name is on the disk soon enough.
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    except OSError as error:
        if error.errno not in _NO_SYNC:
            raise
    finally:
        os.close(descriptor)


def sweep(folder: Path, *, older_than_seconds: float = _UNFINISHED_SECONDS) -> None:
    """Remove what processes that were killed left unfinished in a folder.

    Args:
        folder: Where to look, not below it.
        older_than_seconds: What is younger may be in the making: whether its process
            runs, another machine cannot tell. 0 where nobody else writes.
    """
    for path in folder.glob(f"*{UNFINISHED}"):
        with suppress(FileNotFoundError):
            if time.time() - path.stat().st_mtime >= older_than_seconds:
                path.unlink()
