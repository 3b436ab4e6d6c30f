"""Decoded images in a memory-mapped file that all processes and runs share."""

import os
from collections.abc import Callable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path

import lmdb
import numpy as np

from mmleaves.cache.image_cache_folder import FULL

_HEADER = np.dtype([("height", "<u4"), ("width", "<u4")])


class ImageCache:
    """Decoded images, each found by its file's path, size, times and inode.

    A file that was written anew has another key, so what is stale is never found. The
    database (LMDB) is read without locks and written by one process at a time; a
    process that is killed leaves what it had finished. What a machine that crashed
    left half on the disk is never read either: each start of the machine has a
    database of its own, and the first to come removes the earlier ones.

    One of these belongs to one process, and there is one for a folder: `read_through`
    sees to both.

    Args:
        folder: Where the database is.
        limit_bytes: Most that it may take.
    """

    def __init__(self, folder: Path, limit_bytes: int) -> None:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        self._folder, self._full = folder, False
        self._database = lmdb.open(
            str(folder),
            map_size=limit_bytes,
            # Lost with the machine's memory, of which `prepare` takes account.
            sync=False,
            readahead=False,
            max_readers=1024,
        )
        # Places of processes that were killed while they read.
        self._database.reader_check()

    def get(self, key: bytes) -> np.ndarray | None:
        """Return an image, (H, W, 3), uint8, or None if it is not kept."""
        with self._begin(buffers=True) as transaction:
            kept = transaction.get(key)
            if kept is None:
                return None
            height, width = np.frombuffer(kept, _HEADER, 1)[0].item()
            pixels = np.frombuffer(kept, np.uint8, offset=_HEADER.itemsize)
            # A copy: the map may change after this, and images are drawn on.
            return pixels.reshape(height, width, 3).copy()

    def put(self, key: bytes, image: np.ndarray) -> None:
        """Keep an image, (H, W, 3), uint8, if there is room."""
        if self._full:
            return
        header = np.array([image.shape[:2]], np.uint32).view(_HEADER).tobytes()
        try:
            with self._begin(write=True) as transaction:
                transaction.put(key, header + image.tobytes(), overwrite=False)
        except (lmdb.MapFullError, lmdb.DiskError):
            self._full = True
            # For the run to tell of; this may be one of many workers.
            (self._folder / FULL).touch()

    def close(self) -> None:
        """Let go of the database."""
        self._database.close()

    def _begin(self, **kwargs: bool) -> lmdb.Transaction:
        try:
            return self._database.begin(**kwargs)
        except lmdb.MapResizedError:
            # Another process has a higher limit, and used it.
            self._database.set_mapsize(0)
            return self._database.begin(**kwargs)


def image_key(path: str | Path, seen_as: str) -> bytes:
    """Return what stands for a file as it is now, and for what is made of it.

    Raises:
        FileNotFoundError: If there is no such file.
    """
    found = os.stat(path)  # noqa: PTH116  (a third of the time of Path's)
    facts = (
        os.path.abspath(path),  # noqa: PTH100
        found.st_dev,
        found.st_ino,
        found.st_size,
        found.st_mtime_ns,
        found.st_ctime_ns,
        seen_as,
    )
    return blake2b(repr(facts).encode(), digest_size=20).digest()


def read_through(
    path: str | Path,
    read: Callable[[], np.ndarray],
    *,
    seen_as: str,
    folder: str,
    limit_bytes: int,
) -> np.ndarray:
    """Return what ``read`` gives for a file, from the cache if it is there.

    Args:
        path: The file.
        read: Makes the image, (H, W, 3), uint8.
        seen_as: What ``read`` depends on beside the file.
        folder: As of `image_cache_folder.prepare`.
        limit_bytes: As of `prepare`.
    """
    try:
        key = image_key(path, seen_as)
    except OSError:
        return read()  # which says what is wrong
    kept = _opened(folder, limit_bytes)
    image = kept.get(key)
    if image is None:
        image = read()
        # Not what was read while somebody wrote the file, or took it away.
        with suppress(OSError):
            if image_key(path, seen_as) == key:
                kept.put(key, image)
    return image


_open: dict[str, ImageCache] = {}


def _opened(folder: str, limit_bytes: int) -> ImageCache:
    if folder not in _open:
        _open[folder] = ImageCache(Path(folder), limit_bytes)
    return _open[folder]


def _close_all() -> None:
    while _open:
        _open.popitem()[1].close()


# LMDB must not be taken through a fork: both processes open it anew.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(before=_close_all)
