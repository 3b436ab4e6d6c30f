"""Compute the features of a data set's images once, for all runs."""

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import barrier, get_rank, get_world_size
from mmengine.logging import MMLogger
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from mmleaves.cache.feature_loader import FeatureLoader, in_memory
from mmleaves.cache.feature_store import FeatureStore
from mmleaves.cache.views import (
    Views,
    content_key,
    packed_labels,
    pipeline_text,
    random_transforms,
    view_key,
)
from mmleaves.datasets.overlap import image_paths

_GB = 1e9
# Rows that are written at a time: what a process that is killed loses.
_ROWS_A_FILE = 512
_ADVICE = (
    "Take fewer feature_cache.views, freeze up to a later stage (its output is "
    "smaller), set feature_cache.folder to a larger disk, or leave out feature_cache."
)


@dataclass(frozen=True)
class CacheSettings:
    """What the config says under ``feature_cache``.

    Args:
        views: How many fixed views of each training image there are, where its pipeline
            draws; None where it does not.
        folder: Where features are kept, for all runs; by default ``features`` in
            ``$MMLEAVES_CACHE``, else in ``~/.cache/mmleaves``.
        limit_gb: Most that the features of one run may take on the disk, in 10^9 bytes.
        memory_gb: Up to this size, the features of a data set are held in memory.
    """

    views: int | None = None
    folder: str | None = None
    limit_gb: float = 10.0
    memory_gb: float = 2.0

    def __post_init__(self) -> None:
        if self.views is not None and not (
            isinstance(self.views, int) and self.views >= 1
        ):
            raise ValueError(
                f"feature_cache.views is {self.views!r}, expected a whole number from "
                "1: how many fixed views of each training image are kept."
            )

    @property
    def root(self) -> Path:
        if self.folder is not None:
            return Path(self.folder)
        default = Path.home() / ".cache" / "mmleaves"
        return Path(os.environ.get("MMLEAVES_CACHE", default), "features")


class FeatureCache:
    """The features that one frozen trunk makes of images.

    Args:
        settings: Where they are kept, and how many.
        compute: Makes features, tensors with a row an image, of images, (N, C, H, W),
            uint8.
        identity: All that ``compute`` depends on, as text: a change of any of it is
            another cache.
    """

    def __init__(
        self,
        settings: CacheSettings,
        compute: Callable[[Tensor], list[Tensor]],
        identity: Mapping[str, str],
    ) -> None:
        self._settings, self._compute = settings, compute
        self._identity = dict(identity)

    def loader(self, loader: DataLoader, *, part: str, seed: int) -> FeatureLoader:
        """Return a loader of features, for those of images that ``loader`` reads.

        What is not in the cache yet is computed first.

        Args:
            loader: A data loader of MMEngine's, on a data set with a pipeline.
            part: What it is for, ``"train"`` or ``"val"``, for messages.
            seed: The run's.

        Raises:
            ValueError: If the pipeline draws and ``views`` is not set, or the features
                would take more than the limit or than the disk has.
        """
        dataset = loader.dataset
        views = self._views(dataset, part)
        store = FeatureStore(self._settings.root / self._folder_name(dataset))
        store.sweep()
        paths = image_paths(dataset)
        contents = [content_key(path) for path in paths]
        keys = [[view_key(c, view) for view in range(views)] for c in contents]
        # Of equal files, one.
        wanted = {key: i for i, of_one in enumerate(keys) for key in of_one}
        missing = [(i, key) for key, i in wanted.items() if key not in store]
        image = dataset[0]["inputs"]
        row = self._compute(image[None])
        row_bytes = sum(t.numel() * t.element_size() for t in row)
        total_bytes = row_bytes * len(wanted)
        what = (
            f"The features of the {len(paths)} images of {part}, {views} views of each"
        )
        self._check_size(what, total_bytes)
        _check_disk(what, store.folder, row_bytes * len(missing))
        logger = MMLogger.get_current_instance()
        logger.info(
            f"Features of the {len(paths)} images of {part}"
            + (f", {views} views of each" if views > 1 else "")
            + f": {total_bytes / _GB:.2f} GB, of which {len(wanted) - len(missing)} of "
            f"{len(wanted)} rows are in {store.folder}."
        )
        self._fill(store, loader, missing, part)
        take = store.take
        if total_bytes <= self._settings.memory_gb * _GB:
            take = in_memory(store.take, list(wanted))
        samples = [packed_labels(dataset, i) for i in range(len(paths))]
        return FeatureLoader(loader, take, keys, samples, tuple(image.shape), seed)

    def _views(self, dataset: BaseDataset, part: str) -> int:
        drawing = random_transforms(dataset)
        if not drawing:
            return 1
        if self._settings.views is None:
            raise ValueError(
                f"feature_cache keeps what is the same in each epoch, and the pipeline "
                f"of {part} draws anew each time: {', '.join(drawing)}. Set "
                "feature_cache.views to a number of fixed views of each image, such as "
                "4, or give the pipeline without them."
            )
        return self._settings.views

    def _folder_name(self, dataset: BaseDataset) -> str:
        identity = {**self._identity, "pipeline": pipeline_text(dataset)}
        return sha256(json.dumps(identity, sort_keys=True).encode()).hexdigest()[:32]

    def _check_size(self, what: str, total_bytes: int) -> None:
        if total_bytes > self._settings.limit_gb * _GB:
            raise ValueError(
                f"{what}, take {total_bytes / _GB:.1f} GB, over the limit of "
                f"feature_cache.limit_gb={self._settings.limit_gb:g}. Raise it, or: "
                f"{_ADVICE}"
            )

    def _fill(
        self,
        store: FeatureStore,
        loader: DataLoader,
        missing: Sequence[tuple[int, bytes]],
        part: str,
    ) -> None:
        # Each of several processes computes a share.
        mine = missing[get_rank() :: get_world_size()]
        if mine:
            batches = DataLoader(
                Views(loader.dataset, mine),
                batch_size=64,
                num_workers=loader.num_workers,
            )
            done: list[list[Tensor]] = []
            keys = iter([key for _, key in mine])
            for images in track(
                batches, f"Features of {part}", disable=get_rank() > 0, transient=True
            ):
                done.append([t.cpu() for t in self._compute(images)])
                if sum(len(tensors[0]) for tensors in done) >= _ROWS_A_FILE:
                    _write(store, keys, done)
            _write(store, keys, done)
        barrier()
        store.refresh()


def _check_disk(what: str, folder: Path, more_bytes: int) -> None:
    free = shutil.disk_usage(folder).free
    if more_bytes > free:
        raise ValueError(
            f"{what}, take {more_bytes / _GB:.1f} GB more, and the disk of {folder} "
            f"has {free / _GB:.1f} GB left. {_ADVICE}"
        )


def _write(store: FeatureStore, keys: object, done: list[list[Tensor]]) -> None:
    if done:
        tensors = [torch.cat(parts) for parts in zip(*done, strict=True)]
        store.add([next(keys) for _ in range(len(tensors[0]))], tensors)
        done.clear()
