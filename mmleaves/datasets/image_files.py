"""Which files below a folder are images, in an order that no file system decides."""

import os
import posixpath
import unicodedata
from collections.abc import Iterator

IMAGE_EXTENSIONS = (
    *(".bmp", ".jfif", ".jpeg", ".jpg", ".pgm"),
    *(".png", ".ppm", ".tif", ".tiff", ".webp"),
)


def nfc(text: str) -> str:
    """Return ``text`` with accents composed, since macOS and Linux spell them apart."""
    return unicodedata.normalize("NFC", text)


def is_image_name(name: str) -> bool:
    """Return whether ``name`` ends like an image file, in capitals or not."""
    return name.lower().endswith(IMAGE_EXTENSIONS)


def is_ignored(name: str) -> bool:
    """Return whether a file or folder is a tool's own: hidden, or from a Mac's zip."""
    return name.startswith(".") or name == "__MACOSX"


def list_folders(folder: str) -> dict[str, str]:
    """Return the folders in ``folder``: NFC names, sorted, to their names on disk.

    Raises:
        ValueError: If two names look the same, as ``é`` and ``e`` with an accent do, or
            one is no text.
    """
    names = sorted(entry.name for entry in _entries(folder) if _is_folder(entry))
    folders: dict[str, str] = {}
    for name in names:
        if not _is_text(name):
            raise ValueError(
                f"{folder}: found the folder {name!r}, whose name is no text in UTF-8, "
                "expected one that can be written into tables. Rename it."
            )
        if nfc(name) in folders:
            raise ValueError(
                f"{folder}: found two folders that are both written {nfc(name)!r}, "
                "their accents encoded in two ways, expected one. Merge them."
            )
        folders[nfc(name)] = name
    return dict(sorted(folders.items()))


def list_images(folder: str) -> tuple[list[str], int]:
    """List the images at any depth below ``folder``.

    Hidden files, hidden folders and ``__MACOSX`` are passed over and not counted.

    Returns:
        The images' paths relative to ``folder``, with ``/``, sorted by Unicode code
        point; and the number of other files.

    Raises:
        PermissionError: If a folder must not be read.
        ValueError: If a link leads back to a folder that holds it.
    """
    files = list(_walk(folder, ""))
    images = sorted((file for file in files if is_image_name(file)), key=nfc)
    return images, len(files) - len(images)


def relative_path(written: str) -> str:
    r"""Return ``written`` with ``/`` for ``\`` and without ``./``, ``//`` and spaces.

    Raises:
        ValueError: If the path is absolute or leaves the folder that it starts from.
            The message says what was found only; the caller knows the place.
    """
    path = written.strip().replace("\\", "/")
    if path.startswith("/") or path[1:2] == ":":
        raise ValueError(f"found the absolute path {written!r}")
    if "./" in path or "//" in path or path.endswith("/.."):
        path = posixpath.normpath(path)
    if path == ".." or path.startswith("../"):
        raise ValueError(f"found {written!r}, which leaves the data root")
    return path


def existing_form(folder: str, path: str) -> str:
    """Return ``path``, below ``folder``, with accents as the file's own name has them.

    macOS takes both forms for one name, Linux for two, and archives carry names from
    one to the other. A path that is there in neither form is returned as it is.
    """
    if path.isascii() or os.path.lexists(f"{folder}/{path}"):
        return path
    for form in ("NFC", "NFD"):
        other = unicodedata.normalize(form, path)
        if os.path.lexists(f"{folder}/{other}"):
            return other
    return path


def _is_text(name: str) -> bool:
    try:
        name.encode()
    except UnicodeEncodeError:
        return False
    return True


def _walk(folder: str, prefix: str, above: tuple[str, ...] = ()) -> Iterator[str]:
    for entry in _entries(folder):
        if not _is_folder(entry):
            yield prefix + entry.name
            continue
        followed = above
        if entry.is_symlink():
            # Two links may lead to each other's folder.
            followed = (*above, folder)
            if any(_holds(entry.path, outer) for outer in followed):
                raise ValueError(
                    f"{entry.path}: found a link to a folder that holds it, expected "
                    "no circles. Remove the link."
                )
        yield from _walk(entry.path, f"{prefix}{entry.name}/", followed)


def _entries(folder: str) -> Iterator[os.DirEntry]:
    """Yield what is in ``folder``, but for what is ignored."""
    try:
        entries = os.scandir(folder)
    except PermissionError as error:
        raise PermissionError(
            f"{folder}: found a folder that must not be read, expected one that may. "
            "Give yourself the right to (chmod u+rx), or take it out."
        ) from error
    with entries:
        yield from (entry for entry in entries if not is_ignored(entry.name))


def _is_folder(entry: os.DirEntry) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # A link to itself: whoever reads it says so.
        return False


def _holds(outer: str, inner: str) -> bool:
    outer, inner = os.path.realpath(outer), os.path.realpath(inner)
    return os.path.commonpath([outer, inner]) == outer
