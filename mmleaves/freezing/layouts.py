"""Where the stages of a backbone are: which of its names belong to which stage.

A table, since MMPretrain's backbones name their stages in two dozen ways, and some keep
what leads into a stage (patch merging, transitions) outside of it. What no rule names
is the stem, before the first stage. A class that is not listed goes by its base class.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import nn

Number = Callable[[int], int]


@dataclass(frozen=True)
class Layout:
    """The stages of one family of backbones.

    Args:
        stages: From a pattern, matched at the start of a name, to what makes of the
            number in its group the order of the stage; without a group, of 0.
        tail: Pattern of what comes after the last stage, such as its norm.
        stem: Pattern of what a stage's pattern would match, and is the stem.
        unit: What one of them is called, ``"stage"`` or ``"block"``.
        ends: Whether a single convolution, first or last in the list of stages, is the
            stem or the tail.
    """

    stages: Mapping[str, Number]
    tail: str | None = None
    stem: str | None = None
    unit: str = "stage"
    ends: bool = False

    def order(self, name: str) -> int | None:
        """Return the order of the stage that ``name`` is in, None outside of all."""
        for pattern, number in self.stages.items():
            if match := _match(pattern, name):
                return number(int(match[1]) if match.re.groups else 0)
        return None

    def is_tail(self, name: str) -> bool:
        return self.tail is not None and bool(_match(self.tail, name))

    def is_stem(self, name: str) -> bool:
        return self.stem is not None and bool(_match(self.stem, name))


def _match(pattern: str, name: str) -> re.Match | None:
    return re.match(rf"(?:{pattern})(?:\.|$)", name)


def _same(number: int) -> int:
    return number


def _next(number: int) -> int:
    return number + 1


def _numbered(
    pattern: str, tail: str | None = None, **kwargs: str | bool | None
) -> Layout:
    return Layout({pattern: _same}, tail, **kwargs)


def _blocks(pattern: str, tail: str | None = None) -> Layout:
    return _numbered(pattern, tail, unit="block")


_LAYOUTS: dict[str, Layout] = {
    "ResNet": _numbered(r"layer(\d+)"),
    "MobileNetV2": _numbered(r"layer(\d+)", "conv2"),
    "MobileNetV3": _numbered(r"layer(\d+)", ends=True),
    "EfficientNet": _numbered(r"layers\.(\d+)", ends=True),
    "EfficientNetV2": _numbered(r"layers\.(\d+)", ends=True),
    "ShuffleNetV1": _numbered(r"layers\.(\d+)"),
    "ShuffleNetV2": _numbered(r"layers\.(\d+)", ends=True),
    "MobileViT": _numbered(r"layers\.(\d+)", "conv_1x1_exp"),
    "RepVGG": _numbered(r"stage_(\d+)"),
    "MobileOne": _numbered(r"stage(\d+)", stem="stage0"),
    "CSPNet": _numbered(r"stages\.(\d+)"),
    "ConvMixer": _blocks(r"stages\.(\d+)"),
    "DenseNet": _numbered(r"(?:stages|transitions)\.(\d+)"),
    "InceptionV3": _numbered(r"Mixed_(\d)\w", "AuxLogits"),
    "HRNet": Layout(
        {r"layer(\d)": _same, r"transition(\d)": _next, r"stage(\d)": _same}
    ),
    # What leads into a stage belongs to it; into the first, to the stem.
    "ConvNeXt": _numbered(
        r"(?:downsample_layers|stages)\.(\d+)", r"norm\d", stem=r"downsample_layers\.0"
    ),
    "EdgeNeXt": _numbered(
        r"(?:downsample_layers|stages)\.(\d+)", r"norm\d", stem=r"downsample_layers\.0"
    ),
    "HorNet": _numbered(
        r"(?:downsample_layers|stages)\.(\d+)", r"norm\d", stem=r"downsample_layers\.0"
    ),
    "PCPVT": _numbered(
        r"(?:patch_embeds\.|position_encodings\.|position_encoding_drops\.|stages\."
        r"|norm_after_stage)(\d+)",
        stem=r"patch_embeds\.0",
    ),
    "VAN": _numbered(r"(?:patch_embed|blocks|norm)(\d+)", stem="patch_embed1"),
    "RepLKNet": Layout({r"stages\.(\d+)": _same, r"transitions\.(\d+)": _next}),
    "RepMLPNet": Layout(
        {r"stages\.(\d+)": _same, r"downsample_layers\.(\d+)": _next}, "final_norm"
    ),
    # Stages and, between them, embeddings, in one list.
    "PoolFormer": Layout({r"network\.(\d+)": lambda i: (i + 1) // 2}, r"norm\d"),
    "RIFormer": Layout({r"network\.(\d+)": lambda i: (i + 1) // 2}, r"norm\d"),
    "EfficientFormer": _numbered(r"network\.(\d+)", r"norm\d"),
    "SwinTransformer": _numbered(r"stages\.(\d+)", r"norm\d"),
    "SwinTransformerV2": _numbered(r"stages\.(\d+)", r"norm\d"),
    "DaViT": _numbered(r"stages\.(\d+)", r"norm\d"),
    "TinyViT": _numbered(r"stages\.(\d+)", r"norm\d"),
    "LeViT": _numbered(r"stages\.(\d+)"),
    "PyramidVig": _numbered(r"stages\.(\d+)"),
    "MixMIMTransformer": _numbered(r"layers\.(\d+)", "norm"),
    "VisionTransformer": _blocks(r"layers\.(\d+)", r"ln\d"),
    "BEiTViT": _blocks(r"layers\.(\d+)", r"ln\d"),
    "RevVisionTransformer": _blocks(r"layers\.(\d+)", r"ln\d|fusion_layer"),
    "MlpMixer": _blocks(r"layers\.(\d+)", r"ln\d"),
    "ViTSAM": _blocks(r"layers\.(\d+)", r"ln\d|channel_reduction"),
    "TNT": _blocks(r"layers\.(\d+)", "norm"),
    "T2T_ViT": _blocks(r"encoder\.(\d+)", "norm"),
    "MViT": _blocks(r"blocks\.(\d+)", r"norm\d"),
    "HiViT": _blocks(r"blocks\.(\d+)", "norm|fc_norm"),
    "Vig": _blocks(r"blocks\.(\d+)"),
    "XCiT": Layout(
        # The class attention comes after all the others.
        {r"xca_layers\.(\d+)": _same, r"ca_layers\.(\d+)": lambda i: 1000 + i},
        "norm",
        unit="block",
    ),
    "Conformer": Layout(
        {
            r"conv_1|trans_patch_conv|trans_1": lambda _: 1,
            r"conv_trans_(\d+)": _same,
        },
        "trans_norm",
        unit="block",
    ),
}


def layout_of(backbone: nn.Module) -> Layout | None:
    """Return where the stages of ``backbone`` are, None if that is not known."""
    for base in type(backbone).__mro__:
        if base.__name__ in ("VGG", "AlexNet", "LeNet5"):
            return _plain_stack(backbone)
        if base.__name__ in _LAYOUTS:
            return _LAYOUTS[base.__name__]
    return None


def _plain_stack(backbone: nn.Module) -> Layout:
    """Return the stages of a list of layers: VGG's own, else one a convolution."""
    layers = backbone.get_submodule("features")
    ranges = getattr(backbone, "range_sub_modules", None)
    if ranges is None:
        starts = [i for i, layer in enumerate(layers) if isinstance(layer, nn.Conv2d)]
    else:
        starts = [first for first, _ in ranges]

    def stage(index: int) -> int:
        return sum(start <= index for start in starts)

    return Layout({r"features\.(\d+)": stage})
