"""Unpack archives, once it is sure of every member that it is harmless."""

import errno
import glob
import lzma
import os
import shutil
import stat
import tarfile
import time
import unicodedata
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path, PurePosixPath
from typing import BinaryIO
from uuid import uuid4

from mmleaves.errors import CannotReadError
from mmleaves.names_as_text import shown
from mmleaves.whole_files import UNFINISHED, CannotWriteError, check_can_write

ARCHIVE_ENDINGS = (
    *(".zip", ".tar", ".tgz", ".tbz2", ".txz"),
    *(".tar.gz", ".tar.bz2", ".tar.xz"),
)
_BLOCK_BYTES = 1 << 20
_MANY_MEMBERS = 0xFFFF
# Of a zip's end: 22 and a comment.
_TABLE_BYTES = 22 + (1 << 16)
# Of what a tar archive says of its next member, such as a long name. Python reads it
# whole.
_HEADER_BYTES = 1 << 20
_HEADERS = (
    *(tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK),
    *(tarfile.XHDTYPE, tarfile.XGLTYPE, tarfile.SOLARIS_XHDTYPE),
)
# An unpacking that was killed a day ago goes on nowhere.
_UNFINISHED_SECONDS = 86_400
# Below this many, it does not matter how well they were packed.
_SMALL_BYTES = 100_000_000
# Names that a Mac adds, and its Finder hides.
_LEFT_OUT = "__MACOSX"


class _HeaderError(Exception):
    """No error of tarfile's, which would take it for another kind of archive."""


# What Python's readers raise on an archive that is damaged, or locked by a password.
_DAMAGED = (
    *(zipfile.BadZipFile, tarfile.TarError, EOFError, UnicodeError),
    *(zlib.error, lzma.LZMAError, RuntimeError, NotImplementedError, MemoryError),
    _HeaderError,
)


