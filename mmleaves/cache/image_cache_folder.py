"""Where decoded images are kept: one folder a start of the machine, of one's own."""

import os
import platform
import shutil
import stat
import time
from hashlib import blake2b
from pathlib import Path

from mmleaves.cache.image_cache_settings import (
    ImageCacheSettings,
    temporary_folder,
    user_id,
)

_GB = 1e9
# A database without a page for the next image is of no use; this is the least.
_SMALLEST_BYTES = 16 * 1024**2
# No other folder is ever removed.
_NAME = "decoded"
# Beside the database, once an image had no room in it.
FULL = "full"


def prepare(settings: ImageCacheSettings) -> tuple[Path, int]:
    """Return this start's folder of the cache, and its limit in bytes.

    Removes what earlier starts of the machine left.

    Raises:
        PermissionError: If somebody else could put images there.
    """
    root = settings.root
    if root.parent == temporary_folder():
        # Anybody may have made it first.
        _take(root.parent)
    # Machines and users that share a disk keep apart.
    whose = f"{platform.node()} {user_id()}".encode()
    prefix = f"{_NAME}-{blake2b(whose, digest_size=4).hexdigest()}-"
    folder = root / f"{prefix}{_boot()}"
    _take(folder)
    for earlier in root.iterdir():
        if earlier.name.startswith(prefix) and earlier.name != folder.name:
            shutil.rmtree(earlier, ignore_errors=True)
    # Whether there is room now is for this run to find out.
    (folder / FULL).unlink(missing_ok=True)
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


def _boot() -> str:
    """Return what is another after each start of the machine, where it says so."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    except OSError:
        # To ten seconds; a clock that is set costs the images that were kept.
        return f"since-{(time.time() - time.monotonic()) / 10:.0f}"
