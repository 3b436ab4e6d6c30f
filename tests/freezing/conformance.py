"""Tries a freeze policy on a backbone: does what is frozen stay frozen?

Two real optimiser steps on random images, and what they have left as it was.
"""

import copy
import inspect
import math
from dataclasses import dataclass

import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmleaves.freezing.freezer import Freezer
from mmleaves.freezing.proof import digests
from mmleaves.models.reversible import mend_reversible
from mmleaves.optim.fine_tune_constructor import FineTuneConstructor

POLICIES = (
    "all",
    "classifier",
    "last:1",
    "all-but-first:1",
    "attention:1",
    "norms",
    "biases",
    "lora:2",
    "names:weight$",
    "gradual:1",
    ("classifier", "all@1"),
)


@dataclass(frozen=True)
class Case:
    """A backbone in its smallest variant, and the size of image that it takes."""

    settings: dict
    size: int = 64
    channels: int = 3

    @property
    def name(self) -> str:
        return self.settings.get("model_name") or self.settings["type"]


def case(kind: str, size: int = 64, channels: int = 3, **settings: object) -> Case:
    return Case({"type": kind, **settings}, size, channels)


def arch(width: int, depths: list[int], heads: list[int]) -> dict:
    return {"embed_dims": width, "depths": depths, "num_heads": heads}


# Smaller than any that ships, and else the same.
VIT = {
    "embed_dims": 64,
    "num_layers": 4,
    "num_heads": 2,
    "feedforward_channels": 128,
}
MVIT = {
    "embed_dims": 32,
    "num_layers": 5,
    "num_heads": 1,
    "downscale_indices": [1, 2, 4],
}
CONFORMER = {"embed_dims": 96, "depths": 12, "num_heads": 2, "channel_ratio": 1}
CONV_MIXER = {"embed_dims": 64, "depth": 4, "patch_size": 7, "kernel_size": 7}

REP_LK = {
    "large_kernel_sizes": [13, 13, 13, 13],
    "layers": [1, 1, 2, 1],
    "channels": [16, 32, 64, 128],
    "small_kernel": 5,
    "dw_ratio": 1,
}
REP_MLP = {
    "channels": [16, 32, 64, 128],
    "depths": [1, 1, 2, 1],
    "sharesets_nums": [1, 4, 16, 64],
}

