"""Whether the model can be built, and something of it is trained."""

import copy
import re
from collections.abc import Iterator

import torch
from mmengine.config import Config
from torch import nn

from mmleaves.doctor.finding import Finding
from mmleaves.freezing.counting import build_without_weights
from mmleaves.freezing.freezer import Freezer
from mmleaves.model_config import fit_num_classes, innermost, refuse_two_freezes

# What torch says of two matrices that do not fit, on one device and on another.
_SHAPES = r"[(\[]\d+(?:x|, )(\d+)\]? (?:and|X) \[?(\d+)(?:x|, )\d+"
# Heads that take the backbone's features as they are.
_PLAIN_HEADS = ("LinearClsHead", "StackedLinearClsHead", "VisionTransformerClsHead")


def check_model(
    cfg: Config, n_classes: int, side_px: int | None
) -> Iterator[Finding | int]:
    """Yield what is wrong with model and freeze policy; last, the bytes of its weights.

    The model is built without memory where it can be.

    Args:
        cfg: The config, its data sets filled in.
        n_classes: Classes to build the classifier for.
        side_px: Side of a test image, None if unknown.
    """
    cfg = copy.deepcopy(cfg)
    trainable = cfg.get("trainable", "all")
    try:
        refuse_two_freezes(cfg)
    except ValueError as error:
        yield Finding(
            "error", "freezing", "trainable", str(error), f"trainable = {trainable!r}"
        )
        return
    fit_num_classes(cfg, n_classes)
    try:
        model = build_without_weights(innermost(cfg.model))
    except (KeyError, TypeError, ValueError, AssertionError, AttributeError) as error:
        text = f"it cannot be built: {type(error).__name__}: {error}"
        yield Finding("error", "model", "model", text)
        return
    try:
        Freezer(model, trainable)
    except ValueError as error:
        yield Finding("error", "freezing", "trainable", str(error), 'trainable = "all"')
    yield from _check_custom_keys(cfg, model)
    yield from _check_shapes(cfg, model, side_px)
    yield 4 * sum(parameter.numel() for parameter in model.parameters())


def _check_shapes(
    cfg: Config, model: nn.Module, side_px: int | None
) -> Iterator[Finding]:
    head = innermost(cfg.model).get("head") or {}
    if head.get("type") not in _PLAIN_HEADS or side_px is None:
        return
    images = torch.zeros(2, 3, side_px, side_px, device="meta")
    try:
        with torch.no_grad():
            model.to("meta").eval()(images, mode="tensor")
    except RuntimeError as error:
        # Others are of what cannot be computed without values.
        if found := re.search(_SHAPES, str(error)):
            yield Finding(
                "error",
                "model",
                "model.head.in_channels",
                f"found {found[2]}, and backbone and neck give {found[1]} channels.",
                f"model = dict(head=dict(in_channels={found[1]}))",
            )


def _check_custom_keys(cfg: Config, model: nn.Module) -> Iterator[Finding]:
    paramwise = (cfg.get("optim_wrapper") or {}).get("paramwise_cfg") or {}
    names = [name for name, _ in model.named_parameters()]
    keys = paramwise.get("custom_keys") or {}
    for key in keys:
        # MMEngine's rule: the key stands somewhere in the name.
        if not any(key in name for name in names):
            starts = sorted({name.split(".")[0] for name in names})
            # Rules of decay are often copied from one model to the next.
            yield Finding(
                "error" if "lr_mult" in keys[key] else "note",
                "freezing",
                f"optim_wrapper.paramwise_cfg.custom_keys.{key}",
                f"no parameter has {key!r} in its name; they begin with "
                f"{', '.join(starts)}.",
                "(leave it out, or correct it)",
            )
    multipliers = [value.get("lr_mult", 1) for value in keys.values()]
    trained = [
        name
        for name in names
        if not any(
            key in name and keys[key].get("lr_mult", 1) == 0 for key in sorted(keys)
        )
    ]
    if 0 in multipliers and not trained:
        yield Finding(
            "error",
            "freezing",
            "optim_wrapper.paramwise_cfg.custom_keys",
            "lr_mult=0 for every parameter: nothing is learned.",
            'trainable = "classifier"',
        )
