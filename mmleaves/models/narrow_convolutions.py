"""Convolutions that corrupt memory on some processors, in a layout that does not."""

import torch
from torch import Tensor, nn


def mend_narrow_convolutions(model: nn.Module) -> None:
    """Let strided 1x1 convolutions of 2 to 7 channels be trained on any CPU.

    On a CPU without AVX-512, PyTorch (2.14.1) writes past the end of their gradient in
    the channels-last layout: "double free or corruption", sooner or later. RepVGG's and
    MobileOne's first blocks have one, of the image's 3 channels. In the contiguous
    layout they are sound; the numbers are the same.
    """
    if torch.backends.cpu.get_cpu_capability().startswith("AVX512"):
        return
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_narrow(module):
            module.register_forward_pre_hook(_contiguous)


def _is_narrow(conv: nn.Conv2d) -> bool:
    return (
        conv.kernel_size == (1, 1)
        and max(conv.stride) > 1
        and 1 < conv.in_channels // conv.groups < 8
    )


def _contiguous(conv: nn.Conv2d, inputs: tuple[Tensor]) -> tuple[Tensor] | None:
    trains = torch.is_grad_enabled() and conv.weight.requires_grad
    if not trains or inputs[0].device.type != "cpu":
        return None
    # `contiguous()` leaves the strides of a 1x1 kernel, and PyTorch goes by them.
    weight = conv.weight
    weight.data = weight.data.as_strided(weight.shape, (weight.shape[1], 1, 1, 1))
    return (inputs[0].contiguous(), *inputs[1:])
