"""Files that are there whole or not at all, whenever a process or the machine dies."""

import os
from collections.abc import Callable
from pathlib import Path

UNFINISHED = ".unfinished"


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, and put it there when it is on the disk.

    Args:
        path: The file; folders that miss are made. What is there stays until then.
        write: Writes the path that it is given.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f"{path.name}.{os.getpid()}{UNFINISHED}")
    try:
        write(unfinished)
        put_in_place(unfinished, path)
    finally:
        unfinished.unlink(missing_ok=True)


def put_in_place(unfinished: Path, path: Path) -> None:
    """Give a file its name once all of it is on the disk."""
    with unfinished.open("rb+") as file:
        os.fsync(file.fileno())
    unfinished.replace(path)
    _sync_folder(path.parent)


def _sync_folder(folder: Path) -> None:
    # Where a folder cannot be opened, as on Windows, a name is on the disk soon enough.
    if not hasattr(os, "O_DIRECTORY"):
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def sweep(folder: Path) -> None:
    """Remove what processes that were killed left unfinished in a folder."""
    for path in folder.glob(f"*{UNFINISHED}"):
        owner = path.suffixes[-2].lstrip(".") if len(path.suffixes) > 1 else ""
        if not (owner.isdigit() and _lives(int(owner))):
            path.unlink(missing_ok=True)


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
