"""Decoded images in a memory-mapped file that all processes and runs share."""

import math
import os
import platform
import shutil
import stat
import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path

import lmdb
import numpy as np

from mmleaves.datasets.wrappers import inner_configs

_GB = 1e9
_HEADER = np.dtype([("height", "<u4"), ("width", "<u4")])
# A database without a page for the next image is of no use; this is the least.
_SMALLEST_BYTES = 16 * 1024**2
# No other folder is ever removed.
_NAME = "decoded"


@dataclass(frozen=True)
class ImageCacheSettings:
    """What the config says under ``image_cache``.

    Args:
        folder: Where decoded images are kept; by default ``images`` in
            ``$MMLEAVES_CACHE``, else a folder of the user's among the machine's
            temporary ones. A local disk: not a network's. Where it is one in memory,
            as ``/tmp`` is on some systems, the images are.
        limit_gb: Most that they may take, in 10^9 bytes, and never more than half of
            what the disk has left. When it is reached, images that are not kept yet are
            decoded each time.
    """

    folder: str | None = None
    limit_gb: float = 4.0

    def __post_init__(self) -> None:
        if not self.limit_gb > 0:
            raise ValueError(
                f"image_cache.limit_gb is {self.limit_gb!r}, expected a number above "
                "0. To keep no images, set image_cache=None."
            )

    @property
    def root(self) -> Path:
        if self.folder is not None:
            return Path(self.folder)
        if given := os.environ.get("MMLEAVES_CACHE"):
            return Path(given, "images")
        return _temporary() / "images"


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
        self._full = False
        self._database = lmdb.open(
            str(folder),
            map_size=limit_bytes,
            # Lost with the machine's memory, of which `boot_folder` takes account.
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


def prepare(settings: ImageCacheSettings) -> tuple[Path, int]:
    """Return this start's folder of the cache, and its limit in bytes.

    Removes what earlier starts of the machine left.

    Raises:
        PermissionError: If somebody else could put images there.
    """
    root = settings.root
    if root.parent == _temporary():
        # Anybody may have made it first.
        _take(root.parent)
    # Machines and users that share a disk keep apart.
    whose = f"{platform.node()} {_user()}".encode()
    prefix = f"{_NAME}-{blake2b(whose, digest_size=4).hexdigest()}-"
    folder = root / f"{prefix}{_boot()}"
    _take(folder)
    for earlier in root.iterdir():
        if earlier.name.startswith(prefix) and earlier.name != folder.name:
            shutil.rmtree(earlier, ignore_errors=True)
    kept = sum(path.stat().st_size for path in folder.iterdir())
    free = shutil.disk_usage(folder).free
    limit = min(settings.limit_gb * _GB, kept + free / 2)
    return folder, max(_SMALLEST_BYTES, int(limit) // 4096 * 4096)


def _take(folder: Path) -> None:
    """Make a folder that nobody else can write to, or see that it is one."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    if not hasattr(os, "getuid"):
        return
    found = folder.lstat()
    if stat.S_ISLNK(found.st_mode):
        what = "is a link"
    elif found.st_uid != os.getuid():
        what = "belongs to another user"
    elif found.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
        what = "can be written to by other users"
    else:
        return
    raise PermissionError(
        f"image_cache: {folder} {what}, expected a folder of your own, as somebody "
        "could put other images there. Remove it, or set image_cache.folder."
    )


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
        folder: As of `prepare`.
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


def _temporary() -> Path:
    return Path(tempfile.gettempdir(), f"mmleaves-{_user()}")


def _user() -> str:
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")


def _boot() -> str:
    """Return what is another after each start of the machine, where it says so."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # To ten seconds; a clock that is set costs the images that were kept.
        return f"since-{(time.time() - time.monotonic()) / 10:.0f}"


def keep_decoded(
    loaders: Iterable[dict | None], settings: ImageCacheSettings
) -> Path | None:
    """Let the data sets of loader configs keep what they decode.

    An image from which `RandomResizedCrop` cuts is shrunk before, as far as not even
    its smallest crop has to be enlarged.

    Returns:
        The folder, or None if no pipeline begins with this package's ``LoadImage``.
    """
    where = None
    for loader in filter(None, loaders):
        for dataset in inner_configs(loader["dataset"]):
            pipeline = dataset.get("pipeline") or []
            if not pipeline or pipeline[0].get("type") != "mmleaves.LoadImage":
                continue
            where = where or prepare(settings)
            folder, limit_bytes = where
            pipeline[0]["cache"] = {"folder": str(folder), "limit_bytes": limit_bytes}
            pipeline[0].setdefault("enough", enough(pipeline))
    return where and where[0]


def enough(pipeline: Sequence[dict]) -> tuple[int, int] | None:
    """Return how large images have to be for the crops of a pipeline.

    Returns:
        As `LoadImage` takes it: how many pixels, and how long a shorter side, are
        enough that no crop has to be enlarged; None for all.
    """
    if len(pipeline) < 2 or pipeline[1].get("type") != "RandomResizedCrop":
        return None
    crop = pipeline[1]
    scale = crop["scale"]
    side = max(scale) if isinstance(scale, Sequence) else scale
    smallest_share = crop.get("crop_ratio_range", (0.08, 1.0))[0]
    low, high = crop.get("aspect_ratio_range", (3 / 4, 4 / 3))
    # A crop of this share of the area and of the most extreme shape has a shorter side
    # of sqrt(share * area * narrowest). Where none fits, it has the image's own.
    narrowest = min(low, 1 / high)
    return math.ceil(side**2 / (smallest_share * narrowest)), side
