import os
from dataclasses import dataclass
from pathlib import Path

from mmleaves.cache.image_cache_settings import is_number


@dataclass(frozen=True)
class FeatureCacheSettings:
    """What the config says under ``feature_cache``.

    Args:
        views: How many fixed views of each training image there are, where its pipeline
            draws; None where it does not.
        folder: Where features are kept, for all runs; by default ``features`` in
            ``$MMLEAVES_CACHE``, else in ``~/.cache/mmleaves``.
        limit_gb: Most that the features of one run, training and validation, may take
            on the disk, in 10^9 bytes; where the policy changes, those of one step.
        memory_gb: Up to this size, the features of training are held in memory, and so
            those of validation.
    """

    views: int | None = None
    folder: str | None = None
    limit_gb: float = 10.0
    memory_gb: float = 2.0

    def __post_init__(self) -> None:
        if self.views is not None and not (
            isinstance(self.views, int)
            and not isinstance(self.views, bool)
            and self.views >= 1
        ):
            raise ValueError(
                f"feature_cache.views is {self.views!r}, expected a whole number from "
                "1: how many fixed views of each training image are kept."
            )
        for name in ("limit_gb", "memory_gb"):
            value = getattr(self, name)
            if not is_number(value) or not value >= 0:
                raise ValueError(
                    f"feature_cache.{name} is {value!r}, expected a number from 0, in "
                    "10^9 bytes."
                )

    @property
    def root(self) -> Path:
        if self.folder is not None:
            return Path(self.folder)
        default = Path.home() / ".cache" / "mmleaves"
        return Path(os.environ.get("MMLEAVES_CACHE", default), "features")
