"""bfloat16 where the processor is good at it, a CPU included."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from mmengine.device import get_device
from mmengine.optim import OptimWrapper
from torch import nn

from mmleaves.registry import OPTIM_WRAPPERS


@OPTIM_WRAPPERS.register_module()
class AutocastOptimWrapper(OptimWrapper):
    """Run the forward pass in bfloat16; weights, gradients and updates stay float32.

    MMEngine's ``AmpOptimWrapper`` refuses a CPU. bfloat16 has the range of float32, so
    no loss scaling is needed. Measured on CPUs only.
    """

    @contextmanager
    def optim_context(self, model: nn.Module) -> Iterator[None]:
        device = get_device()
        with super().optim_context(model), torch.autocast(device, torch.bfloat16):
            yield
