"""A ViT whose last block computes the class token alone gives the same token."""

import copy
import pickle

import pytest
import torch
from mmengine.registry import init_default_scope

from mmleaves.models.class_token import compute_class_token_alone
from mmleaves.registry import MODELS


def vit(**settings):
    init_default_scope("mmpretrain")
    torch.manual_seed(0)
    kind = {"type": "VisionTransformer", "arch": "deit-tiny", "img_size": 32}
    net = MODELS.build(kind | settings)
    for parameter in net.parameters():  # a new one gives tokens that are all alike
        torch.nn.init.normal_(parameter, std=0.1)
    return net


def images():
    return torch.randn(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))


def tokens_of_last_block(net):
    seen = []
    net.layers[-1].register_forward_hook(lambda *call: seen.append(call[-1].shape[1]))
    net(images())
    return seen


@pytest.mark.parametrize(
    "settings",
    [
        {},
        {"final_norm": False},
        {"out_indices": (11,)},
        {"layer_scale_init_value": 0.5},
        {"qkv_bias": False, "pre_norm": True},
    ],
    ids=lambda settings: "-".join(settings) or "plain",
)
def test_token_and_gradients_are_the_same(settings):
    plain = vit(**settings)
    net = copy.deepcopy(plain)
    compute_class_token_alone(net)
    results = []
    for each in (plain, net):
        (token,) = each(images())
        token.square().sum().backward()
        results.append((token, *[p.grad for p in each.parameters()]))
    assert tokens_of_last_block(net) == [1]
    for one, other in zip(*results, strict=True):
        if one is None:
            assert other is None
        else:
            torch.testing.assert_close(one, other, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    "settings",
    [
        {"out_type": "avg_featmap"},
        {"out_type": "raw"},
        {"out_indices": [5, 11]},
        {"out_indices": [5]},
        {"out_indices": (0, 11)},
        {"type": "DistilledVisionTransformer"},
        {"type": "DeiT3", "arch": "small"},
        {"type": "BEiTViT", "arch": "deit-tiny"},
    ],
    ids=lambda settings: "-".join(map(str, settings.values())),
)
def test_others_stay_as_they_are(settings):
    net = vit(**settings)
    compute_class_token_alone(net)
    assert len({type(layer) for layer in net.layers}) == 1


def test_attention_is_called_as_a_module():
    net, called = vit(), []
    compute_class_token_alone(net)
    net.layers[-1].attn.register_forward_hook(lambda *call: called.append(call[-1]))
    net(images())
    assert [attended.shape for attended in called] == [(2, 1, 192)]


def test_what_is_no_vit_or_nothing_stays_as_it_is():
    compute_class_token_alone(None)
    compute_class_token_alone(torch.nn.Linear(1, 1))


def test_a_copy_has_weights_of_its_own():
    net = vit()
    compute_class_token_alone(net)
    other = copy.deepcopy(net)
    torch.nn.init.zeros_(other.layers[-1].ffn.layers[1].weight)
    assert not torch.equal(other(images())[0], net(images())[0])
    read = pickle.loads(pickle.dumps(net))
    assert torch.equal(read(images())[0], net(images())[0])