# All of `mmpretrain.models.backbones.__all__`; a test keeps the list complete.
CASES = [
    case("AlexNet", size=224),
    case("BEiTViT", arch=VIT, img_size=64),
    case("CSPDarkNet", depth=53),
    case("CSPResNeXt", depth=50),
    case("CSPResNet", depth=50),
    case("Conformer", size=224, arch=CONFORMER),
    case("ConvMixer", arch=CONV_MIXER),
    case("ConvNeXt", arch="atto"),
    case("DaViT", size=224, arch=arch(24, [1, 1, 2, 1], [1, 2, 4, 8])),
    case("DeiT3", arch=VIT, img_size=64),
    case("DenseNet", arch="121"),
    case("DistilledVisionTransformer", arch="deit-tiny", img_size=64),
    case("EdgeNeXt"),
    case("EfficientFormer", size=224),
    case("EfficientNet", arch="b0"),
    case("EfficientNetV2"),
    case("HRNet", arch="w18"),
    case("HiViT", arch="t", img_size=64, out_indices=[19]),
    case("HorNet", arch="t"),
    case("InceptionV3", size=80, num_classes=3),
    case("LeNet5", size=32, channels=1),
    case("LeViT", size=224, arch="128s"),
    case("MViT", arch=MVIT, img_size=64),
    case("MixMIMTransformer", size=224, arch=arch(32, [1, 1, 2, 1], [1, 2, 4, 8])),
    case("MlpMixer", arch="s", img_size=64),
    case("MobileNetV2", widen_factor=0.5),
    case("MobileNetV3"),
    case("MobileOne", arch="s0"),
    case("MobileViT", arch="xx_small"),
    case("PCPVT", arch="s"),
    case("PoolFormer"),
    case("PyramidVig", size=224, arch="tiny"),
    case("RIFormer"),
    case("RegNet", arch="regnetx_400mf"),
    case("RepLKNet", arch=REP_LK),
    case("RepMLPNet", size=224, arch=REP_MLP, img_size=224),
    case("RepVGG", arch="A0"),
    case("Res2Net", depth=50),
    case("ResNeSt", depth=50),
    case("ResNeXt", depth=50),
    case("ResNet", depth=18),
    case("ResNetV1c", depth=18),
    case("ResNetV1d", depth=18),
    case("ResNet_CIFAR", size=32, depth=18),
    case("RevVisionTransformer", arch=VIT, img_size=64, no_custom_backward=True),
    case("SEResNeXt", depth=50),
    case("SEResNet", depth=50),
    case("SVT", arch="s"),
    case("ShuffleNetV1"),
    case("ShuffleNetV2"),
    case("SparseConvNeXt", arch="atto"),
    case("SparseResNet", depth=50),
    case("SwinTransformer", size=224, arch=arch(24, [2, 2, 2, 2], [1, 2, 4, 8])),
    case("SwinTransformerV2", img_size=64, window_size=2),
    case("T2T_ViT", img_size=64),
    case("TNT", arch="s", img_size=64),
    case("TinyViT", size=224),
    case("VAN", arch="tiny"),
    case("VGG", depth=11),
    case("ViTEVA02", arch="tiny", img_size=56),
    case(
        "ViTSAM", arch={**VIT, "global_attn_indexes": [2]}, img_size=64, patch_size=16
    ),
    case("Vig", size=224, arch="tiny"),
    case("VisionTransformer", arch="deit-tiny", img_size=64, drop_rate=0.1),
    case("XCiT", patch_size=16, embed_dims=128, depth=3, num_heads=4, mlp_ratio=4),
]
TIMM_CASES = [
    case("TIMMBackbone", model_name=name, size=size)
    for name, size in {
        "resnet18": 64,
        "regnetx_002": 64,
        "densenet121": 64,
        "efficientnet_b0": 64,
        "tf_efficientnet_lite0": 64,
        "mobilenetv3_small_050": 64,
        "convnext_atto": 64,
        "mobilevit_xxs": 64,
        "vit_tiny_patch16_224": 224,
        "swin_tiny_patch4_window7_224": 224,
        "xcit_nano_12_p16_224": 224,
        "mixer_s32_224": 224,
    }.items()
]
# What is not tried as MMPretrain makes it.
NOTES = (
    "RevVisionTransformer is tried with `no_custom_backward=True`; without it, 6 of "
    "the 11 policies are refused, with a message that says to set it.",
)
# What MMPretrain registers and cannot be built or fed as a backbone of images.
NOT_BACKBONES = {
    "CSPNet": "what CSPDarkNet, CSPResNet and CSPResNeXt are built from",
    "TIMMBackbone": "stands for timm's models, which are tried by their names",
}


class Classifier(nn.Module):
    """A backbone and a linear classifier on what it gives last, pooled."""

    def __init__(self, backbone: nn.Module, features: int) -> None:
        super().__init__()
        self.backbone = backbone
        self.head = nn.Linear(features, 3)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return self.head(vector(self.backbone(images)))


def vector(features: object) -> torch.Tensor:
    """Return what a backbone gives last as one vector an image."""
    while isinstance(features, list | tuple):
        features = features[-1]
    if features.ndim == 4:
        return features.mean((2, 3))
    return features.mean(1) if features.ndim == 3 else features


def images(case: Case, seed: int) -> torch.Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(2, case.channels, case.size, case.size, generator=generator)


