"""What avoiding the slow parts of bfloat16 on a CPU gains, on the bare model.

python benchmarks/bfloat16_on_cpu.py [--batch 32] [--turns 7]

Two ways take turns, in one process, on random images of 224 px: a training step of all
of a model as autocast has it, and as `quicken_bfloat16` does (a ViT's, with the last
block of `compute_class_token_alone` too); and the features of a frozen trunk with
BatchNorm folded into convolutions, and with these computing the activations as well.
"""

import argparse
import statistics
import time
import warnings
from collections.abc import Callable

import torch
from mmengine.registry import init_default_scope
from torch import nn

from mmleaves.cache.folded_norms import FoldedNorms
from mmleaves.cache.frozen_trunk import FrozenTrunk
from mmleaves.freezing.freezer import Freezer
from mmleaves.kept_memory import keep_freed_memory
from mmleaves.models.bfloat16_on_cpu import quicken_bfloat16
from mmleaves.models.class_token import compute_class_token_alone
from mmleaves.registry import MODELS

BACKBONES = {
    "MobileNetV2": (dict(type="MobileNetV2"), 1280),
    "EfficientNet-B0": (dict(type="EfficientNet", arch="b0"), 1280),
    "ConvNeXt-Atto": (dict(type="ConvNeXt", arch="atto"), 320),
    "ResNet-50": (dict(type="ResNet", depth=50), 2048),
    "ViT-B/16": (dict(type="VisionTransformer", arch="base"), 768),
}
# Give vectors, not maps.
POOLED = ("ConvNeXt", "VisionTransformer")


def classifier(backbone: dict, channels: int) -> nn.Module:
    pooled = backbone["type"] in POOLED
    neck = None if pooled else dict(type="GlobalAveragePooling")
    head = dict(type="LinearClsHead", num_classes=101, in_channels=channels)
    model = dict(type="ImageClassifier", backbone=backbone, neck=neck, head=head)
    return MODELS.build(model).to(memory_format=torch.channels_last)


def training_step(model: nn.Module, images: torch.Tensor) -> Callable[[], None]:
    """Return what takes a step of SGD with all of a model trained."""
    model.train()
    labels = torch.arange(len(images)) % 101
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)

    def step() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            scores = model.head(model.extract_feat(images))
        nn.functional.cross_entropy(scores.float(), labels).backward()
        optimizer.step()
        optimizer.zero_grad()

    return step


def features(model: nn.Module, images: torch.Tensor, *, fuse: bool) -> Callable | None:
    """Return what computes the features of a model of which the classifier trains.

    None if its BatchNorms cannot be folded, or it has none.
    """
    freezer = Freezer(model, "classifier")
    freezer.apply(0)
    model.train()
    freezer.hold(0)
    trunk = FrozenTrunk(model, freezer.frozen_modules(0), images[:2])
    freezer.hold(0)
    if not trunk.folds:
        return None
    if not fuse:
        trunk._folded = FoldedNorms(trunk._folded._norms, {})

    def compute() -> None:
        with torch.autocast("cpu", torch.bfloat16):
            trunk.features(images)

    return compute


def in_turn(ways: list[Callable], turns: int) -> list[float]:
    """Return the median of each way's seconds."""
    taken: list[list[float]] = [[] for _ in ways]
    for turn in range(turns + 2):
        for way, own in zip(ways, taken, strict=True):
            start = time.perf_counter()
            way()
            if turn > 1:  # the first ones fetch memory and compile kernels
                own.append(time.perf_counter() - start)
    return [statistics.median(own) for own in taken]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--batch", type=int, default=32)
    parser.add_argument("--turns", type=int, default=7)
    args = parser.parse_args()
    warnings.simplefilter("ignore")
    init_default_scope("mmpretrain")
    keep_freed_memory()
    images = torch.rand(args.batch, 3, 224, 224)
    images = images.to(memory_format=torch.channels_last)
    print("Images/s, medians; the ratio to the first way in brackets")
    print("| | training, autocast | quickened | features, folded | with activations |")
    print("|---|---|---|---|---|")
    for name, made_of in BACKBONES.items():
        models = [classifier(*made_of) for _ in range(4)]
        quicken_bfloat16(models[1])
        compute_class_token_alone(models[1].backbone)
        steps = [training_step(model, images) for model in models[:2]]
        trunks = [
            features(model, images, fuse=fuse)
            for model, fuse in zip(models[2:], (False, True), strict=True)
        ]
        shown = []
        for ways in (steps, trunks):
            if None in ways:
                shown += ["-", "-"]
                continue
            first, second = (args.batch / s for s in in_turn(ways, args.turns))
            shown += [f"{first:.1f}", f"{second:.1f} ({second / first:.2f})"]
        print(f"| {name} | {' | '.join(shown)} |", flush=True)


if __name__ == "__main__":
    main()
