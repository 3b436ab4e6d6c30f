"""A reversible ViT draws by the run's seed, and in training only."""

import copy

import pytest
import torch
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS

from mmleaves.models.reversible import SeededReversibleLayer, mend_reversible

IMAGES = torch.rand(4, 3, 32, 32, generator=torch.Generator().manual_seed(0))


def reversible(mended=True, **settings):
    init_default_scope("mmpretrain")
    torch.manual_seed(0)
    arch = dict(embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=64)
    model = MODELS.build(
        dict(type="RevVisionTransformer", arch=arch, img_size=32, patch_size=16)
        | dict(drop_path_rate=0.9, drop_rate=0.3)
        | settings
    )
    if mended:
        mend_reversible(model)
    return model


def features(model, seed, training=True):
    model.train(training)
    torch.manual_seed(seed)
    with torch.no_grad():
        return model(IMAGES)[-1]


@pytest.mark.parametrize("mended", [True, False])
def test_an_image_has_one_output_in_evaluation(mended):
    model = reversible(mended)
    outputs = [features(model, seed, training=False) for seed in range(5)]
    same = all(torch.equal(outputs[0], other) for other in outputs)
    assert same == mended  # stock's is what this mends: it drops paths here too


@pytest.mark.parametrize("mended", [True, False])
def test_a_seed_has_one_output_in_training_and_another_seed_another(mended):
    model = reversible(mended)
    again = [features(model, 1) for _ in range(3)]
    assert all(torch.equal(again[0], other) for other in again) == mended
    assert not torch.equal(features(model, 1), features(model, 2))


def test_a_block_can_be_built_by_itself_as_well():
    block = SeededReversibleLayer(32, 2, 64, drop_path_rate=0.9)
    assert block.drop_path_cfg["drop_prob"] == 0.9
    block.eval()
    assert block.drop_path_cfg["drop_prob"] == 0.0


def test_what_draws_afterwards_goes_by_the_seed_too():
    model = reversible()
    drawn = []
    for _ in range(2):
        features(model, 1)
        drawn.append(torch.rand(3))
    assert torch.equal(*drawn)


def test_its_own_backward_pass_repeats_the_draws_of_the_forward_pass():
    own = reversible(no_custom_backward=False)
    plain = copy.deepcopy(own)
    plain.no_custom_backward = True
    for model in (own, plain):
        model.train()
        torch.manual_seed(1)
        model(IMAGES)[-1].square().sum().backward()
    expected = dict(plain.named_parameters())
    for name, parameter in own.named_parameters():
        torch.testing.assert_close(
            parameter.grad, expected[name].grad, rtol=1e-4, atol=1e-4, msg=name
        )
