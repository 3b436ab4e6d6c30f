import pytest
import torch

from mmleaves.models.cross_attention_branches import CrossAttention
from mmleaves.models.stages import Tokens
from mmleaves.registry import MODELS

CNN = dict(type="MobileNetV2", widen_factor=0.25)
VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=64),
    img_size=64,
)
SWIN = dict(
    type="SwinTransformer",
    arch=dict(embed_dims=24, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]),
    pad_small_map=True,
)
DENSENET = dict(
    type="DenseNet", arch=dict(growth_rate=4, depths=[2, 2, 2, 2], init_channels=8)
)
CONVNEXT = dict(
    type="ConvNeXt", arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])
)
RESNET = dict(type="ResNet", depth=18, stem_channels=8, base_channels=8)


def build(kind="mmleaves.CrossAttentionBranches", first=CNN, second=VIT, **settings):
    torch.manual_seed(0)
    branches = dict(texture=first, shape=second)
    net = MODELS.build(dict(type=kind, branches=branches, **settings))
    net.eval()  # returns nothing in MMPretrain's backbones
    return net


@pytest.mark.parametrize("after_stages", [(3,), (2, 3), (1, 2, 3), (4,)])
@pytest.mark.parametrize(
    "pair",
    [(CNN, VIT), (RESNET, SWIN), (DENSENET, CONVNEXT)],
    ids=lambda pair: "+".join(cfg["type"] for cfg in pair),
)
def test_at_the_start_it_equals_two_plain_branches(pair, after_stages):
    fused = build(first=pair[0], second=pair[1], after_stages=after_stages)
    plain = build("mmleaves.TwoBranches", *pair)
    state = fused.state_dict()
    fusion = {name for name in state if name.startswith("fusion.")}
    assert {name.split(".")[1] for name in fusion} == {
        f"stage{stage}" for stage in after_stages
    }
    plain.load_state_dict({name: state[name] for name in state if name not in fusion})
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        for ours, theirs in zip(fused(images), plain(images), strict=True):
            torch.testing.assert_close(ours, theirs, rtol=1e-6, atol=1e-6)


def test_initialising_the_weights_leaves_the_fusion_at_zero():
    net = build()
    net.init_weights()
    for output in net.fusion.stage3.outputs:
        assert not output.weight.any() and not output.bias.any()


def test_once_trained_each_branch_sees_what_the_other_does():
    """A change in what one branch sees changes the other's output, both ways."""
    net = build(after_stages=(2,), sides_px=dict(texture=32))
    for output in net.fusion.stage2.outputs:
        torch.nn.init.normal_(output.weight)
    images = torch.randn(1, 3, 64, 64)
    with torch.inference_mode():
        before = net(images)
        # At half the side, stripes a pixel wide are grey to `texture`.
        striped = images.clone()
        striped[..., ::2] += 1
        striped[..., 1::2] -= 1
        after = net(striped)
        assert not torch.allclose(before[1], after[1])
        assert not torch.allclose(before[0], after[0])


def test_gradients_reach_both_branches_and_the_fusion():
    net = build(after_stages=(2, 3))
    net.train()
    for _ in range(2):
        texture, shape = net(torch.randn(2, 3, 64, 64))
        (texture.square().mean() + shape[:, 0].mean()).backward()
        with torch.no_grad():  # the first step moves what writes; the second, the rest
            for parameter in net.fusion.parameters():
                parameter -= parameter.grad
                assert torch.isfinite(parameter).all()
    for name, parameter in net.named_parameters():
        if "fusion" in name:
            assert parameter.grad.abs().sum() > 0, name
    for branch in net.branches.values():
        assert next(branch.parameters()).grad.abs().sum() > 0


def test_one_head_of_attention_is_worked_out_by_hand():
    torch.manual_seed(0)
    fuse = CrossAttention((3, 5), width=16)
    for parameter in fuse.parameters():
        torch.nn.init.normal_(parameter)
    first = Tokens(torch.randn(1, 1 + 2 * 2, 3), (2, 2))  # with a class token
    second = Tokens(torch.randn(1, 3 * 2, 5), (3, 2))

    def expected(i, asking, asked):
        asking, asked = asking.values[0], asked.values[0]
        queries = fuse.queries[i](fuse.norms[i](asking))
        keys, values = fuse.keys_values[1 - i](fuse.norms[1 - i](asked)).split(16, 1)
        weights = (queries @ keys.T / 4).softmax(dim=1)  # the square root of 16
        return asking + fuse.outputs[i](weights @ values)

    ours = fuse(first, second)
    torch.testing.assert_close(ours[0].values[0], expected(0, first, second))
    torch.testing.assert_close(ours[1].values[0], expected(1, second, first))
    assert (ours[0].grid, ours[1].grid) == ((2, 2), (3, 2))


def test_a_large_map_is_asked_by_its_means_over_seven_by_seven():
    """Each mean counts as all positions that it is of, if they are alike."""
    torch.manual_seed(0)
    fuse = CrossAttention((3, 5), width=16)
    for parameter in fuse.parameters():
        torch.nn.init.normal_(parameter)
    asking = Tokens(torch.randn(1, 4, 3), (2, 2))
    small = torch.randn(1, 5, 7, 7)
    large = small.repeat_interleave(2, dim=2).repeat_interleave(2, dim=3)
    means, whole = (
        Tokens(x.flatten(2).transpose(1, 2), tuple(x.shape[2:])) for x in (small, large)
    )
    torch.testing.assert_close(
        fuse(asking, whole)[0].values, fuse(asking, means)[0].values
    )


def count(module):
    return sum(parameter.numel() for parameter in module.parameters())


@pytest.mark.parametrize("after_stages", [None, (1, 2, 3), (1, 2, 3, 4)])
@pytest.mark.parametrize(
    ("first", "second"),
    [
        (dict(type="ResNet", depth=50), dict(type="ResNet", depth=50)),
        (dict(type="ResNet", depth=50), dict(type="VisionTransformer", arch="base")),
        (dict(type="MobileNetV2"), dict(type="MobileNetV2")),
        (dict(type="DenseNet", arch="121"), dict(type="DenseNet", arch="121")),
    ],
    ids=["ResNet-50 x 2", "ResNet-50 + ViT-B", "MobileNetV2 x 2", "DenseNet-121 x 2"],
)
def test_the_fusion_adds_less_than_a_tenth(first, second, after_stages):
    settings = {} if after_stages is None else dict(after_stages=after_stages)
    net = build(first=first, second=second, **settings)
    assert 0 < count(net.fusion) < 0.1 * count(net.branches)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        (dict(after_stages=()), r"found after_stages=\(\), expected some of \(1, 2, 3"),
        (dict(after_stages=(0, 3)), r"found after_stages=\(0, 3\), expected some of"),
        (dict(width=24), r"found width=24, expected a multiple of 16, such as 64"),
        (
            dict(
                first=RESNET
                | dict(
                    num_stages=3,
                    strides=(1, 2, 2),
                    dilations=(1, 1, 1),
                    out_indices=(2,),
                )
            ),
            r"`branches`: found 3 and 4 stages, expected equally many",
        ),
        (dict(second=dict(type="VGG", depth=11)), r"VGG cannot be run stage by stage"),
        (dict(sides_px=dict(form=64)), r"`sides_px`: found form=64, expected one of"),
    ],
)
def test_settings_that_cannot_be_are_refused(settings, message):
    with pytest.raises(ValueError, match=message):
        build(**settings)
