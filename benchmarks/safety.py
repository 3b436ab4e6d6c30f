"""What it costs an epoch that no kill loses it: all of it on, and off, by turns.

python benchmarks/safety.py [--images 512] [--pairs 3] [--model resnet18]

Each pair trains twice in this process, one after the other, first the one and then the
other way round. Off: MMEngine's own checkpoints and worker draws, no look at data,
losses and gradients, no watch on the loader, no signals, nothing for resuming. Each
epoch has a validation on a quarter as many images, and writes a checkpoint and a best
one. The first epoch of each is not counted.
"""

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path

import cv2
import numpy as np
from mmengine.hooks import Hook
from mmengine.runner import Runner
from mmpretrain.registry import HOOKS

from mmleaves.config import load_config
from mmleaves.runner import FineTuneRunner

ROOT = Path(__file__).parents[1]
SAFETY = [
    "audit",
    "check_data",
    "check_numbers",
    "check_resume",
    "draws",
    "go_on",
    "pending_validation",
    "plain_checkpoint",
    "stop_on_signal",
    "watch_loader",
]
CONFIG = f"""
_base_ = [
    "{ROOT / "configs"}/_base_/models/{{model}}.py",
    "{ROOT / "configs"}/_base_/data/folders.py",
    "{ROOT / "configs"}/_base_/schedules/sgd_constant.py",
    "{ROOT / "configs"}/_base_/default_runtime.py",
]
dataset = dict(data_root="{{data}}", train_fraction=0.8, val_fraction=0.2)
model = dict(backbone=dict(init_cfg=None))
default_hooks = dict(checkpoint=dict(rule="less", save_best="timing"))
custom_hooks = [dict(type="EpochTimes")]
image_cache = None
"""


class WithoutSafety(FineTuneRunner):
    """Writes checkpoints as MMEngine does."""

    save_checkpoint = Runner.save_checkpoint


@HOOKS.register_module()
class EpochTimes(Hook):
    """Notes when epochs begin, each with its validation and its checkpoints."""

    priority = "HIGHEST"
    begun: list = []  # noqa: RUF012 - of the training that runs

    def before_train_epoch(self, runner):
        self.begun.append(time.perf_counter())

    def after_val_epoch(self, runner, metrics=None):
        # Each epoch is the best so far, so that each writes both files.
        metrics["timing"] = -float(runner.epoch)


def draw_images(folder, count):
    draw = np.random.default_rng(0)
    for i in range(count):
        path = folder / "data" / f"class {i % 4}" / f"{i:05}.jpg"
        path.parent.mkdir(parents=True, exist_ok=True)
        coarse = draw.integers(0, 256, (16, 16, 3), dtype=np.uint8)
        cv2.imwrite(str(path), cv2.resize(coarse, (256, 256)))
    return folder / "data"


def epochs(config, work, safe, options):
    """Return the seconds of each epoch but the first."""
    cfg = load_config(str(config), options)
    cfg.work_dir = str(work)
    # What decides here is not a metric of the config.
    del cfg.default_hooks["check_monitors"]
    kind = FineTuneRunner
    if not safe:
        kind = WithoutSafety
        cfg.default_hooks.checkpoint.type = "CheckpointHook"
        for name in SAFETY:
            del cfg.default_hooks[name]
    EpochTimes.begun.clear()
    runner = kind.from_cfg(cfg)
    runner.train()
    times = [*EpochTimes.begun, time.perf_counter()]
    return np.diff(times)[1:-1].tolist()


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=512, help="to train on")
    parser.add_argument("--pairs", type=int, default=3)
    parser.add_argument("--epochs", type=int, default=4, help="of each training")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument("--cfg-options", nargs="+", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = draw_images(folder, args.images * 5 // 4)
        config = folder / "safety.py"
        config.write_text(CONFIG.format(model=args.model, data=data))
        options = [f"train_cfg.max_epochs={args.epochs}", *args.cfg_options]
        seconds = {True: [], False: []}
        ratios = []
        for pair in range(args.pairs):
            medians = {}
            for safe in (True, False) if pair % 2 else (False, True):
                work = folder / f"{pair}_{safe}"
                found = epochs(config, work, safe, options)
                size = (work / f"epoch_{args.epochs}.pth").stat().st_size
                seconds[safe] += found
                medians[safe] = statistics.median(found)
            ratios.append(100 * (medians[True] / medians[False] - 1))
        logging.disable()
        on, off = (statistics.median(seconds[safe]) for safe in (True, False))
        pairs = ", ".join(f"{ratio:+.1f}" for ratio in ratios)
        print(
            f"{args.model}, {args.images} images, checkpoints of {size / 1e6:.0f} MB: "
            f"an epoch takes {off:.2f} s without, {on:.2f} s with, "
            f"{100 * (on / off - 1):+.1f} % (by pairs {pairs})"
        )


if __name__ == "__main__":
    main()
