"""What a config says of the decoded images that are kept."""

import os
import tempfile
from dataclasses import dataclass
from pathlib import Path


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
        if not is_number(self.limit_gb) or not self.limit_gb > 0:
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
        return temporary_folder() / "images"


def is_number(value: object) -> bool:
    """Return whether a setting is a number, which True is not."""
    return isinstance(value, int | float) and not isinstance(value, bool)


def temporary_folder() -> Path:
    """Return the folder of the user's among the machine's temporary ones."""
    return Path(tempfile.gettempdir(), f"mmleaves-{user_id()}")


def user_id() -> str:
    """Return what tells the machine's users apart."""
    return str(os.getuid()) if hasattr(os, "getuid") else os.environ.get("USERNAME", "")
