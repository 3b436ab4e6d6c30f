"""Read what zip and tar archives hold, and notice when one has lost some of it."""

import errno
import lzma
import os
import stat
import tarfile
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import BinaryIO

from mmleaves.errors import CannotReadError

ARCHIVE_ENDINGS = (
    *(".zip", ".tar", ".tgz", ".tbz2", ".txz"),
    *(".tar.gz", ".tar.bz2", ".tar.xz"),
)
BLOCK_BYTES = 1 << 20
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
# Below this many, it does not matter how well they were packed.
SMALL_BYTES = 100_000_000


class _HeaderError(Exception):
    """No error of tarfile's, which would take it for another kind of archive."""


# What Python's readers raise on an archive that is damaged, or locked by a password.
DAMAGED = (
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


@contextmanager
def reading(archive: Path) -> Iterator[None]:
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


def open_archive(archive: Path) -> zipfile.ZipFile | tarfile.TarFile:
    """Open a zip or tar archive, whichever it is by what it holds."""
    with reading(archive), archive.open("rb") as file:
        # Python's readers take what the disk does not give for another kind of file.
        start = file.read(BLOCK_BYTES)[:12]
        file.seek(-min(archive.stat().st_size, _TABLE_BYTES), os.SEEK_END)
        table = file.read()
    with reading(archive):
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


def members_of(
    archive: Path, opened: zipfile.ZipFile | tarfile.TarFile, max_members: int
) -> Iterator[Member]:
    """Yield the members, and refuse too many of them."""
    zipped = isinstance(opened, zipfile.ZipFile)
    entries = iter(opened.infolist() if zipped else opened)
    for number in count(1):
        with reading(archive):
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


def open_member(opened: zipfile.ZipFile | tarfile.TarFile, member: Member) -> BinaryIO:
    """Open a file in an archive to read what it holds."""
    if isinstance(opened, zipfile.ZipFile):
        return opened.open(member.inner)
    return opened.extractfile(member.inner)


def read_rest(opened: zipfile.ZipFile | tarfile.TarFile) -> None:
    """Come to the end of a tar: zeros, and where it is packed the sum of all it holds.

    A header of zeros, too, looks like the end.
    """
    if isinstance(opened, zipfile.ZipFile):
        return
    opened.fileobj.seek(opened.offset)
    rest = 0
    while block := opened.fileobj.read(BLOCK_BYTES):
        rest += len(block)
        if block.strip(b"\0"):
            raise tarfile.ReadError(f"more than zeros after byte {opened.offset:,}")
        if rest > SMALL_BYTES:
            raise tarfile.ReadError(f"more than {SMALL_BYTES:,} bytes after its end")
