"""What takes longer in bfloat16 than it need on a CPU, computed in another way.

How much it gains is measured by ``benchmarks/bfloat16_on_cpu.py``.
"""

from types import MethodType

import torch
from mmcv.cnn import ConvModule
from torch import Tensor, nn

from mmleaves.models.bfloat16_attention import attend
from mmleaves.optim.precision import cpu_bfloat16


def quicken_bfloat16(model: nn.Module) -> None:
    """Let a model that is trained in bfloat16 on a CPU avoid what is slow there.

    Depthwise convolutions that stride, or of wide kernels, are trained in float32:
    oneDNN (of torch 2.14.1) has fast gradients in bfloat16 for 3x3 and stride 1 only.
    Forward and backward of one of 576 channels, 14 px and stride 2 take 3 ms instead of
    33 on two cores of a Xeon with AMX. What is kept for the gradient grows by a tenth
    in MobileNetV2.

    Activations behind a norm of MMCV's ``ConvModule`` are not computed in place, which
    takes twice as long for tensors larger than the caches. The numbers are the same.

    Self-attention that calls PyTorch's own function calls `attend`, whose gradient is
    faster; not on processors with AMX, where that was not measured.

    Args:
        model: Changed in place. What it computes in evaluation without gradients, or
            in another format than bfloat16, stays as it is.
    """
    attends = cpu_bfloat16() != "amx_bf16"
    for module in model.modules():
        if isinstance(module, nn.Conv2d) and _is_slow(module):
            # A bound method goes along with a deep copy, and is then bound to that.
            module.forward = MethodType(forward, module)
        elif isinstance(module, ConvModule) and _norm_goes_to_activation(module):
            module.activate.inplace = False
        elif attends and _calls_pytorch(module):
            module.scaled_dot_product_attention = attend


def _is_slow(conv: nn.Conv2d) -> bool:
    is_depthwise = 1 < conv.groups == conv.in_channels == conv.out_channels
    sides = max(conv.kernel_size)
    # Of 13x13 and more, neither format is faster in all layouts.
    return is_depthwise and sides < 13 and (max(conv.stride) > 1 or sides > 3)


def _calls_pytorch(module: nn.Module) -> bool:
    own = vars(module).get("scaled_dot_product_attention")
    return own is nn.functional.scaled_dot_product_attention


def _norm_goes_to_activation(module: ConvModule) -> bool:
    # There nothing else can go by what the norm's output has become.
    return (
        module.with_norm
        and module.with_activation
        and module.order[-2:] == ("norm", "act")
        and hasattr(module.activate, "inplace")
    )


# Of this name, by which a bound method is pickled: read again, it is the plain one.
def forward(conv: nn.Conv2d, input: Tensor) -> Tensor:
    """Return what a convolution gives, computed in float32 where it is trained.

    Args:
        conv: The convolution.
        input: Images, of shape (N, C, H, W).
    """
    # Not `_conv_forward`, past which some go that pad the image by themselves.
    own = type(conv).forward
    if not (_in_bfloat16(input, conv.weight) and _trains(conv, input)):
        return own(conv, input)
    with torch.autocast("cpu", enabled=False):
        features = own(conv, input.float())
    return features.to(torch.bfloat16)


def _in_bfloat16(images: Tensor, weight: Tensor) -> bool:
    return (
        images.device.type == "cpu"
        and weight.dtype == torch.float32
        and torch.is_autocast_enabled("cpu")
        and torch.get_autocast_dtype("cpu") == torch.bfloat16
    )


def _trains(conv: nn.Conv2d, images: Tensor) -> bool:
    # Under gradient checkpointing it is run without gradients first, and must give the
    # same then.
    gives_gradient = images.requires_grad or conv.weight.requires_grad
    return conv.training or (torch.is_grad_enabled() and gives_gradient)
