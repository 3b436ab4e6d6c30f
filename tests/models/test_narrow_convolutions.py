"""Convolutions that corrupt memory in the channels-last layout on some processors."""

import pytest
import torch
from tool_runs import check, run_python
from torch import nn

from mmleaves.models.narrow_convolutions import mend_narrow_convolutions

# In a process of its own, as what it is about kills it.
TRAIN = """
import sys
import torch
from torch import nn
from mmleaves.models.narrow_convolutions import mend_narrow_convolutions

channels, stride = map(int, sys.argv[1:])
conv = nn.Conv2d(channels, 48, 1, stride, bias=False)
plain = nn.Conv2d(channels, 48, 1, stride, bias=False)
plain.load_state_dict(conv.state_dict())
conv.to(memory_format=torch.channels_last)
mend_narrow_convolutions(conv)
for _ in range(20):
    images = torch.randn(8, channels, 64, 64)
    found = conv(images.contiguous(memory_format=torch.channels_last))
    expected = plain(images)
    torch.testing.assert_close(found, expected)
    weights = torch.randn_like(found)
    (found * weights).sum().backward()
    (expected * weights).sum().backward()
    grads = conv.weight.grad, plain.weight.grad
    torch.testing.assert_close(*grads, rtol=1e-4, atol=1e-2)
    conv.weight.grad = plain.weight.grad = None
    # What lies behind a gradient is somebody's.
    others = [torch.randn(size) for size in range(5, 2000, 37)]
"""


@pytest.mark.parametrize(("channels", "stride"), [(3, 2), (7, 4)])
def test_it_trains_in_the_channels_last_layout(channels, stride):
    check(run_python("-c", TRAIN, channels, stride))


def test_others_are_left_alone(monkeypatch):
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: "AVX2")
    narrow = nn.Conv2d(3, 8, 1, stride=2)
    others = [
        nn.Conv2d(3, 8, 1),
        nn.Conv2d(3, 8, 3, stride=2),
        nn.Conv2d(8, 8, 1, stride=2),
        nn.Conv2d(1, 8, 1, stride=2),
    ]
    mend_narrow_convolutions(nn.Sequential(narrow, *others))
    assert len(narrow._forward_pre_hooks) == 1
    assert not any(conv._forward_pre_hooks for conv in others)
