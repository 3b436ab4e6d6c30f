"""Attention computed a few images at a time gives what PyTorch's own gives."""

import copy
import pickle

import pytest
import torch
from mmengine.registry import init_default_scope
from torch.nn.functional import scaled_dot_product_attention

from mmleaves.models import bfloat16_attention, bfloat16_on_cpu
from mmleaves.models.bfloat16_attention import attend
from mmleaves.models.bfloat16_on_cpu import quicken_bfloat16
from mmleaves.registry import MODELS


def tokens(images=5, heads=3, queries=17, keys=17, channels=8):
    """Return what a ViT has as queries, keys and values: parts of one tensor."""
    torch.manual_seed(0)
    both = torch.randn(images, max(queries, keys), 3, heads, channels)
    query, key, value = both.bfloat16().requires_grad_().permute(2, 0, 3, 1, 4)
    return query[:, :, :queries], key[:, :, :keys], value[:, :, :keys]


@pytest.mark.parametrize("share_bytes", [1, 4_000, 10**9], ids=["one", "few", "all"])
@pytest.mark.parametrize("queries", [17, 1])
def test_it_gives_what_float32_gives(monkeypatch, share_bytes, queries):
    monkeypatch.setattr(bfloat16_attention, "_SHARE_BYTES", share_bytes)
    given = tokens(queries=queries)
    exact = [tensor.detach().float().requires_grad_() for tensor in given]
    expected = scaled_dot_product_attention(*exact)
    with torch.autocast("cpu", torch.bfloat16):
        found = attend(*given, dropout_p=0.0)
    assert found.dtype == torch.bfloat16
    towards = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, exact, towards)
    gradients = torch.autograd.grad(found, given, towards.bfloat16())
    for one, other in zip((found, *gradients), (expected, *wanted), strict=True):
        off = (one.float() - other).norm() / other.norm()
        # Numbers rounded to bfloat16 differ by up to 0.004, and by 0.002 on average.
        assert off < 0.01


@pytest.mark.parametrize(
    "settings",
    [{"dropout_p": 0.5}, {"is_causal": True}, {"attn_mask": torch.eye(17).bool()}],
    ids=lambda settings: min(settings),
)
def test_what_it_does_not_know_is_left_to_pytorch(settings):
    given = tokens()
    torch.manual_seed(1)
    expected = scaled_dot_product_attention(*given, **settings)
    torch.manual_seed(1)
    assert torch.equal(attend(*given, **settings), expected)


@pytest.mark.parametrize("kind", ["float32", "evaluation"])
def test_numbers_in_float32_and_in_evaluation_are_pytorchs(kind):
    given = tokens()
    if kind == "float32":
        given = [tensor.float() for tensor in given]
    with torch.set_grad_enabled(kind == "float32"):
        found = attend(*given)
        assert torch.equal(found, scaled_dot_product_attention(*given))


@pytest.mark.parametrize(
    ("feature", "replaced"), [("avx512_bf16", 12), ("amx_bf16", 0)]
)
def test_a_vit_takes_it_but_where_it_is_not_measured(monkeypatch, feature, replaced):
    monkeypatch.setattr(bfloat16_on_cpu, "cpu_bfloat16", lambda: feature)
    init_default_scope("mmpretrain")
    net = MODELS.build({"type": "VisionTransformer", "arch": "deit-tiny"})
    quicken_bfloat16(net)
    for other in (net, copy.deepcopy(net), pickle.loads(pickle.dumps(net))):
        used = [
            layer.attn.scaled_dot_product_attention is attend for layer in other.layers
        ]
        assert sum(used) == replaced
