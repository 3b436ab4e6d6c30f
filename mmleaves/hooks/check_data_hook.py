"""Stop before the first image if the data cannot give a true result."""

import logging
from collections import Counter

from mmengine.dataset import BaseDataset
from mmengine.dist import master_only
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmleaves.datasets.class_check import check_same_classes, check_trained_classes
from mmleaves.datasets.image_header import check_headers, damage_report
from mmleaves.registry import HOOKS


def image_paths(dataset: BaseDataset) -> list[str]:
    """Return the path of every image in ``dataset``, in its order."""
    return [dataset.get_data_info(i)["img_path"] for i in range(len(dataset))]


def check_overlap(train: BaseDataset, val: BaseDataset) -> None:
    """Refuse parts that share an image file.

    Raises:
        ValueError: If they do; names one of the files.
    """
    if shared := set(image_paths(train)) & set(image_paths(val)):
        raise ValueError(
            f"{len(shared)} images are in both the training and the validation part, "
            f"such as {min(shared)}; a score on them would say nothing. Give the two "
            "data sets different `part`s, or different files."
        )


def class_table(
    train: BaseDataset, val: BaseDataset | None, loss_weights: list[float] | None
) -> str:
    """Return a line a class: its label, images in each part, and weight in the loss.

    Only the range of counts is given for more than 30 classes.
    """
    classes = train.metainfo["classes"]
    parts = {"train": train} | ({"val": val} if val is not None else {})
    counts = {name: Counter(part.get_gt_labels()) for name, part in parts.items()}
    if len(classes) > 30:
        ranges = ", ".join(
            f"{sum(count.values())} images in {name} "
            f"({min(count.values())} to {max(count.values())} a class)"
            for name, count in counts.items()
        )
        return f"{len(classes)} classes: {ranges}."
    width = max(map(len, classes))
    header = f"{'class':{width}}  label" + "".join(f"{name:>7}" for name in counts)
    lines = [header + ("  loss weight" if loss_weights else "")]
    for label, name in enumerate(classes):
        numbers = "".join(f"{count[label]:7}" for count in counts.values())
        weight = f"{loss_weights[label]:13.4g}" if loss_weights else ""
        lines.append(f"{name:{width}}  {label:5}{numbers}{weight}")
    return "\n".join(lines)


@HOOKS.register_module()
class CheckDataHook(Hook):
    """Check images, classes and parts when a run starts, and log what they are.

    Raises:
        ValueError: If an image file is damaged or missing, an image is in both parts,
            or the classes of two parts, of the model or of the checkpoint differ.
    """

    priority = "VERY_HIGH"
    _checkpoint_classes: tuple[str, ...] | None = None

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        meta = checkpoint.get("meta", {}).get("dataset_meta") or {}
        if "classes" in meta:
            self._checkpoint_classes = tuple(meta["classes"])

    @master_only
    def before_train(self, runner: Runner) -> None:
        train = runner.train_dataloader.dataset
        val = runner.val_dataloader.dataset if runner.val_loop is not None else None
        if not isinstance(train, BaseDataset):
            return
        _check_model(runner, train)
        if runner._resume:
            self._compare_with_checkpoint(train)
        paths = image_paths(train)
        if val is not None:
            classes = train.metainfo["classes"]
            check_same_classes(classes, val.metainfo["classes"], other_name="val")
            check_overlap(train, val)
            paths += image_paths(val)
        others = {} if val is None else {"val": val.get_gt_labels()}
        check_trained_classes(train.metainfo["classes"], train.get_gt_labels(), others)
        _check_headers(paths)
        weights = _loss_weights(runner, len(train.metainfo["classes"]))
        print_log(f"Data:\n{class_table(train, val, weights)}", logger="current")

    @master_only
    def before_test(self, runner: Runner) -> None:
        self._check_scored(runner, runner.test_dataloader.dataset)

    @master_only
    def before_val(self, runner: Runner) -> None:
        if runner._train_loop is None or isinstance(runner._train_loop, dict):
            self._check_scored(runner, runner.val_dataloader.dataset)

    def _check_scored(self, runner: Runner, dataset: BaseDataset) -> None:
        _check_model(runner, dataset)
        self._compare_with_checkpoint(dataset)
        _check_headers(image_paths(dataset))

    def _compare_with_checkpoint(self, dataset: BaseDataset) -> None:
        ours = tuple(dataset.metainfo["classes"])
        theirs = self._checkpoint_classes
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


def _name(classes: tuple[str, ...], label: int) -> str:
    return repr(classes[label]) if label < len(classes) else "missing"


def _head(runner: Runner) -> object:
    model = runner.model
    return getattr(getattr(model, "module", model), "head", None)


def _check_model(runner: Runner, dataset: BaseDataset) -> None:
    outputs = getattr(_head(runner), "num_classes", None)
    classes = dataset.metainfo["classes"]
    if outputs is not None and outputs != len(classes):
        raise ValueError(
            f"The model tells {outputs} classes apart, the data have {len(classes)}. "
            "Leave `model.head.num_classes` out of the config: it follows the data."
        )


def _check_headers(paths: list[str]) -> None:
    if problems := check_headers(paths):
        raise ValueError(damage_report(problems, len(paths)))


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
