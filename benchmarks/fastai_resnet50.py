"""fastai's training loop at its best, on the work of the case `resnet50-frozen2`.

Run by `run.py --fastai PYTHON`, with a Python that has fastai. Random weights, stem and
two stages frozen, random crops of 224 px, flips, SGD, one cycle; channels-last, and
bfloat16, where the processor has it, by a callback of six lines, since fastai's own
asks for a GPU. It prints the mean seconds of an iteration of the second epoch, loading
included, as `processes.py` reads them.
"""

import argparse
import statistics
import time
from pathlib import Path

import pandas as pd
import torch
from fastai.vision.all import (
    SGD,
    Callback,
    CrossEntropyLossFlat,
    Flip,
    ImageDataLoaders,
    Learner,
    Normalize,
    RandomResizedCrop,
    imagenet_stats,
    params,
)
from torchvision.models import resnet50


class CPUBFloat16(Callback):
    """Computes the forward pass and the loss in bfloat16."""

    def before_batch(self):
        self.autocast = torch.autocast("cpu", torch.bfloat16)
        self.autocast.__enter__()

    def after_loss(self):
        self.autocast.__exit__(None, None, None)


class IterationTimes(Callback):
    """Notes when an epoch's training begins, and when its iterations end."""

    def before_train(self):
        self.ends = [time.perf_counter()]

    def after_batch(self):
        if self.training:
            self.ends.append(time.perf_counter())


def read(lists: Path, part: str) -> pd.DataFrame:
    rows = [line.rsplit(" ", 1) for line in (lists / f"{part}.txt").open()]
    table = pd.DataFrame(rows, columns=["name", "label"])
    table["label"] = table["label"].str.strip()
    return table.assign(is_valid=part == "val")


def split(model: torch.nn.Module) -> list:
    """Return the parameters of what is frozen, and of the rest."""
    frozen = [model.conv1, model.bn1, model.layer1, model.layer2]
    rest = [model.layer3, model.layer4, model.fc]
    return [[p for part in parts for p in params(part)] for parts in (frozen, rest)]


def has_bfloat16() -> bool:
    """Return whether the processor does not have to imitate it, which is slower."""
    found = torch.cpu.get_capabilities()
    return bool(found.get("amx_bf16") or found.get("avx512_bf16"))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("data", type=Path)
    parser.add_argument("lists", type=Path)
    args = parser.parse_args()
    train = read(args.lists, "train")
    loaders = ImageDataLoaders.from_df(
        pd.concat([train, read(args.lists, "val")[:64]], ignore_index=True),
        path=args.data,
        valid_col="is_valid",
        item_tfms=RandomResizedCrop(224, min_scale=0.08),
        batch_tfms=[Flip(), Normalize.from_stats(*imagenet_stats)],
        bs=64,
        num_workers=2,
        drop_last=False,
        device="cpu",
    )
    times = IterationTimes()
    learner = Learner(
        loaders,
        resnet50(num_classes=loaders.c),
        loss_func=CrossEntropyLossFlat(),
        splitter=split,
        opt_func=SGD,
        train_bn=False,
        cbs=[CPUBFloat16(), times] if has_bfloat16() else [times],
    ).to_channelslast(use_amp=False)
    learner.freeze_to(1)
    with learner.no_logging():
        learner.fit_one_cycle(2, 1e-3)
    # Of the second epoch, but for its last batch, which is smaller.
    between = [b - a for a, b in zip(times.ends, times.ends[1:], strict=False)]
    print(f"seconds per iteration: {statistics.mean(between[:-1]):.4f}")


if __name__ == "__main__":
    main()
