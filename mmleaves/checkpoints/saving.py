"""Bring a checkpoint to the disk so that no kill leaves half of one."""

import hashlib
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from pathlib import Path

from mmengine.fileio import LocalBackend, register_backend

from mmleaves.checkpoints import manifest
from mmleaves.checkpoints.loading import load_from_local
from mmleaves.checkpoints.manifest import DamagedCheckpointError
from mmleaves.crash_points import reach
from mmleaves.whole_files import write_whole

BACKEND = "mmleaves_whole_files"


@register_backend(BACKEND)
class WholeFilesBackend(LocalBackend):
    """MMEngine's way to write checkpoints to a disk, with `write_checkpoint`."""

    def put(self, obj: bytes | memoryview, filepath: str | Path) -> None:
        write_checkpoint(memoryview(obj), Path(filepath))


def write_checkpoint(content: memoryview, path: Path) -> None:
    """Write a checkpoint beside its place, read it back, list it, and put it there.

    Args:
        content: The file's bytes.
        path: Where it goes; its folder gets a list, see `manifest`.

    Raises:
        CannotWriteError: If the system refuses, or gives back something else.
        ValueError: If it could not be loaded without running code from it.
    """

    def write(unfinished: Path) -> None:
        half = len(content) // 2
        with unfinished.open("wb") as file:
            reach(f"{path.name} opened")
            file.write(content[:half])
            file.flush()
            reach(f"{path.name} half")
            file.write(content[half:])

    def check(unfinished: Path) -> None:
        if not _holds(unfinished, content):
            raise OSError("what was read back is not what was written")
        # What cannot be loaded must not take the place of what can.
        _load(unfinished)
        reach(f"{path.name} read back")
        manifest.enter(path, len(content), sha256().hexdigest())

    sha256 = partial(hashlib.sha256, content)
    with ThreadPoolExecutor(1, "sha256") as pool:
        # While the disk is waited for; where no thread can be had, after that.
        with suppress(RuntimeError):
            sha256 = pool.submit(sha256).result
        write_whole(path, write, check=check, size_bytes=len(content))


def _load(path: Path) -> None:
    try:
        # Its numbers were just compared.
        load_from_local(str(path), "cpu", mmap=True)
    except DamagedCheckpointError:
        # So it is told, too, where a file system or a limit allows no such map.
        load_from_local(str(path), "cpu")


def _holds(path: Path, content: memoryview) -> bool:
    """Return whether a file's content is that, byte by byte."""
    done = 0
    with path.open("rb") as file:
        while piece := file.read(1 << 20):
            # As bytes: compared with a view, each is looked at as a number.
            if piece != bytes(content[done : done + len(piece)]):
                return False
            done += len(piece)
    return done == len(content)
