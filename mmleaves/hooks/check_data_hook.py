"""Stop before the first image if the data cannot give a true result."""

import logging
from collections.abc import Sequence

import numpy as np
import torch
from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmleaves.checkpoints.contents import classes_of
from mmleaves.datasets.bad_images import find_bad_images, max_megapixels
from mmleaves.datasets.class_check import check_same_classes, check_trained_classes
from mmleaves.datasets.class_table import class_table
from mmleaves.datasets.image_header import damage_report, header_problems, named
from mmleaves.datasets.overlap import (
    check_overlap,
    image_keys,
    image_paths,
    trained_keys,
)
from mmleaves.datasets.wrappers import inner_datasets
from mmleaves.models.wrappers import unwrapped
from mmleaves.registry import HOOKS


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Check images, classes and parts when a run starts, and log what they are.

    A checkpoint keeps which images it was trained on, so that none of them is scored
    later.

    Raises:
        ValueError: If an image file is damaged or missing, an image is trained on and
            scored, or the classes of two parts, of the model or of the checkpoint
            differ.
    """

    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self._classes: tuple[str, ...] | None = None  # of the checkpoint
        self._trained: set[int] = set()

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        self._classes = classes_of("The checkpoint", checkpoint)
        self._trained = trained_keys(checkpoint)

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        checkpoint["meta"]["train_images"] = torch.tensor(sorted(self._trained))

    @master_only
    def before_train(self, runner: Runner) -> None:
        train = list(inner_datasets(runner.train_dataloader.dataset))
        val = []
        if runner.val_loop is not None:
            val = list(inner_datasets(runner.val_dataloader.dataset))
        classes = _class_names(train[0])
        for name, parts in (("train", train[1:]), ("val", val)):
            for part in parts:
                check_same_classes(classes, _class_names(part), other_name=name)
                check_same_classes(
                    _folders(train[0]) or _folders(part),
                    _folders(part) or _folders(train[0]),
                    other_name=f"{name}, whose folders are numbered by themselves",
                )
        _check_model(runner, classes)
        labels = {
            name: np.concatenate([part.get_gt_labels() for part in parts])
            for name, parts in (("train", train), ("val", val))
            if parts
        }
        others = {name: part for name, part in labels.items() if name != "train"}
        check_trained_classes(classes, labels["train"], others)
        trained = image_keys(path for part in train for path in image_paths(part))
        scored = image_keys(path for part in val for path in image_paths(part))
        check_overlap(trained, scored, "validation")
        if runner._resume:
            self._compare_with_checkpoint(classes)
        self._trained = set(trained)
        _check_images(
            *train,
            *val,
            advice="To train without them: --skip-bad, which run.json then says.",
        )
        weights = _loss_weights(runner, len(classes))
        table = class_table(classes, labels, weights)
        print_log(f"Data:\n{table}", logger="current")

    @master_only
    def before_test(self, runner: Runner) -> None:
        self._check_scored(runner, runner.test_dataloader.dataset, "test")

    @master_only
    def before_val(self, runner: Runner) -> None:
        if runner._train_loop is None or isinstance(runner._train_loop, dict):
            self._check_scored(runner, runner.val_dataloader.dataset, "validation")

    def _check_scored(self, runner: Runner, dataset: object, part: str) -> None:
        for inner in inner_datasets(dataset):
            classes = _class_names(inner)
            self._compare_with_checkpoint(classes)
            _check_model(runner, classes)
            if "gt_label" in inner.get_data_info(0):
                check_overlap(self._trained, image_keys(image_paths(inner)), part)
            _check_images(inner)

    def _compare_with_checkpoint(self, classes: Sequence[str]) -> None:
        ours, theirs = tuple(classes), self._classes
        if theirs is None:
            print_log(
                "The checkpoint does not say which classes it was trained on; they are "
                "taken to be those of the data, in this order.",
                logger="current",
                level=logging.WARNING,
            )
        elif theirs != ours:
            changed = [
                i for i, (a, b) in enumerate(zip(theirs, ours, strict=False)) if a != b
            ]
            i = changed[0] if changed else min(len(theirs), len(ours))
            raise ValueError(
                f"The checkpoint was trained on {len(theirs)} classes, the data have "
                f"{len(ours)}; label {i} is {_name(theirs, i)} in the checkpoint and "
                f"{_name(ours, i)} in the data. Use the data it was trained on, or set "
                "the data set's `classes` to the checkpoint's."
            )


def _folders(dataset: BaseDataset) -> tuple[str, ...]:
    """Return the folders that MMPretrain's CustomDataset has numbered, in order.

    If it is given `classes`, it compares their number alone, and each part may have
    other folders in their place.
    """
    numbers = getattr(dataset, "folder_to_idx", None) or {}
    return tuple(sorted(numbers, key=numbers.get))


def _class_names(dataset: BaseDataset) -> Sequence[str]:
    classes = dataset.metainfo["classes"]
    for name in classes:
        if not isinstance(name, str):
            raise ValueError(
                f"The classes of the data set hold {name!r}, a {type(name).__name__}, "
                "expected names. Write them as text: classes=['0', '1']."
            )
    return classes


def _name(classes: tuple[str, ...], label: int) -> str:
    return repr(classes[label]) if label < len(classes) else "missing"


def _head(runner: Runner) -> object:
    return getattr(unwrapped(runner.model), "head", None)


def _check_model(runner: Runner, classes: Sequence[str]) -> None:
    outputs = getattr(_head(runner), "num_classes", None)
    if outputs is not None and outputs != len(classes):
        raise ValueError(
            f"The model tells {outputs} classes apart, the data have {len(classes)}. "
            "Leave `model.head.num_classes` out of the config: it follows the data."
        )


def _check_images(*datasets: BaseDataset, advice: str = "") -> None:
    problems = {
        dataset: header_problems(image_paths(dataset), max_megapixels(dataset))
        for dataset in datasets
    }
    if not any(problems.values()):
        return
    told, count = [], 0
    for dataset, found in problems.items():
        paths = image_paths(dataset)
        count += len(paths)
        # The run is off, so there is time to look for what only decoding finds.
        found = find_bad_images(paths, max_megapixels(dataset)) | found
        told += named(found, paths, getattr(dataset, "source_of", None))
    raise ValueError(damage_report(told, count, advice=advice))


def _loss_weights(runner: Runner, num_classes: int) -> list[float] | None:
    weights = getattr(getattr(_head(runner), "loss_module", None), "class_weight", None)
    if weights is None:
        return None
    if len(weights) != num_classes:
        raise ValueError(
            f"The loss has {len(weights)} class weights for {num_classes} classes. "
            "Give `model.head.loss.class_weight` one for each class, in label order."
        )
    return [float(weight) for weight in weights]
