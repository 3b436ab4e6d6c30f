"""BatchNorm that moves no more, folded into the convolution before it."""

from collections.abc import Callable, Mapping

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_weights


class FoldedNorms:
    """Convolutions that do their BatchNorm's work, and BatchNorms that do nothing.

    Args:
        norms: The BatchNorm after each convolution; both frozen.
    """

    def __init__(self, norms: Mapping[nn.Module, nn.Module]) -> None:
        self._norms = norms
        self._weights: dict[torch.dtype, dict[nn.Module, tuple[Tensor, Tensor]]] = {}

    def methods(self) -> dict[tuple[nn.Module, str], Callable]:
        """Return what the modules compute instead, in the precision of autocast."""
        weights = self._folded(_compute_dtype())
        instead = {}
        for conv, norm in self._norms.items():
            # Not its `forward`: some pad the image there first.
            own = type(conv)._conv_forward
            instead[conv, "_conv_forward"] = _convolution(own, conv, *weights[conv])
            instead[norm, "forward"] = _unchanged
        return instead

    def _folded(self, dtype: torch.dtype) -> dict[nn.Module, tuple[Tensor, Tensor]]:
        if dtype not in self._weights:
            self._weights[dtype] = {
                conv: tuple(t.detach().to(dtype) for t in _fold(conv, norm))
                for conv, norm in self._norms.items()
            }
        return self._weights[dtype]


def _compute_dtype() -> torch.dtype:
    device = "cuda" if torch.is_autocast_enabled("cuda") else "cpu"
    if torch.is_autocast_enabled(device):
        return torch.get_autocast_dtype(device)
    return torch.float32


def _fold(conv: nn.Conv2d, norm: nn.Module) -> tuple[Tensor, Tensor]:
    weight, bias = fuse_conv_bn_weights(
        conv.weight,
        conv.bias,
        norm.running_mean,
        norm.running_var,
        norm.eps,
        norm.weight,
        norm.bias,
    )
    # Multiplying has made it contiguous; the layout of the original is the fast one.
    strided = torch.empty_like(conv.weight, memory_format=torch.preserve_format)
    return strided.copy_(weight), bias


def _convolution(
    own: Callable, conv: nn.Conv2d, weight: Tensor, bias: Tensor
) -> Callable:
    def forward(images: Tensor, *without_norm: Tensor | None) -> Tensor:
        return own(conv, images, weight, bias)

    return forward


def _unchanged(features: Tensor) -> Tensor:
    return features
