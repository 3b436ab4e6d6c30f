"""Folds the branches of a net into one, and makes sure that it is still the same net.

Convolutions side by side, and the BatchNorms behind them, add up to one convolution
(structural re-parameterisation; Ding et al., RepVGG, arXiv:2101.03697). MMPretrain does
it with ``switch_to_deploy``; here what comes out is compared with what went in.
"""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

# The setting with which each backbone is built in its folded form.
FOLDED_BY = {
    "LeViT": "deploy",
    "MobileOne": "deploy",
    "RIFormer": "deploy",
    "RepLKNet": "small_kernel_merged",
    "RepMLPNet": "deploy",
    "RepVGG": "deploy",
}
# In float64, where folding is exact but for rounding, relative to the largest output.
MAX_DIFFERENCE = 1e-5


def folding_setting(backbone: dict) -> str:
    """Return the setting with which a backbone is built in its folded form.

    Raises:
        ValueError: If it has nothing to fold, or is folded already.
    """
    kind = str(backbone.get("type")).rpartition(".")[2]
    if kind not in FOLDED_BY:
        raise ValueError(
            f"model.backbone is of type {kind!r}, which has nothing to fold. There are "
            f"branches to fold in {', '.join(FOLDED_BY)}."
        )
    setting = FOLDED_BY[kind]
    if backbone.get(setting):
        raise ValueError(
            f"model.backbone.{setting} is True: this config's net is folded already. "
            "Use the config that it was trained with."
        )
    return setting


def fold_exactly(model: nn.Module, images: Tensor) -> float:
    """Fold a classifier's backbone in float64, and return by how much outputs differ.

    Args:
        model: In evaluation mode; it is float64 afterwards.
        images: To compare the outputs for, (N, 3, H, W).

    Returns:
        The largest difference, relative to the largest output.

    Raises:
        ValueError: If it is more than rounding.
    """
    model.double()
    before = outputs(model, images.double())
    # The layers that are made while it folds are of the default type.
    with _default_dtype(torch.float64):
        model.backbone.switch_to_deploy()
    apart = difference(outputs(model, images.double()), before)
    if not apart <= MAX_DIFFERENCE:
        raise ValueError(
            f"Folded, {type(model.backbone).__name__} gives other outputs: by "
            f"{apart:.1e} of the largest, in float64, expected {MAX_DIFFERENCE:g} "
            "at most. MMPretrain's folding leaves out a part of this net; use it as it "
            "was trained."
        )
    return apart


@contextmanager
def _default_dtype(dtype: torch.dtype) -> Iterator[None]:
    before = torch.get_default_dtype()
    torch.set_default_dtype(dtype)
    try:
        yield
    finally:
        torch.set_default_dtype(before)


def outputs(model: nn.Module, images: Tensor) -> Tensor:
    """Return the scores of a classifier in evaluation mode, (N, classes)."""
    with torch.inference_mode():
        return model(images)


def difference(ours: Tensor, reference: Tensor) -> float:
    """Return the largest difference, relative to the largest of ``reference``."""
    return ((ours - reference).abs().max() / reference.abs().max()).item()
