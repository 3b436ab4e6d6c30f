"""timm's own train.py, on the work of the case `resnet50-frozen2`.

Run by `run.py --timm DIR`, where DIR is a checkout of timm of the release that is
installed: wheels have no train.py. Random weights, stem and two stages frozen by timm's
`freeze`, which train.py itself does not call; random crops of 224 px, flips, SGD;
channels-last, and bfloat16 where the processor has it.
"""

import argparse
import runpy
import sys
from pathlib import Path

import timm.models
import torch
from timm.models import create_model
from timm.utils import freeze

from mmleaves.optim.precision import cpu_bfloat16

FROZEN = ["conv1", "bn1", "layer1", "layer2"]


def lay_out(data: Path, lists: Path, folder: Path) -> None:
    """Make the two trees of class folders that timm reads, of links to our split."""
    for part, most in (("train", None), ("val", 64)):
        for line in (lists / f"{part}.txt").read_text().splitlines()[:most]:
            name = line.rpartition(" ")[0]
            link = folder / part / name
            link.parent.mkdir(parents=True, exist_ok=True)
            link.symlink_to(data / name)


def create_frozen(*args: object, **kwargs: object) -> torch.nn.Module:
    model = create_model(*args, **kwargs)
    freeze(model, FROZEN)
    return model


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    for name in ("checkout", "data", "lists", "work"):
        parser.add_argument(name, type=Path)
    args = parser.parse_args()
    script = args.checkout / "train.py"
    if not script.is_file():
        parser.error(f"there is no {script}, expected the train.py of a timm checkout")
    images = args.work / "images"
    lay_out(args.data, args.lists, images)
    timm.models.create_model = create_frozen
    classes = len({path.name for path in (images / "train").iterdir()})
    sys.argv = [
        str(script),
        *("--data-dir", str(images), "--train-split", "train", "--val-split", "val"),
        *("--model", "resnet50", "--num-classes", str(classes), "--device", "cpu"),
        *("--batch-size", "64", "--workers", "2", "--no-prefetcher"),
        *("--opt", "sgd", "--lr", "0.025", "--weight-decay", "1e-4", "--sched", "step"),
        *("--epochs", "2", "--warmup-epochs", "0", "--cooldown-epochs", "0"),
        *("--smoothing", "0", "--color-jitter", "0", "--log-interval", "1"),
        *("--channels-last", "--output", str(args.work / "timm")),
        *(["--amp", "--amp-dtype", "bfloat16"] if cpu_bfloat16() else []),
    ]
    runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
