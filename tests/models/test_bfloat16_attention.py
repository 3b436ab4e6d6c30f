"""Attention gives what PyTorch's own gives, and gradients that are as exact."""

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


def tokens(images=5, heads=3, queries=17, keys=17, channels=8, spread=1):
    """Return what a ViT has as queries, keys and values: parts of one tensor."""
    torch.manual_seed(0)
    both = spread * torch.randn(images, max(queries, keys), 3, heads, channels)
    query, key, value = both.bfloat16().requires_grad_().permute(2, 0, 3, 1, 4)
    return query[:, :, :queries], key[:, :, :keys], value[:, :, :keys]


def gradients_off(attention, given):
    """Return by how much the gradients differ from float32's, of their length."""
    exact = [tensor.detach().float().requires_grad_() for tensor in given]
    expected = scaled_dot_product_attention(*exact)
    torch.manual_seed(1)
    towards = torch.randn_like(expected)
    wanted = torch.autograd.grad(expected, exact, towards)
    with torch.autocast("cpu", torch.bfloat16):
        output = attention(*given)
    found = torch.autograd.grad(output, given, towards.bfloat16())
    return [
        ((one.float() - other).norm() / other.norm()).item()
        for one, other in zip(found, wanted, strict=True)
    ]


@pytest.mark.parametrize("at_once", [1, 5_000, 10**9], ids=["one", "two", "all"])
@pytest.mark.parametrize("queries", [17, 1])
@pytest.mark.parametrize("spread", [1, 4])
def test_gradients_are_no_further_off_than_pytorchs(
    monkeypatch, at_once, queries, spread
):
    monkeypatch.setattr(bfloat16_attention, "_BYTES_AT_ONCE", at_once)
    # With a spread of 4, scores go up to 100, in bfloat16 by steps of 0.5.
    given = tokens(queries=queries, spread=spread)
    of_pytorch = gradients_off(scaled_dot_product_attention, given)
    assert max(of_pytorch) < 0.01
    ours = gradients_off(attend, given)
    for own, its in zip(ours, of_pytorch, strict=True):
        assert own < 1.6 * its


@pytest.mark.parametrize("trains", [False, True])
def test_it_gives_what_pytorchs_gives(trains):
    given = tokens()
    with torch.set_grad_enabled(trains):
        assert torch.equal(attend(*given), scaled_dot_product_attention(*given))


def test_nothing_comes_of_no_images():
    given = [tensor[:0] for tensor in tokens()]
    assert torch.autograd.grad(attend(*given).sum(), given)[0].shape == (0, 3, 17, 8)


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
    found = attend(*given, **settings)
    assert torch.equal(found, expected)
    assert type(found.grad_fn) is type(expected.grad_fn)


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
