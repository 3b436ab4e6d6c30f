"""Compute the features of a data set's images once, for all runs."""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256

import torch
import torch.multiprocessing
from mmengine.dataset import BaseDataset, default_collate, pseudo_collate
from mmengine.dist import all_gather_object, barrier, get_rank, get_world_size
from mmengine.logging import MMLogger
from rich.progress import track
from torch import Tensor
from torch.utils.data import DataLoader

from mmleaves.cache.data_identity import (
    content_key,
    pipeline_text,
    roots_of,
    view_key,
)
from mmleaves.cache.feature_cache_settings import FeatureCacheSettings
from mmleaves.cache.feature_loader import FeatureLoader, in_memory
from mmleaves.cache.feature_store import FeatureStore
from mmleaves.cache.frozen_trunk import Features
from mmleaves.cache.views import (
    Views,
    check_label,
    packed_labels,
    random_transforms,
)
from mmleaves.draws import drawing_from
from mmleaves.loader_workers import WorkerStart

_GB = 1e9
# What workers compute they send by shared memory, of which a container has 64 MB unless
# told. Each may have so many batches there.
_SHARED_BYTES, _BATCHES_EACH = 48e6, 2
# One thread is as fast an image with a few as with many.
_IMAGES_AT_ONCE = 16
# What is written at a time, and held until then: what a process that is killed loses.
_ROWS_A_FILE, _BYTES_A_FILE = 512, 64e6
_ADVICE = (
    "Take fewer feature_cache.views, freeze up to a later stage (its output is "
    "smaller), set feature_cache.folder to a larger disk, or leave out feature_cache."
)


class FeaturesTooLargeError(ValueError):
    """Features would take more than the limit, or than the disk has."""


@dataclass(frozen=True)
class _Plan:
    """What is kept of one part of the data.

    Args:
        loader: Reads its images.
        store: Where its features are.
        keys: For each image, the keys of its views.
        shape: (C, H, W) of its images.
        image_shape: The same when they come to the model.
        row_bytes: Size of the features of one view of an image.
    """

    loader: DataLoader
    store: FeatureStore
    keys: list[list[bytes]]
    shape: tuple[int, int, int]
    image_shape: tuple[int, int, int]
    row_bytes: int

    @property
    def wanted(self) -> dict[bytes, int]:
        """Each key, with an image that has it: of equal files, one."""
        return {key: i for i, of_one in enumerate(self.keys) for key in of_one}

    @property
    def nbytes(self) -> int:
        return self.row_bytes * len(self.wanted)

    def missing(self) -> list[tuple[int, bytes]]:
        return [(i, key) for key, i in self.wanted.items() if key not in self.store]

    def __str__(self) -> str:
        views = len(self.keys[0])
        return f"{len(self.keys)}" + (f", {views} views of each" if views > 1 else "")


