"""Counts the parameters of a config's model without its weights and its data."""

import copy
from collections.abc import Callable

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from torch import nn
from torch.overrides import TorchFunctionMode

from mmleaves.config import fill_datasets
from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.report import freeze_report
from mmleaves.model_config import (
    dataset_classes,
    fit_num_classes,
    refuse_two_freezes,
)
from mmleaves.registry import MODELS


def count_parameters(cfg: Config, num_classes: int | None = None) -> tuple[dict, str]:
    """Return the report of `freeze_report`, and where the number of classes is from.

    The classes are those of the data; where the data are not there, those that the
    config gives as ``reference_classes``.

    Args:
        cfg: A config with a ``model`` and, as a rule, ``trainable``.
        num_classes: To count with this many.

    Raises:
        ValueError: If the number of classes is not known, or the model cannot follow
            the policy.
    """
    filled = copy.deepcopy(cfg)
    fill_datasets(filled)
    refuse_two_freezes(filled)
    number, note = _classes(filled, num_classes)
    fit_num_classes(filled, number)
    model = build_without_weights(filled.model)
    return freeze_report(Freezer(model, cfg.get("trainable", "all"))), note


def _classes(cfg: Config, asked: int | None) -> tuple[int, str]:
    if asked is not None:
        return asked, f"Counted with {asked} classes, as asked."
    loader = cfg.get("train_dataloader") or cfg.get("test_dataloader")
    try:
        number = len(dataset_classes(loader["dataset"]))
    except (FileNotFoundError, NotADirectoryError) as error:
        number = cfg.get("reference_classes")
        if number is None:
            raise ValueError(
                f"The number of classes follows the data, and they are not there: "
                f"{error} Say it with --num-classes."
            ) from error
        return number, (
            f"Counted with {number} classes, the config's `reference_classes`, since "
            "the data are not there."
        )
    return number, f"Counted with the {number} classes of the data."


class _StepsOfNumbers(TorchFunctionMode):
    """Lets `torch.linspace` give numbers, by which nets set their drop-path rates."""

    def __torch_function__(
        self,
        function: Callable,
        types: tuple,
        args: tuple = (),
        kwargs: dict | None = None,
    ) -> object:
        given = dict(kwargs or {})
        if function is torch.linspace:
            given.setdefault("device", "cpu")
        return function(*args, **given)


def build_without_weights(model: dict) -> nn.Module:
    """Return a model of random weights, or of none in memory where that will do."""
    init_default_scope("mmpretrain")
    # A model of timm's would fetch its weights.
    backbone = model.get("backbone") or {}
    for part in (model, backbone, *(backbone.get("branches") or {}).values()):
        if "pretrained" in part:
            part["pretrained"] = False
    try:
        # Without memory, and so in no time.
        with torch.device("meta"), _StepsOfNumbers():
            return MODELS.build(model)
    except (NotImplementedError, RuntimeError):
        # Some compute with numbers while they are built, which have no values there.
        return MODELS.build(model)
