"""Standardise extra features by what the training part says of them."""

from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.hooks import Hook
from mmengine.runner import Runner

from mmleaves.datasets.overlap import image_paths
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.hooks.later_recipes import later_recipes
from mmleaves.models.extra_features_cls_head import ExtraFeaturesClsHead
from mmleaves.models.wrappers import unwrapped
from mmleaves.registry import HOOKS
from mmleaves.transforms.attach_features import AttachFeatures


def mean_and_std(
    features: np.ndarray, columns: Iterable[str]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the standard deviation of each column, (D,), float64.

    Args:
        features: (N, D).
        columns: Names of the D columns.

    Raises:
        ValueError: If a column has one value only, which standardising divides by 0.
    """
    constant = [
        f"{name!r} ({low:g})"
        for name, low, high in zip(
            columns, features.min(axis=0), features.max(axis=0), strict=True
        )
        if low == high
    ]
    if constant:
        raise ValueError(
            f"found the same number for all {len(features)} training images under "
            f"{', '.join(constant)}, expected features that differ. Take the columns "
            "out."
        )
    features = features.astype(np.float64)
    return features.mean(axis=0), features.std(axis=0)


@HOOKS.register_module()
class StandardizeFeaturesHook(Hook):
    """Fit ``mmleaves.ExtraFeaturesClsHead`` to the features of the training part.

    The head keeps their mean and standard deviation in the checkpoint, by which every
    later test and prediction standardises; the hook adds the columns' names, so that
    other ones, or the same in another order, are refused.

    Raises:
        ValueError: If an image has no features, they are not those that the head or the
            checkpoint expects, a column is constant in training, or images are mixed
            (Mixup, CutMix), which leaves their features unmixed.
    """

    def __init__(self) -> None:
        self._columns: list[str] | None = None  # of the checkpoint

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._columns = checkpoint.get("meta", {}).get("extra_features")

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint["meta"]["extra_features"] = self._columns

    def before_train(self, runner: Runner) -> None:
        head = _head(runner)
        if not runner._resume:
            self._columns = None  # weights to start from may know others
        train = self._read(runner.train_dataloader.dataset, head)
        if runner.val_loop is not None:
            self._read(runner.val_dataloader.dataset, head)
        try:
            fitted = mean_and_std(train, self._columns)
        except ValueError as error:
            raise ValueError(f"Extra features: {error}") from error
        for name, values in zip(("extra_mean", "extra_std"), fitted, strict=True):
            buffer = getattr(head, name)
            new = torch.from_numpy(values).to(buffer)
            if runner._resume and not torch.allclose(buffer, new):
                raise ValueError(
                    f"Extra features: the run began with {name}={buffer.tolist()}, "
                    f"and the training images have {new.tolist()} now. Resume with "
                    "the table that the run began with."
                )
            buffer.copy_(new)

    def before_test(self, runner: Runner) -> None:
        self._read(runner.test_dataloader.dataset, _head(runner))

    def _read(self, dataset: object, head: ExtraFeaturesClsHead) -> np.ndarray:
        """Return the features of all images, (N, D), once their columns are checked."""
        rows = []
        for inner in inner_datasets(dataset):
            attach = _transform(inner)
            for path in image_paths(inner):
                table, row = attach.find(path)
                self._check_columns(list(table.columns), table.file, head)
                rows.append(row)
        return np.stack(rows)

    def _check_columns(
        self, columns: list[str], file: Path, head: ExtraFeaturesClsHead
    ) -> None:
        if columns == self._columns:
            return
        if self._columns is not None:
            raise ValueError(
                f"{file}, line 1: found the features {', '.join(columns)}, expected "
                f"{', '.join(self._columns)}, as in training, in this order. Correct "
                "the table."
            )
        if len(columns) != head.extra_channels:
            raise ValueError(
                f"{file}, line 1: found {len(columns)} features "
                f"({', '.join(columns)}), and the head has extra_channels="
                f"{head.extra_channels}. Set `model.head.extra_channels={len(columns)}`"
                ", or correct the table."
            )
        self._columns = columns


def _head(runner: Runner) -> ExtraFeaturesClsHead:
    model = unwrapped(runner.model)
    head = getattr(model, "head", None)
    if not isinstance(head, ExtraFeaturesClsHead):
        raise ValueError(
            f"StandardizeFeaturesHook needs a model whose head is an "
            f"mmleaves.ExtraFeaturesClsHead, found {type(head).__name__}. Set "
            "`model.head.type`, or take the hook out."
        )
    now = getattr(model.data_preprocessor, "batch_augments", None)
    later = [recipe.get("batch_augments") for recipe in later_recipes(runner.hooks)]
    if any(augments is not None for augments in (now, *later)):
        raise ValueError(
            "Mixup and CutMix mix images and labels, and not extra features. Take "
            "`augments` out of `model.train_cfg`, and `batch_augments` out of a "
            "SwitchRecipeHook."
        )
    return head


def _transform(dataset: BaseDataset) -> AttachFeatures:
    for transform in dataset.pipeline.transforms:
        if isinstance(transform, AttachFeatures):
            return transform
    raise ValueError(
        f"The pipeline of {type(dataset).__name__} has no mmleaves.AttachFeatures, "
        "from which the extra features come. Put it after mmleaves.LoadImage."
    )
