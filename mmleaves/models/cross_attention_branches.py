from collections.abc import Mapping, Sequence

import torch
from mmengine.model import ModuleDict
from mmpretrain.models.backbones.base_backbone import BaseBackbone
from torch import Tensor, nn
from torch.nn.functional import adaptive_avg_pool2d, scaled_dot_product_attention

from mmleaves.models.branches import build_branches, resized
from mmleaves.models.stages import Tokens, run_stages, stage_channels
from mmleaves.registry import MODELS

CHANNELS_PER_HEAD = 16
# What is asked is pooled to so many rows and columns; what asks is not.
KEYS_SIDE = 7


@MODELS.register_module()
class CrossAttentionBranches(BaseBackbone):
    """Two backbones that look at each other between their stages.

    After each of the chosen stages, every position of either branch asks the other
    branch's map by attention, and what it learns is added. The layer that writes it
    begins at 0, so that an untrained fusion leaves both backbones, and their pretrained
    weights, as they are. There is no feed-forward part, and attention happens in
    ``width`` channels, so that the fusion is small: under 10 % of the two branches.

    Where a backbone has no stages of its own, as a ViT, a quarter of its layers is one;
    MobileNetV2's end where the map is halved next.

    Args:
        branches: Config of each backbone by a name of choice, with its own weights in
            ``init_cfg``: ResNet, MobileNetV2, DenseNet, ConvNeXt, SwinTransformer,
            VisionTransformer, and what inherits their ``forward``.
        after_stages: Numbers of the stages, from 1, after which they are fused.
        sides_px: As in ``mmleaves.TwoBranches``.
        width: Channels in which attention happens, 16 a head.

    Raises:
        ValueError: If a backbone cannot be run by stages, the two have not equally
            many, there is no such stage, or ``width`` is no multiple of 16.

    References:
        Chen, Fan and Panda, CrossViT, ICCV 2021: cross-attention between two branches.
        Zhang et al., Adding Conditional Control to Text-to-Image Diffusion Models, ICCV
        2023: new layers that begin at 0.
    """

    def __init__(
        self,
        branches: Mapping[str, dict],
        *,
        after_stages: Sequence[int] = (3,),
        sides_px: Mapping[str, int] | None = None,
        width: int = 64,
        init_cfg: dict | list[dict] | None = None,
    ) -> None:
        super().__init__(init_cfg=init_cfg)
        if width < 1 or width % CHANNELS_PER_HEAD:
            raise ValueError(
                f"found width={width}, expected a multiple of {CHANNELS_PER_HEAD}, "
                "such as 64."
            )
        self.sides_px = dict(sides_px or {})
        self.branches = build_branches(branches, self.sides_px)
        first, second = map(stage_channels, self.branches.values())
        if len(first) != len(second):
            raise ValueError(
                f"`branches`: found {len(first)} and {len(second)} stages, expected "
                "equally many. Set `num_stages`."
            )
        stages = range(1, len(first) + 1)
        if not after_stages or not set(after_stages) <= set(stages):
            raise ValueError(
                f"found after_stages={tuple(after_stages)}, expected some of "
                f"{tuple(stages)}."
            )
        self.stages = stages
        self.fusion = ModuleDict(
            {
                f"stage{i}": CrossAttention((first[i - 1], second[i - 1]), width=width)
                for i in sorted(set(after_stages))
            }
        )

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return what each branch makes of images, (N, 3, H, W)."""
        runs = [
            run_stages(branch, resized(x, self.sides_px.get(name)))
            for name, branch in self.branches.items()
        ]
        features = [next(run) for run in runs]
        for stage in self.stages:
            if f"stage{stage}" in self.fusion:
                features = self.fusion[f"stage{stage}"](*features)
            features = [
                run.send(part) for run, part in zip(runs, features, strict=True)
            ]
        return tuple(features)


class CrossAttention(nn.Module):
    """Add to the tokens of each of two branches what they find in the other's.

    Args:
        channels: Width of the tokens of either branch.
        width: Channels of queries, keys and values, a multiple of 16.
    """

    def __init__(self, channels: tuple[int, int], *, width: int) -> None:
        super().__init__()
        self.num_heads = width // CHANNELS_PER_HEAD
        self.norms = nn.ModuleList(nn.LayerNorm(c) for c in channels)
        self.queries = nn.ModuleList(nn.Linear(c, width) for c in channels)
        self.keys_values = nn.ModuleList(nn.Linear(c, 2 * width) for c in channels)
        self.outputs = nn.ModuleList(nn.Linear(width, c) for c in channels)
        for output in self.outputs:
            nn.init.zeros_(output.weight)
            nn.init.zeros_(output.bias)

    def forward(self, first: Tokens, second: Tokens) -> tuple[Tokens, Tokens]:
        """Return both, changed, in the same shapes."""
        both = (first, second)
        normed = [
            Tokens(norm(tokens.values), tokens.grid)
            for norm, tokens in zip(self.norms, both, strict=True)
        ]
        return tuple(
            Tokens(
                both[i].values + self._ask(i, normed[i].values, normed[1 - i]),
                both[i].grid,
            )
            for i in range(2)
        )

    def _ask(self, i: int, asking: Tensor, asked: Tokens) -> Tensor:
        queries = self._by_heads(self.queries[i](asking))
        keys_values = self.keys_values[1 - i](_pool_grid(asked))
        keys, values = map(self._by_heads, keys_values.chunk(2, dim=-1))
        found = scaled_dot_product_attention(queries, keys, values)
        return self.outputs[i](found.transpose(1, 2).flatten(2))

    def _by_heads(self, x: Tensor) -> Tensor:
        return x.unflatten(2, (self.num_heads, -1)).transpose(1, 2)


def _pool_grid(tokens: Tokens) -> Tensor:
    """Return tokens of at most 7 x 7 means over the grid, after the extra ones."""
    height, width = tokens.grid
    size = (min(height, KEYS_SIDE), min(width, KEYS_SIDE))
    if size == (height, width):
        return tokens.values
    extra = tokens.values.shape[1] - height * width
    grid = tokens.values[:, extra:].transpose(1, 2).unflatten(2, (height, width))
    means = adaptive_avg_pool2d(grid, size).flatten(2).transpose(1, 2)
    return torch.cat((tokens.values[:, :extra], means), dim=1)
