"""Find damaged image files before a run starts, by their first and last bytes alone."""

import os
import warnings
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from stat import S_ISREG
from typing import BinaryIO

# What Pillow may take a file for, whatever its name says. Of other kinds are some that
# start a program (EPS runs Ghostscript), and some that need gigabytes at 64 megapixels
# (JPEG 2000).
FORMATS = ("BMP", "DIB", "GIF", "JPEG", "PNG", "PPM", "TIFF", "WEBP")
# What a whole file of each format ends with; libwebp itself refuses half a file.
END_MARKERS = {
    "JPEG": b"\xff\xd9",
    "MPO": b"\xff\xd9",
    "PNG": b"IEND\xaeB`\x82",
    "WEBP": b"",
}
# Four channels of 16 bits take 8, uncompressed; twice that holds a preview as well.
BYTES_A_PIXEL = 16


def check_headers(
    paths: Sequence[str],
    *,
    max_megapixels: float = 64,
    threads: int = 8,
    source_of: Callable[[str], str] | None = None,
) -> list[str]:
    """Read the header of each image file, and look for the end marker of JPEG and PNG.

    No pixel is decoded: a file that is damaged in the middle passes.

    Args:
        paths: Image files, each looked at once.
        max_megapixels: From more pixels than this, in millions, a file is refused:
            one of a few kB may take gigabytes when decoded.
        threads: Number of files to wait for at once.
        source_of: Returns where a path is named, as ``LeavesCSV.source_of`` does.

    Returns:
        A text for each file with a problem, in the order of ``paths``: which file,
        where it is named, what was found.
    """
    found = header_problems(paths, max_megapixels, threads=threads)
    return named(found, paths, source_of)


def header_problems(
    paths: Sequence[str], max_megapixels: float, *, threads: int = 8
) -> dict[str, str]:
    """Return what is wrong with image files, by path, as `check_headers` finds it."""
    unique = list(dict.fromkeys(paths))
    with warnings.catch_warnings(), ThreadPoolExecutor(threads) as pool:
        # Pillow warns of many pixels; max_megapixels says it in our words.
        warnings.filterwarnings("ignore", "Image size")
        found = list(pool.map(lambda path: _problem(path, max_megapixels), unique))
    return {
        path: problem for path, problem in zip(unique, found, strict=True) if problem
    }


def named(
    problems: Mapping[str, str],
    paths: Sequence[str],
    source_of: Callable[[str], str] | None = None,
) -> list[str]:
    """Return a text for each of ``problems``, in the order of ``paths``."""
    return [
        f"{path}{f' ({source_of(path)})' if source_of else ''}: {problems[path]}"
        for path in dict.fromkeys(paths)
        if path in problems
    ]


def unreadable(stat: os.stat_result, max_megapixels: float) -> str | None:
    """Return why a file must not be read as a whole, or None."""
    if not S_ISREG(stat.st_mode):  # To read from a pipe would wait for ever.
        return "found a pipe, device or folder, expected a file."
    limit = max_megapixels * 1e6 * BYTES_A_PIXEL
    if stat.st_size > limit:
        return (
            f"found {stat.st_size:,} bytes, expected at most {limit:,.0f}, as an image "
            f"of {max_megapixels:g} megapixels has."
        )
    return None


def damage_report(
    problems: Sequence[str], n_images: int, *, shown: int = 100, advice: str = ""
) -> str:
    """Return one text for all ``problems`` of ``n_images`` images, naming the first.

    ``advice`` stands at the end.
    """
    more = len(problems) - shown
    return "\n  ".join(
        [
            f"{len(problems)} of {n_images} image files cannot be used. Get them "
            "again, or take them out of the data set:",
            *problems[:shown],
            *([f"and {more} more"] if more > 0 else []),
        ]
    ) + (f"\n{advice}" if advice else "")


def _problem(path: str, max_megapixels: float) -> str | None:
    from PIL import Image

    start = b""
    try:
        if problem := unreadable(Path(path).stat(), max_megapixels):
            return problem.rstrip(".")
        with Path(path).open("rb") as file:
            start = file.read(16)
            if not start:
                return "found an empty file (0 bytes), expected an image"
            file.seek(0)
            with Image.open(file, formats=FORMATS) as image:
                kind, (width, height) = image.format, image.size
                if width * height > max_megapixels * 1e6:
                    return (
                        f"found {width} x {height} pixels in its header, expected at "
                        f"most {max_megapixels:g} million"
                    )
                if not _is_whole(file, kind):
                    return f"found a {kind} file that breaks off before its end marker"
    except OSError as error:
        # An error of the file system has a number, one of Pillow's has none.
        if error.errno is not None:
            return f"found {error.strerror.lower()}, expected an image file"
        return f"found no image, or one with a damaged header (it begins {start!r})"
    except Image.DecompressionBombError:
        return f"found far more than {max_megapixels:g} million pixels in its header"
    # Pillow's readers raise errors of any kind on damaged input.
    except Exception as error:
        return f"found a damaged header ({type(error).__name__}: {error})"
    return None


def _is_whole(file: BinaryIO, kind: str | None) -> bool:
    """Return whether the end marker is there; only JPEG and PNG have one."""
    marker = END_MARKERS.get(kind or "")
    if marker is None:
        return True
    file.seek(-min(len(marker), os.fstat(file.fileno()).st_size), os.SEEK_END)
    if file.read() == marker:
        return True
    file.seek(0)
    return has_end(file.read(), kind)


def has_end(data: bytes, kind: str | None) -> bool:
    """Return whether the end marker is in a file, unless its kind has none.

    Cameras and editors append data of their own, so it is looked for further back too.
    Of a PNG, every chunk up to it must end before the file does: for one that says to
    be longer, OpenCV takes the memory at once.
    """
    if kind == "PNG":
        return _chunks_end(data)
    marker = END_MARKERS.get(kind or "")
    if marker is None or data.endswith(marker):
        return True
    return marker in data[_scan_start(data) :]


def _chunks_end(png: bytes) -> bool:
    """Return whether a PNG's chunks lead to its last one."""
    place = 8
    while place + 12 <= len(png):
        if png[place + 4 : place + 8] == b"IEND":
            return True
        place += 12 + int.from_bytes(png[place : place + 4], "big")
    return False


def _scan_start(data: bytes) -> int:
    """Return where a JPEG's pixels start: after the segments that hold thumbnails."""
    place = 2
    while place + 4 <= len(data) and data[place + 1] != 0xDA:
        place += 2 + int.from_bytes(data[place + 2 : place + 4], "big")
    return place