class _TarInfo(tarfile.TarInfo):
    """A header that is looked at before Python reads what it announces.

    Python takes a damaged header, and a file that breaks off before one, for the end of
    the archive.
    """

    @classmethod
    def fromtarfile(cls, tar: tarfile.TarFile) -> tarfile.TarInfo:
        try:
            return super().fromtarfile(tar)
        except (
            tarfile.EmptyHeaderError,
            tarfile.InvalidHeaderError,
            tarfile.TruncatedHeaderError,
        ) as error:
            if tar.offset == 0:
                raise  # of another kind
            raise _HeaderError(f"{error} at byte {tar.offset:,}") from error

    def _proc_member(self, tar: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _HEADERS and self.size > _HEADER_BYTES:
            raise _HeaderError(
                f"a header of {self.size:,} bytes, expected {_HEADER_BYTES:,} at most"
            )
        return super()._proc_member(tar)


@dataclass(frozen=True)
class Member:
    """A file or folder in an archive.

    Attributes:
        name: As the archive has it.
        n_bytes: Of the file when it is unpacked, as the archive says.
        kind: ``"file"``, ``"folder"``, or what else it is, such as ``"link"``.
        inner: What the archive's library knows it by.
    """

    name: str
    n_bytes: int
    kind: str
    inner: object


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
        with closing(_open(archive)) as opened:
            found = _members(archive, opened, max_members)
            members = _checked(archive, found, beside, max_gb, max_ratio)
            folder.parent.mkdir(parents=True, exist_ok=True)
            _sweep(folder)
            beside.mkdir()
            try:
                for member in members:
                    _write(archive, opened, member, beside)
                with _reading(archive):
                    _read_rest(opened)
                with suppress(FileNotFoundError):
                    folder.rmdir()
                beside.rename(folder)
            finally:
                shutil.rmtree(beside, ignore_errors=True)
    except CannotReadError:
        raise
    except (*_DAMAGED, OSError) as error:
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


@contextmanager
def _reading(archive: Path) -> Iterator[None]:
    """Tell a disk that does not answer from one that takes nothing, and from damage."""
    try:
        yield
    except OSError as error:
        # bz2's have no number; a place before the file's beginning has this one.
        if error.errno in (None, errno.EINVAL):
            raise zipfile.BadZipFile(error.strerror or str(error)) from error
        raise CannotReadError(
            f"{archive} could not be read: {error.strerror}. Nothing was unpacked. It "
            "may well be whole: look at the disk that it is on, and start again."
        ) from error
    except (ValueError, OverflowError, IndexError) as error:  # of odd numbers in it
        raise zipfile.BadZipFile(str(error)) from error


def _sweep(folder: Path) -> None:
    """Remove what unpackings that were killed left beside the folder."""
    for path in folder.parent.glob(f"{glob.escape(folder.name)}.*{UNFINISHED}"):
        with suppress(OSError):
            if time.time() - path.stat().st_mtime >= _UNFINISHED_SECONDS:
                shutil.rmtree(path)


def _open(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    with _reading(archive), archive.open("rb") as file:
        # Python's readers take what the disk does not give for another kind of file.
        start = file.read(_BLOCK_BYTES)[:12]
        file.seek(-min(archive.stat().st_size, _TABLE_BYTES), os.SEEK_END)
        table = file.read()
    with _reading(archive):
        # First, as a zip in a tar makes it look like one.
        with suppress(tarfile.ReadError, EOFError):
            return tarfile.open(archive, tarinfo=_TarInfo)
        if zipfile.is_zipfile(archive):
            opened = zipfile.ZipFile(archive)
            _check_number(opened, table)
            return opened
    raise ValueError(
        f"{archive}: found a file that begins with {start!r}, expected a zip or "
        "tar archive. Get it again, or unpack it with the program it is from."
    )


def _check_number(opened: zipfile.ZipFile, table: bytes) -> None:
    """Compare how many members a zip says it has with those that Python found."""
    place = table.rfind(b"PK\5\6") + 10
    said = int.from_bytes(table[place : place + 2], "little")
    found = len(opened.infolist())
    # Above that, another record says it.
    if said not in (found, _MANY_MEMBERS):
        opened.close()
        raise zipfile.BadZipFile(f"{found} members where its table says {said}")


def _members(
    archive: Path, opened: zipfile.ZipFile | tarfile.TarFile, max_members: int
) -> Iterator[Member]:
    """Yield the members, and refuse too many of them."""
    zipped = isinstance(opened, zipfile.ZipFile)
    entries = iter(opened.infolist() if zipped else opened)
    for number in count(1):
        with _reading(archive):
            entry = next(entries, None)
        if entry is None:
            return
        if number > max_members:
            raise ValueError(
                f"found more than {max_members:,} members, expected fewer. If that is "
                "right, raise --max-members."
            )
        if isinstance(entry, tarfile.TarInfo):
            kind = "file" if entry.isreg() else "folder" if entry.isdir() else "link"
            if not (entry.isreg() or entry.isdir() or entry.issym() or entry.islnk()):
                kind = "device or pipe"
            yield Member(entry.name, entry.size, kind, entry)
            continue
        if not entry.filename:
            raise zipfile.BadZipFile("a member has no name")
        mode = stat.S_IFMT(entry.external_attr >> 16)
        kind = "folder" if entry.is_dir() else "file"
        if kind == "folder" and entry.file_size:
            raise zipfile.BadZipFile(f"the folder {entry.filename!r} has bytes")
        if mode and not (stat.S_ISREG(mode) or stat.S_ISDIR(mode)):
            kind = "link" if stat.S_ISLNK(mode) else "device or pipe"
        yield Member(entry.filename, entry.file_size, kind, entry)


def _checked(
    archive: Path,
    members: Iterable[Member],
    folder: Path,
    max_gb: float,
    max_ratio: float,
) -> list[Member]:
    """Return the members to write into a folder, once none of them can do harm.

    Raises:
        ValueError: If one can; with its name.
    """
    kept: list[Member] = []
    seen: dict[str, tuple[str, bool, Member]] = {}
    n_bytes, packed = 0, archive.stat().st_size
    longest = _longest(folder)
    try:
        for member in members:
            path = _path(member)
            if path is None:
                continue
            n_bytes += member.n_bytes
            if n_bytes > max_gb * 1e9:
                raise ValueError(
                    f"found more than {max_gb:g} GB in it when unpacked, expected "
                    "less. If that is right, raise --max-gb."
                )
            if n_bytes > max(_SMALL_BYTES, max_ratio * packed):
                raise ValueError(
                    f"found more than {max_ratio:g} times the archive's own "
                    f"{packed:,} bytes in it when unpacked, expected less of images. "
                    "If that is right, raise --max-ratio."
                )
            _check_length(member, path, folder, *longest)
            _check_unique(member, path, seen)
            kept.append(member)
    except ValueError as error:
        raise ValueError(f"{archive}: {error} Nothing was written.") from None
    if not any(member.kind == "file" for member in kept):
        raise ValueError(
            f"{archive}: found no files in it, expected some. Get it again. Nothing "
            "was written."
        )
    return kept


def _path(member: Member) -> PurePosixPath | None:
    """Return where a member goes, None for the folder itself and what Macs add."""
    name = member.name.replace("\\", "/")
    path = PurePosixPath(name)
    outside = path.is_absolute() or ".." in path.parts or name[1:2] == ":"
    if outside or "\0" in name:
        raise ValueError(
            f"found the member {member.name!r}, which would be written outside of the "
            "folder, expected paths below it. Get the archive from where it is from."
        )
    if member.kind not in ("file", "folder"):
        raise ValueError(
            f"found the member {member.name!r}, which is a {member.kind}, expected "
            "files and folders only. Pack what it leads to instead."
        )
    return None if not path.parts or path.parts[0] == _LEFT_OUT else path


def _longest(folder: Path) -> tuple[int, int]:
    """Return how many bytes a name and a whole path may have where a folder will be."""
    there = next(above for above in folder.parents if above.is_dir())
    if not hasattr(os, "pathconf"):
        return 255, 32_000  # Windows, in letters
    # The path's last byte is the 0 that ends it.
    return os.pathconf(there, "PC_NAME_MAX"), os.pathconf(there, "PC_PATH_MAX") - 1


def _check_length(
    member: Member, path: PurePosixPath, folder: Path, name_bytes: int, path_bytes: int
) -> None:
    names = [len(os.fsencode(part)) for part in (folder.name, *path.parts)]
    for what, found, limit in (
        ("a name", max(names), name_bytes),
        ("the path", len(os.fsencode(folder / path)), path_bytes),
    ):
        if found > limit:
            raise ValueError(
                f"found the member {shown(member.name)}, of which {what} has {found:,} "
                f"bytes where it is unpacked, expected {limit:,} at most. Take a "
                "shorter FOLDER, or rename it and pack it again."
            )


def _check_unique(
    member: Member, path: PurePosixPath, seen: dict[str, tuple[str, bool, Member]]
) -> None:
    """Refuse two members for one file, also where capitals and accents do not count.

    ``seen`` has, by what does count, how a file or folder was spelt, whether it is a
    folder, and which member named it.
    """
    for above in (path, *path.parents[:-1]):
        is_folder = above != path or member.kind == "folder"
        spelt = str(above)
        key = unicodedata.normalize("NFC", spelt).casefold()
        known = seen.setdefault(key, (spelt, is_folder, member))
        again = known[2] is not member
        if again and not (is_folder and known[:2] == (spelt, True)):
            raise ValueError(
                f"found the members {known[2].name!r} and {member.name!r}, which are "
                "one file or folder where capitals and accents do not count, expected "
                "each once. Rename one and pack it again."
            )


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
    with _reading(archive):
        reader = _reader(opened, member)
    with reader as source, target.open("xb") as file:
        written = 0
        while True:
            with _reading(archive):
                block = source.read(_BLOCK_BYTES)
            if not block:
                break
            written += len(block)
            if written > member.n_bytes:
                raise zipfile.BadZipFile(f"{member.name} is longer than it says")
            file.write(block)
    if written != member.n_bytes:
        raise zipfile.BadZipFile(f"{member.name} breaks off")


def _read_rest(opened: zipfile.ZipFile | tarfile.TarFile) -> None:
    """Come to the end of a tar: zeros, and where it is packed the sum of all it holds.

    A header of zeros, too, looks like the end.
    """
    if isinstance(opened, zipfile.ZipFile):
        return
    opened.fileobj.seek(opened.offset)
    rest = 0
    while block := opened.fileobj.read(_BLOCK_BYTES):
        rest += len(block)
        if block.strip(b"\0"):
            raise tarfile.ReadError(f"more than zeros after byte {opened.offset:,}")
        if rest > _SMALL_BYTES:
            raise tarfile.ReadError(f"more than {_SMALL_BYTES:,} bytes after its end")


def _reader(opened: zipfile.ZipFile | tarfile.TarFile, member: Member) -> BinaryIO:
    if isinstance(opened, zipfile.ZipFile):
        return opened.open(member.inner)
    return opened.extractfile(member.inner)
