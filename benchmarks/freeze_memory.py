"""Peak memory of a training step: frozen by policy against frozen by a rate of 0.

python benchmarks/freeze_memory.py [--model resnet50] [--batch 32]

Each row is a process of its own that builds the model, takes three steps of AdamW on
random images of 224 px, and reports the most memory that it held beyond what it held
before the first step.
"""

import argparse
import multiprocessing
import resource

MODELS = {
    "resnet50": dict(type="ResNet", depth=50),
    "mobilenet-v2": dict(type="MobileNetV2"),
    "vit-base": dict(type="VisionTransformer", arch="b"),
}
WIDTHS = {"resnet50": 2048, "mobilenet-v2": 1280, "vit-base": 768}


def measure(model: str, policy: str, naive: bool, batch: int) -> float:
    """Return the peak beyond the model itself, in MB."""
    import warnings

    warnings.simplefilter("ignore")
    import torch
    from mmengine.registry import init_default_scope

    init_default_scope("mmpretrain")
    import mmpretrain.models  # noqa: F401 - registers them
    from mmpretrain.registry import MODELS as REGISTRY

    from mmleaves.freezing.freezer import Freezer

    vit = model == "vit-base"
    net = REGISTRY.build(
        dict(
            type="ImageClassifier",
            backbone=MODELS[model],
            neck=None if vit else dict(type="GlobalAveragePooling"),
            head=dict(
                type="VisionTransformerClsHead" if vit else "LinearClsHead",
                num_classes=101,
                in_channels=WIDTHS[model],
            ),
        )
    ).to(memory_format=torch.channels_last)
    freezer = Freezer(net, policy)
    freezer.apply(0)
    trained = freezer.trained(0)
    groups = [
        dict(params=[p for n, p in net.named_parameters() if n in trained], lr=1e-4)
    ]
    if naive:
        net.requires_grad_(True)
        rest = [p for n, p in net.named_parameters() if n not in trained]
        groups.append(dict(params=rest, lr=0.0))
    optimizer = torch.optim.AdamW(groups)
    images = torch.rand(batch, 3, 224, 224).to(memory_format=torch.channels_last)
    labels = torch.arange(batch) % 101
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    net.train()
    if not naive:
        freezer.hold(0)
    for _ in range(3):
        scores = net.head(net.extract_feat(images))
        loss = torch.nn.functional.cross_entropy(scores, labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) / 1024


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", choices=MODELS, default="resnet50")
    parser.add_argument("--batch", type=int, default=32)
    args = parser.parse_args()
    print(f"{args.model}, batch {args.batch}, MB beyond the model:")
    print("| trained | frozen by a rate of 0 | frozen by `trainable` |")
    print("|---|---|---|")
    context = multiprocessing.get_context("spawn")
    policies = ["all", "last:2", "last:1", "classifier"]
    if args.model == "vit-base":
        policies[3:] = ["attention:4", "lora:8", "classifier"]
    for policy in policies:
        peaks = []
        for naive in (True, False):
            with context.Pool(1) as pool:
                peaks.append(
                    pool.apply(measure, (args.model, policy, naive, args.batch))
                )
        print(f"| `{policy}` | {peaks[0]:,.0f} | {peaks[1]:,.0f} |", flush=True)


if __name__ == "__main__":
    main()