def build(case: Case) -> Classifier:
    """Return the classifier with random weights and BatchNorm statistics."""
    import mmpretrain.models  # noqa: F401 - registers them
    from mmpretrain.models.utils import sparse_modules
    from mmpretrain.registry import MODELS

    init_default_scope("mmpretrain")
    # Where a sparse net looks up which pixels it is given: here, all.
    whole = torch.ones(2, 1, case.size // 32, case.size // 32)
    sparse_modules.SparseHelper._cur_active = whole
    torch.manual_seed(0)
    settings = dict(case.settings)
    kind = MODELS.get(settings["type"])
    if "drop_path_rate" in inspect.signature(kind.__init__).parameters:
        # Off by default in most, where it would prove nothing.
        settings.setdefault("drop_path_rate", 0.2)
    backbone = MODELS.build(settings)
    mend_reversible(backbone)
    backbone.eval()
    with torch.no_grad():
        features = vector(backbone(images(case, 0))).shape[1]
    return Classifier(backbone, features)


def try_policy(model: Classifier, case: Case, policy: str | tuple) -> None:
    """Train two steps under a policy.

    Raises:
        ValueError: If the policy is refused.
        AssertionError: If something frozen was not.
    """
    model = copy.deepcopy(model)
    setting = policy if isinstance(policy, str) else list(policy)
    freezer = Freezer(model, setting)
    before_switch: dict[str, str] = {}
    for step in range(min(len(freezer.steps), 2)):
        check_step(model, case, freezer, step)
        after = digests(dict(model.named_parameters()))
        assert after != before_switch, "a step over time trained nothing"
        before_switch = after


def check_step(model: Classifier, case: Case, freezer: Freezer, step: int) -> None:
    freezer.apply(step)
    trained, frozen = freezer.trained(step), freezer.frozen_tensors(step)
    tensors = dict(model.named_parameters()) | dict(model.named_buffers())
    constructor = FineTuneConstructor(
        dict(optimizer=dict(type="SGD", lr=0.1, momentum=0.9, weight_decay=0.1))
    )
    optimizer = constructor(model).optimizer
    in_optimizer = {id(p) for group in optimizer.param_groups for p in group["params"]}
    assert in_optimizer == {id(tensors[name]) for name in trained}

    before, frozen_before = digests(tensors), digests(frozen)
    reached: set[str] = set()
    for seed in (1, 2):
        model.train()
        freezer.hold(step)
        loss = nn.functional.cross_entropy(
            model(images(case, seed)), torch.tensor([0, 2])
        )
        assert math.isfinite(loss.item())
        optimizer.zero_grad()
        loss.backward()
        # In a single step, drop path may skip a block for both images.
        grads = {name: tensor.grad for name, tensor in tensors.items()}
        reached |= {name for name, g in grads.items() if g is not None and g.any()}
        nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
    assert all(tensors[name].grad is None for name in tensors if name not in trained)
    assert digests(frozen) == frozen_before, "a frozen tensor has changed"

    after = digests(tensors)
    changed = {name for name in tensors if before[name] != after[name]}
    parameters = {name for name, _ in model.named_parameters()}
    assert changed & parameters <= trained
    assert not changed & set(frozen)
    assert {
        "head.weight",
        "head.bias",
    } <= changed or not model.head.weight.requires_grad
    for part in freezer.parts:
        asked = trained.intersection(part.parameters)
        assert not asked or asked & reached, f"{part.name} was not trained"
    check_one_output(model, case, freezer, step)


def check_one_output(
    model: Classifier, case: Case, freezer: Freezer, step: int
) -> None:
    """In training, what is frozen from the start on sees nothing but its image."""
    names = []
    for part in freezer.parts:
        if part.is_new or not freezer.trained(step).isdisjoint(part.parameters):
            break
        if part.kind != "stem":
            tops = [n for n in part.modules if n.rpartition(".")[0] not in part.modules]
            names += tops
    if not names:
        return
    first = images(case, 3)
    second = torch.stack([first[0], images(case, 4)[1]])
    seen = []
    for batch, training in ((first, True), (second, True), (first, False)):
        model.train(training)
        if training:
            freezer.hold(step)
        seen.append(outputs(model, names, batch))
    assert seen[0], "no frozen module was called"
    for other in seen[1:]:
        for name, value in seen[0].items():
            torch.testing.assert_close(other[name], value, rtol=1e-4, atol=1e-5)


def outputs(
    model: Classifier, names: list[str], batch: torch.Tensor
) -> dict[str, torch.Tensor]:
    """Return what each module gives for the first of the two images."""
    found: dict[str, torch.Tensor] = {}

    def keep(name: str) -> object:
        def hook(module: nn.Module, inputs: object, output: object) -> None:
            while isinstance(output, list | tuple):
                output = output[0]
            # The first call's: blocks may share a module.
            found.setdefault(name, output.detach()[: len(output) // 2].clone())

        return hook

    handles = [
        model.get_submodule(name).register_forward_hook(keep(name)) for name in names
    ]
    with torch.no_grad():
        model(batch)
    for handle in handles:
        handle.remove()
    return found
