import pytest
import torch
from torch import nn

from mmleaves.registry import MODELS

CNN = dict(type="MobileNetV2", widen_factor=0.25)
VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=64),
    img_size=64,
)


def build(**settings):
    torch.manual_seed(0)
    backbone = dict(type="mmleaves.TwoBranches", branches=dict(texture=CNN, shape=VIT))
    net = MODELS.build(backbone | settings)
    net.eval()  # returns nothing in MMPretrain's backbones
    return net


def test_it_gives_the_last_output_of_each_branch_in_order():
    net = build()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        texture, shape = net(images)
        assert torch.equal(texture, net.branches.texture(images)[-1])
        assert torch.equal(shape, net.branches.shape(images)[-1])
    assert (texture.shape, shape.shape) == ((2, 1280, 2, 2), (2, 32))


class Plain(nn.Conv2d):
    """A backbone that gives a tensor, not a tuple."""

    def __init__(self):
        super().__init__(3, 4, 8, stride=8)


def test_a_backbone_that_gives_a_tensor_is_taken_whole():
    net = build()
    net.branches["texture"] = Plain()
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        assert torch.equal(net(images)[0], net.branches.texture(images))


def test_a_branch_may_see_a_smaller_image_of_the_same_form():
    net = build(sides_px=dict(texture=32))
    texture, shape = net(torch.zeros(1, 3, 64, 128))
    assert texture.shape == (1, 1280, 1, 2)  # 32 x 64 px, a position for every 32
    assert shape.shape == (1, 32)


def test_a_smaller_image_is_made_by_averaging():
    """Stripes of 0 and 1, a pixel wide, are one grey at a quarter of the side."""
    from mmleaves.models.branches import resized

    stripes = torch.zeros(1, 3, 64, 64)
    stripes[..., ::2] = 1
    small = resized(stripes, 16)
    assert small.shape == (1, 3, 16, 16)
    torch.testing.assert_close(
        small[..., 2:-2], torch.full((1, 3, 16, 12), 0.5), atol=0.01, rtol=0
    )
    assert resized(stripes, 64) is stripes


def test_each_branch_starts_from_weights_of_its_own(tmp_path):
    """From a checkpoint of a classifier, as `init_cfg` of any backbone does."""
    files = {}
    for seed, (name, cfg) in enumerate({"texture": CNN, "shape": VIT}.items()):
        torch.manual_seed(seed)
        weights = MODELS.build(cfg)
        for parameter in weights.parameters():
            torch.nn.init.normal_(parameter)
        files[name] = tmp_path / f"{name}.pth"
        state = {
            f"backbone.{key}": value for key, value in weights.state_dict().items()
        }
        torch.save({"state_dict": state}, files[name])
    branches = {
        name: cfg
        | dict(
            init_cfg=dict(
                type="Pretrained", checkpoint=str(files[name]), prefix="backbone"
            )
        )
        for name, cfg in {"texture": CNN, "shape": VIT}.items()
    }
    net = build(branches=branches)
    net.init_weights()
    for name, branch in net.branches.items():
        saved = torch.load(files[name], weights_only=True)["state_dict"]
        for key, value in branch.state_dict().items():
            assert torch.equal(value, saved[f"backbone.{key}"])


def test_gradients_reach_both_branches():
    net = build()
    net.train()
    texture, shape = net(torch.randn(2, 3, 64, 64))
    (texture.sum() + shape.square().sum()).backward()
    for branch in net.branches.values():
        first = next(branch.parameters())
        assert first.grad is not None and first.grad.abs().sum() > 0


def test_frozen_stages_of_a_branch_stay_frozen():
    net = build(branches=dict(texture=CNN | dict(frozen_stages=2), shape=VIT))
    net.train()
    assert not net.branches.texture.layer2[0].conv[0].bn.training
    assert net.branches.texture.layer3[0].conv[0].bn.training


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (
            dict(branches=dict(texture=CNN)),
            r"`branches`: found 1 \(texture\), expected 2, each a backbone by its name",
        ),
        (
            {"branches": {"texture": CNN, "a.b": CNN}},
            r"`branches`: found the name 'a\.b', expected a word",
        ),
        (
            dict(branches=dict(texture=CNN, items=CNN)),
            r"`branches`: found the name 'items', expected a word .* Choose another",
        ),
        (
            dict(sides_px=dict(form=64)),
            r"`sides_px`: found form=64, expected one of the branches texture, shape",
        ),
        (
            dict(sides_px=dict(shape=0)),
            r"`sides_px`: found shape=0, expected .* and a side above 0",
        ),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
