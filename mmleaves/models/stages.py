"""Backbones run stage by stage, so that something can be done between the stages.

A backbone's own ``forward`` cannot be stopped half-way. So each family has a generator
here that calls the backbone's own parts in the same order; the tests hold its result
against ``forward``. A subclass may use it as long as it inherits ``forward``.
"""

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import NamedTuple

import torch
from mmpretrain.models import (
    ConvNeXt,
    DenseNet,
    MobileNetV2,
    ResNet,
    SwinTransformer,
    VisionTransformer,
)
from mmpretrain.models.utils import resize_pos_embed
from torch import Tensor, nn


class Tokens(NamedTuple):
    """Features of one stage.

    Args:
        values: (N, E + H * W, C): E extra tokens, such as a class token, then the
            positions row by row.
        grid: (H, W).
    """

    values: Tensor
    grid: tuple[int, int]


Run = Generator[Tokens | Tensor, Tokens, None]


def run_stages(backbone: nn.Module, images: Tensor) -> Run:
    """Run a backbone on ``images``, (N, 3, H, W), and pause after every stage.

    Yields:
        The tokens of each stage in turn; those that are sent back, of the same shape,
        enter the next stage. At last the backbone's own output.

    Raises:
        ValueError: As `stage_channels`.
    """
    return _family(backbone).run(backbone, images)


def stage_channels(backbone: nn.Module) -> list[int]:
    """Return the width of each stage's tokens.

    Raises:
        ValueError: If the backbone cannot be run by stages, or is set to give another
            output than its last.
    """
    family = _family(backbone)
    last = family.last_output(backbone)
    if tuple(backbone.out_indices) != (last,):
        raise ValueError(
            f"{type(backbone).__name__}: found out_indices="
            f"{tuple(backbone.out_indices)}, expected {(last,)}, its last output, as "
            "it is run to the end. Leave `out_indices` out."
        )
    return family.channels(backbone)


def _to_tokens(x: Tensor) -> Tokens:
    return Tokens(x.flatten(2).transpose(1, 2), tuple(x.shape[2:]))


def _to_map(tokens: Tokens) -> Tensor:
    return tokens.values.transpose(1, 2).unflatten(2, tokens.grid)


def _run_resnet(net: ResNet, x: Tensor) -> Run:
    x = net.stem(x) if net.deep_stem else net.relu(net.norm1(net.conv1(x)))
    x = net.maxpool(x)
    for name in net.res_layers:
        x = _to_map((yield _to_tokens(getattr(net, name)(x))))
    yield x


# Stages as in a ResNet: each ends before the next halving of the map.
_MOBILENET_V2_STAGES = (
    ("layer1", "layer2"),
    ("layer3",),
    ("layer4", "layer5"),
    ("layer6", "layer7"),
)


def _run_mobilenet_v2(net: MobileNetV2, x: Tensor) -> Run:
    x = net.conv1(x)
    for names in _MOBILENET_V2_STAGES:
        for name in names:
            x = getattr(net, name)(x)
        x = _to_map((yield _to_tokens(x)))
    yield net.conv2(x)


def _run_densenet(net: DenseNet, x: Tensor) -> Run:
    x = net.stem(x)
    for stage, transition in zip(net.stages, net.transitions, strict=True):
        x = _to_map((yield _to_tokens(transition(stage(x)))))
    yield x


def _densenet_channels(net: DenseNet) -> list[int]:
    *inner, last = net.transitions
    return [*(part.conv.out_channels for part in inner), last[0].num_features]


def _run_convnext(net: ConvNeXt, x: Tensor) -> Run:
    for downsample, stage in zip(net.downsample_layers, net.stages, strict=True):
        x = _to_map((yield _to_tokens(stage(downsample(x)))))
    norm = getattr(net, f"norm{net.num_stages - 1}")
    if net.gap_before_final_norm:
        yield norm(x.mean([-2, -1], keepdim=True)).flatten(1)
    else:
        yield norm(x)


def _with_positions(
    net: SwinTransformer | VisionTransformer, x: Tensor, embedding: Tensor, grid: tuple
) -> Tensor:
    return x + resize_pos_embed(
        embedding,
        net.patch_resolution,
        grid,
        net.interpolate_mode,
        net.num_extra_tokens,
    )


def _run_swin(net: SwinTransformer, x: Tensor) -> Run:
    x, grid = net.patch_embed(x)
    if net.use_abs_pos_embed:
        x = _with_positions(net, x, net.absolute_pos_embed, grid)
    x = net.drop_after_pos(x)
    for stage in net.stages:
        x, grid = stage(x, grid, do_downsample=False)
        x = (yield Tokens(x, grid)).values
        if stage.downsample is not None:
            x, grid = stage.downsample(x, grid)
    x = getattr(net, f"norm{net.num_layers - 1}")(x)
    yield _to_map(Tokens(x, grid)).contiguous()


def _run_vit(net: VisionTransformer, x: Tensor) -> Run:
    x, grid = net.patch_embed(x)
    if net.cls_token is not None:
        x = torch.cat((net.cls_token.expand(len(x), -1, -1), x), dim=1)
    x = net.pre_norm(net.drop_after_pos(_with_positions(net, x, net.pos_embed, grid)))
    # It has no stages of its own: four quarters of its layers.
    ends = {net.num_layers * quarter // 4 for quarter in (1, 2, 3, 4)}
    for number, layer in enumerate(net.layers, 1):
        x = layer(x)
        if number in ends:
            x = (yield Tokens(x, grid)).values
    yield net._format_output(net.ln1(x) if net.final_norm else x, grid)


@dataclass(frozen=True)
class _Family:
    run: Callable[[nn.Module, Tensor], Run]
    channels: Callable[[nn.Module], list[int]]
    last_output: Callable[[nn.Module], int]


_FAMILIES: dict[type[nn.Module], _Family] = {
    ResNet: _Family(
        _run_resnet,
        lambda net: [getattr(net, name)[-1].out_channels for name in net.res_layers],
        lambda net: net.num_stages - 1,
    ),
    MobileNetV2: _Family(
        _run_mobilenet_v2,
        lambda net: [
            getattr(net, names[-1])[-1].conv[-1].out_channels
            for names in _MOBILENET_V2_STAGES
        ],
        lambda net: 7,
    ),
    DenseNet: _Family(
        _run_densenet, _densenet_channels, lambda net: net.num_stages - 1
    ),
    ConvNeXt: _Family(
        _run_convnext, lambda net: list(net.channels), lambda net: net.num_stages - 1
    ),
    SwinTransformer: _Family(
        _run_swin,
        lambda net: [stage.embed_dims for stage in net.stages],
        lambda net: net.num_layers - 1,
    ),
    VisionTransformer: _Family(
        _run_vit,
        lambda net: [net.embed_dims] * 4,
        lambda net: net.num_layers - 1,
    ),
}


def _family(backbone: nn.Module) -> _Family:
    for cls, family in _FAMILIES.items():
        if type(backbone).forward is cls.forward:
            return family
    raise ValueError(
        f"{type(backbone).__name__} cannot be run stage by stage, expected one of "
        f"{', '.join(cls.__name__ for cls in _FAMILIES)}, or a variant with the same "
        "`forward`. Use one of these, or mmleaves.TwoBranches, which takes any."
    )
