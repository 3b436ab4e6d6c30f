"""Check that no member of an archive can do harm where it is to be written."""

import os
import unicodedata
from collections.abc import Iterable
from pathlib import Path, PurePosixPath

from mmleaves.archives.reading import SMALL_BYTES, Member
from mmleaves.names_as_text import shown

# Names that a Mac adds, and its Finder hides.
_LEFT_OUT = "__MACOSX"


def checked(
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
            if n_bytes > max(SMALL_BYTES, max_ratio * packed):
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
