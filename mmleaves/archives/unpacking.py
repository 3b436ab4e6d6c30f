"""Unpack archives, once it is sure of every member that it is harmless."""

import glob
import shutil
import tarfile
import time
import zipfile
from contextlib import closing, suppress
from pathlib import Path, PurePosixPath
from uuid import uuid4

from mmleaves.archives.checking import checked
from mmleaves.archives.reading import (
    BLOCK_BYTES,
    DAMAGED,
    Member,
    members_of,
    open_archive,
    open_member,
    read_rest,
    reading,
)
from mmleaves.errors import CannotReadError
from mmleaves.whole_files import UNFINISHED, CannotWriteError, check_can_write

# An unpacking that was killed a day ago goes on nowhere.
_UNFINISHED_SECONDS = 86_400


def unpack(
    archive: Path,
    folder: Path,
    *,
    max_members: int = 100_000,
    max_gb: float = 20,
    max_ratio: float = 200,
) -> int:
    """Unpack a zip or tar archive into a new folder, whole or not at all.

    Every member is looked at before the first is written. The files get the rights and
    times of new ones; they are written beside the folder and moved there at the end.

    Args:
        archive: The file.
        folder: Where to; must not be there, or be empty.
        max_members: Refused from more members than this.
        max_gb: Refused from more bytes than this when unpacked, in 10^9.
        max_ratio: Refused from more bytes than this many times the archive's own.

    Returns:
        The number of files.

    Raises:
        FileNotFoundError: If there is no such file.
        FileExistsError: If the folder holds something.
        ValueError: If it is no archive, is damaged, or holds what must not be written;
            says which member, and writes nothing.
        CannotReadError: If the system cannot read the archive; nothing is left.
        CannotWriteError: If it refuses to write; nothing is left.
    """
    if not archive.is_file():
        raise FileNotFoundError(
            f"{archive}: found no such file, expected an archive. Correct the name."
        )
    archive.open("rb").close()  # else what follows would blame the folder
    # Where it is written first, beside its place.
    check_can_write(folder.absolute().with_name(f"{folder.name}{UNFINISHED}"), "FOLDER")
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise FileExistsError(
            f"{folder}: found it to hold files, expected a new or an empty folder. "
            "Name another."
        )
    if folder.is_symlink():
        raise FileExistsError(
            f"{folder}: found a link, expected a new or an empty folder. Name the "
            f"folder itself, {folder.resolve()}."
        )
    folder = folder.resolve()
    check_can_write(
        folder.parent / f"{folder.name}{UNFINISHED}", "FOLDER, or beside it,"
    )
    beside = folder.with_name(f"{folder.name}.{uuid4().hex[:16]}{UNFINISHED}")
    try:
        with closing(open_archive(archive)) as opened:
            found = members_of(archive, opened, max_members)
            members = checked(archive, found, beside, max_gb, max_ratio)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            beside.mkdir()
            try:
                for member in members:
                    _write(archive, opened, member, beside)
                with reading(archive):
                    read_rest(opened)
                with suppress(FileNotFoundError):
                    folder.rmdir()
                beside.rename(folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except CannotReadError:
        raise
    except (*DAMAGED, OSError) as error:
        # Of the system's own, the number is known; bz2 has such without.
        if isinstance(error, OSError) and error.errno is not None:
            raise CannotWriteError(
                f"{archive} could not be unpacked into {folder}: {error.strerror}. "
                "Nothing is left of it. Make room, or name another folder."
            ) from error
        raise ValueError(
            f"{archive}: found an archive that cannot be read "
            f"({str(error) or type(error).__name__}), expected a whole zip or tar file "
            "without a password. Get it again."
        ) from error
    return sum(member.kind == "file" for member in members)


def _sweep(folder: Path) -> None:
    """Remove what unpackings that were killed left beside the folder."""
    for path in folder.parent.glob(f"{glob.escape(folder.name)}.*{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime >= _UNFINISHED_SECONDS:
                shutil.rmtree(path)


def _write(
    archive: Path,
    opened: zipfile.ZipFile | tarfile.TarFile,
    member: Member,
    folder: Path,
) -> None:
    target = folder / PurePosixPath(member.name.replace("\\", "/"))
    if member.kind == "folder":
        target.mkdir(parents=True, exist_ok=True)
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    with reading(archive):
        reader = open_member(opened, member)
    with reader as source, target.open("xb") as file:
        written = 0
        while True:
            with reading(archive):
                block = source.read(BLOCK_BYTES)
            if not block:
                break
            written += len(block)
            if written > member.n_bytes:
                raise zipfile.BadZipFile(f"{member.name} is longer than it says")
            file.write(block)
    if written != member.n_bytes:
        raise zipfile.BadZipFile(f"{member.name} breaks off")