class FeatureCache:
    """The features that one frozen trunk makes of images.

    Args:
        settings: Where they are kept, and how many.
        compute: Makes features, with a row an image, of images, (N, C, H, W), as a data
            set gives them.
        identity: All that ``compute`` depends on, as text: a change of any of it is
            another cache.
        on_cpu: Whether ``compute`` runs there.
    """

    def __init__(
        self,
        settings: FeatureCacheSettings,
        compute: Callable[[Tensor], Features],
        identity: Mapping[str, str],
        *,
        on_cpu: bool = False,
    ) -> None:
        self._settings, self._compute, self._on_cpu = settings, compute, on_cpu
        self._identity = dict(identity)

    def loaders(
        self, loaders: Mapping[str, DataLoader], *, seed: int
    ) -> dict[str, FeatureLoader]:
        """Return loaders of features, for those of images that ``loaders`` read.

        What is not in the cache yet is computed first.

        Args:
            loaders: Data loaders of MMEngine's, on data sets with a pipeline, by what
                they are for, ``"train"`` or ``"val"``.
            seed: The run's.

        Raises:
            FeaturesTooLargeError: If they would take more than the limit or than the
                disk has.
            ValueError: If a pipeline draws and ``views`` is not set, images differ in
                size, or something else is not the same for features as for images.
        """
        plans = {part: self._plan(loader, part) for part, loader in loaders.items()}
        # One of several processes may have less of a disk: they go on together.
        if said := [text for text in all_gather_object(self._too_large(plans)) if text]:
            raise FeaturesTooLargeError(said[0])
        found = {}
        for part, plan in plans.items():
            # A run must go on alike whether all is there or not.
            with drawing_from():
                self._fill(plan, part)
            take = plan.store.take
            if plan.nbytes <= self._settings.memory_gb * _GB:
                take = in_memory(take, list(plan.wanted))
            dataset = plan.loader.dataset
            samples = [packed_labels(dataset, i) for i in range(len(dataset))]
            found[part] = FeatureLoader(
                plan.loader, take, plan.keys, samples, plan.image_shape, seed
            )
        return found

    def _plan(self, loader: DataLoader, part: str) -> _Plan:
        dataset = loader.dataset
        views = self._views(dataset, part)
        _refuse_collating(loader, part)
        roots = roots_of(dataset)
        store = FeatureStore(self._settings.root / self._folder_name(dataset))
        store.sweep()
        keys = [
            [view_key(content, view) for view in range(views)]
            for content in (
                content_key(dataset.get_data_info(i), roots)
                for i in range(len(dataset))
            )
        ]
        with drawing_from():
            first = dataset[0]
        check_label(dataset, 0, first["data_samples"])
        row = self._compute(first["inputs"][None])
        return _Plan(
            loader,
            store,
            keys,
            tuple(first["inputs"].shape),
            row.image_shape,
            sum(t.numel() * t.element_size() for t in row.tensors),
        )

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

    def _too_large(self, plans: Mapping[str, _Plan]) -> str | None:
        of = "; ".join(f"images of {part}: {plan}" for part, plan in plans.items())
        total = sum(plan.nbytes for plan in plans.values()) / _GB
        if total > self._settings.limit_gb:
            return (
                f"The features ({of}) take {total:.2g} GB, over the limit of "
                f"feature_cache.limit_gb={self._settings.limit_gb:g}. Raise it, or: "
                f"{_ADVICE}"
            )
        more = sum(p.row_bytes * len(p.missing()) for p in plans.values()) / _GB
        free = shutil.disk_usage(self._settings.root).free / _GB
        if more > free:
            return (
                f"The features ({of}) take {more:.2g} GB more, and the disk of "
                f"{self._settings.root} has {free:.2g} GB left. {_ADVICE}"
            )
        return None

    def _fill(self, plan: _Plan, part: str) -> None:
        # What other runs have added since.
        plan.store.refresh()
        missing, wanted = plan.missing(), len(plan.wanted)
        MMLogger.get_current_instance().info(
            f"Features, images of {part}: {plan}: {plan.nbytes / _GB:.2f} GB, of which "
            f"{wanted - len(missing)} of {wanted} rows are in {plan.store.folder}."
        )
        # Each of several processes computes a share. It goes by the key, as one that
        # looks later may find less missing.
        rank, processes = get_rank(), get_world_size()
        self._compute_rows(
            plan, [m for m in missing if _number(m[1]) % processes == rank], part
        )
        barrier()
        plan.store.refresh()
        # What the others have put where this machine does not see it.
        self._compute_rows(plan, plan.missing(), part)

    def _compute_rows(
        self, plan: _Plan, missing: Sequence[tuple[int, bytes]], part: str
    ) -> None:
        if not missing:
            return
        loader = self._loader_of_rows(plan, missing)
        rows_a_file = min(_ROWS_A_FILE, _BYTES_A_FILE // plan.row_bytes)
        done: list[list[Tensor]] = []
        keys = iter([key for _, key in missing])
        for batch in track(
            loader, f"Features of {part}", disable=get_rank() > 0, transient=True
        ):
            if torch.is_tensor(batch):
                done.append(self._rows(batch))
            else:
                # What came by shared memory, and a file's number each, is let go of.
                done.append([tensor.clone() for tensor in batch])
            if sum(len(tensors[0]) for tensors in done) >= rows_a_file:
                _write(plan.store, keys, done)
        _write(plan.store, keys, done)

    def _loader_of_rows(
        self, plan: _Plan, missing: Sequence[tuple[int, bytes]]
    ) -> DataLoader:
        """Return what reads images, and has its workers compute their features too.

        They do so on a CPU, each with one thread, where there are as many of them as
        there are threads: two threads of one process have not twice the speed, as they
        wait for each other, and for each worker that takes the core of one.
        """
        loader = plan.loader
        # No more at once than a run on images would have in memory.
        size, workers = min(64, loader.batch_size or 1), loader.num_workers
        shared_rows = int(_SHARED_BYTES // (_BATCHES_EACH * plan.row_bytes))
        computes = (
            self._on_cpu
            and torch.get_num_threads() <= workers <= shared_rows
            # They inherit the model.
            and torch.multiprocessing.get_start_method(allow_none=True) == "fork"
        )
        if computes:
            size = min(size, _IMAGES_AT_ONCE, shared_rows // workers)
            workers = min(workers, -(-len(missing) // size))
        return DataLoader(
            Views(loader.dataset, missing, plan.shape),
            batch_size=size,
            num_workers=workers,
            prefetch_factor=_BATCHES_EACH if workers else None,
            pin_memory=loader.pin_memory,
            worker_init_fn=WorkerStart(),
            collate_fn=self._rows_of_read if computes else None,
        )

    def _rows_of_read(self, images: Sequence[Tensor]) -> list[Tensor]:
        return self._rows(torch.stack(images))

    def _rows(self, images: Tensor) -> list[Tensor]:
        """Return the features of images, with memory of their own."""
        # What they may be a small part of would be sent, or held, as a whole.
        return [
            tensor.cpu().clone(memory_format=torch.contiguous_format)
            for tensor in self._compute(images).tensors
        ]


def _refuse_collating(loader: DataLoader, part: str) -> None:
    collate = getattr(loader.collate_fn, "func", loader.collate_fn)
    known = (default_collate, pseudo_collate, torch.utils.data.default_collate)
    if collate not in known:
        raise ValueError(
            f"feature_cache: {part}_dataloader.collate_fn is "
            f"{getattr(collate, '__name__', collate)}, expected default_collate, as "
            "features are put together without it. Leave it out, or feature_cache."
        )


def _number(key: bytes) -> int:
    return int.from_bytes(key, "little")


def _write(
    store: FeatureStore, keys: Iterator[bytes], done: list[list[Tensor]]
) -> None:
    if done:
        tensors = [torch.cat(parts) for parts in zip(*done, strict=True)]
        store.add([next(keys) for _ in range(len(tensors[0]))], tensors)
        done.clear()
