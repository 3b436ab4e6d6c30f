"""Run stage by stage, a backbone gives what its own forward gives."""

import pytest
import torch
from mmpretrain.registry import MODELS

from mmleaves.models.stages import run_stages, stage_channels

VIT = dict(
    type="VisionTransformer",
    arch=dict(embed_dims=32, num_layers=5, num_heads=2, feedforward_channels=64),
    img_size=64,
)
BACKBONES = {
    "ResNet": (dict(type="ResNet", depth=18), [64, 128, 256, 512]),
    "ResNet, 3 stages": (
        dict(
            type="ResNet",
            depth=18,
            num_stages=3,
            strides=(1, 2, 2),
            dilations=(1, 1, 1),
            out_indices=(2,),
        ),
        [64, 128, 256],
    ),
    "ResNetV1d": (
        dict(type="ResNetV1d", depth=50, stem_channels=8, base_channels=8),
        [32, 64, 128, 256],
    ),
    "ResNeXt": (
        dict(type="ResNeXt", depth=50, groups=2, width_per_group=4),
        [256, 512, 1024, 2048],
    ),
    "MobileNetV2": (dict(type="MobileNetV2"), [24, 32, 96, 320]),
    "DenseNet": (
        dict(
            type="DenseNet",
            arch=dict(growth_rate=4, depths=[2, 2, 2, 2], init_channels=8),
        ),
        [8, 8, 8, 16],  # (8 + 2 * 4) / 2 is 8 again; the last is not halved
    ),
    "ConvNeXt": (
        dict(type="ConvNeXt", arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32])),
        [8, 16, 24, 32],
    ),
    "ConvNeXt, map": (
        dict(
            type="ConvNeXt",
            arch=dict(depths=[1, 1, 1, 1], channels=[8, 16, 24, 32]),
            gap_before_final_norm=False,
        ),
        [8, 16, 24, 32],
    ),
    "SwinTransformer": (
        dict(
            type="SwinTransformer",
            arch=dict(embed_dims=24, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]),
            pad_small_map=True,
        ),
        [24, 48, 96, 192],
    ),
    "SwinTransformer, positions": (
        dict(
            type="SwinTransformer",
            arch=dict(embed_dims=24, depths=[1, 1, 2, 1], num_heads=[1, 2, 4, 8]),
            pad_small_map=True,
            img_size=32,
            use_abs_pos_embed=True,
            out_after_downsample=True,
        ),
        [24, 48, 96, 192],
    ),
    "VisionTransformer": (VIT, [32] * 4),
    "VisionTransformer, map": (
        VIT | dict(out_type="featmap", with_cls_token=False, img_size=96),
        [32] * 4,
    ),
    "VisionTransformer, tokens": (VIT | dict(out_type="raw"), [32] * 4),
    "VisionTransformer, mean": (
        VIT | dict(out_type="avg_featmap", pre_norm=True),
        [32] * 4,
    ),
}


def build(backbone):
    """Return a backbone whose every parameter matters: none is left at 0 or 1."""
    torch.manual_seed(0)
    net = MODELS.build(backbone)
    net.eval()  # returns nothing in MMPretrain's backbones
    for parameter in net.parameters():
        parameter.data += 0.1 * torch.randn_like(parameter)
    return net


@pytest.mark.parametrize(("backbone", "channels"), BACKBONES.values(), ids=BACKBONES)
def test_run_by_stages_a_backbone_gives_what_its_forward_gives(backbone, channels):
    net = build(backbone)
    images = torch.randn(2, 3, 64, 64)
    with torch.inference_mode():
        run = run_stages(net, images)
        step, widths = next(run), []
        while not isinstance(step, torch.Tensor):
            height, width = step.grid
            extra = step.values.shape[1] - height * width
            assert extra in (0, 1)
            widths.append(step.values.shape[2])
            step = run.send(step)
        torch.testing.assert_close(step, net(images)[-1], rtol=1e-6, atol=1e-6)
    assert widths == stage_channels(net) == channels


@pytest.mark.parametrize(("backbone", "channels"), BACKBONES.values(), ids=BACKBONES)
def test_what_is_sent_back_enters_the_next_stage(backbone, channels):
    net = build(backbone)
    images = torch.randn(1, 3, 64, 64)
    outputs = []
    with torch.inference_mode():
        for changed in (None, *range(len(channels))):
            run = run_stages(net, images)
            step = next(run)
            for stage in range(len(channels)):
                if stage == changed:
                    step = step._replace(values=step.values.flip(2))
                step = run.send(step)
            outputs.append(step)
    for one in outputs[1:]:
        assert not torch.allclose(one, outputs[0])


def test_a_backbone_without_such_stages_is_refused_with_those_that_have_them():
    net = MODELS.build(dict(type="ShuffleNetV2"))
    message = (
        r"ShuffleNetV2 cannot be run stage by stage, expected one of ResNet, "
        r"MobileNetV2, DenseNet, ConvNeXt, SwinTransformer, VisionTransformer, .* or "
        r"mmleaves\.TwoBranches, which takes any"
    )
    with pytest.raises(ValueError, match=message):
        stage_channels(net)


def test_a_variant_with_a_forward_of_its_own_is_refused():
    net = MODELS.build(dict(type="ResNet_CIFAR", depth=18))
    with pytest.raises(ValueError, match="ResNet_CIFAR cannot be run stage by stage"):
        stage_channels(net)


def test_a_backbone_that_gives_an_earlier_output_is_refused():
    net = MODELS.build(dict(type="ResNet", depth=18, out_indices=(2,)))
    message = r"ResNet: found out_indices=\(2,\), expected \(3,\), its last .* Leave"
    with pytest.raises(ValueError, match=message):
        stage_channels(net)
