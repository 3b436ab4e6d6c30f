"""What takes longer in bfloat16 than it need on a CPU, computed in another way.

Measured with torch 2.14.1 on two cores of a Xeon with AMX: MobileNetV2 at batch 32 and
224 px, all of it trained, takes 0.95 s an iteration without this and 0.69 s with it.
"""

from types import MethodType

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn


def quicken_bfloat16(model: nn.Module) -> None:
    """Let a model that is trained in bfloat16 on a CPU avoid what is slow there.

    Depthwise convolutions that stride, or of wide kernels, are trained in float32:
    oneDNN has fast gradients in bfloat16 for 3x3 and stride 1 only. Forward and
    backward of one of 576 channels, 14 px and stride 2 take 3 ms instead of 33. What
    is kept for the gradient grows by a tenth in MobileNetV2.

    Activations behind a norm are not computed in place, which takes twice as long for
    tensors larger than the caches. The numbers are the same.

    Args:
        model: Changed in place; what it computes in float32, and without gradients,
            stays as it is.
    """
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_slow(module):
            # A bound method goes along with a deep copy, and is then bound to that.
            module._conv_forward = MethodType(_conv_forward, module)
        elif isinstance(module, ConvModule) and _norm_goes_to_activation(module):
            module.activate.inplace = False


def _is_slow(conv: nn.Conv2d) -> bool:
    is_depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
    sides = max(conv.kernel_size)
    # Of 13x13 and more, neither is faster in all layouts.
    return is_depthwise and sides < 13 and (max(conv.stride) > 1 or sides > 3)


def _norm_goes_to_activation(module: ConvModule) -> bool:
    # There nothing else can go by what the norm's output has become.
    return (
        module.with_norm
        and module.with_activation
        and module.order[-2:] == ("norm", "act")
        and hasattr(module.activate, "inplace")
    )


# Of this name, by which a bound method is pickled: read again, it is the plain one.
def _conv_forward(
    conv: nn.Conv2d, images: Tensor, weight: Tensor, bias: Tensor | None
) -> Tensor:
    own = type(conv)._conv_forward
    if not (_in_bfloat16(images, weight) and _trains(conv, images, weight)):
        return own(conv, images, weight, bias)
    with torch.autocast("cpu", enabled=False):
        features = own(conv, images.float(), weight, bias)
    return features.to(torch.bfloat16)


def _in_bfloat16(images: Tensor, weight: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


def _trains(conv: nn.Conv2d, images: Tensor, weight: Tensor) -> bool:
    # Under gradient checkpointing it is run without gradients first, and must give the
    # same then.
    gives_gradient = images.requires_grad or weight.requires_grad
    return conv.training or (torch.is_grad_enabled() and gives_gradient)
