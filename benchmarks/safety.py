"""What it costs an epoch that no kill loses it: all of it on, and off, by turns.

python benchmarks/safety.py [--images 512] [--epochs 13] [--model resnet18]

Two processes train the same, and hand each other the machine after every epoch, so that
both have it to themselves and what else changes on it is the same for both. Off:
MMEngine's own checkpoints and worker draws, no look at data, losses and gradients, no
watch on the loader, no signals, nothing for resuming. Each epoch has a validation on a
quarter as many images, and writes a checkpoint and a best one. Not counted are the
first and the last epoch of each, and the time in which files go from memory to the disk
after one: with all of it on, an epoch waits for that, so the figure is rather high.
"""

import argparse
import os
import sys
import tempfile
import time
from multiprocessing import get_context
from multiprocessing.connection import Connection
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
    "checkpoint",
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
custom_hooks = [dict(type="EpochTurns")]
image_cache = None
"""


class WithoutSafety(FineTuneRunner):
    """Writes checkpoints as MMEngine does."""

    save_checkpoint = Runner.save_checkpoint


@HOOKS.register_module()
class EpochTurns(Hook):
    """Waits before each epoch for its turn, and tells afterwards how long it took."""

    priority = "HIGHEST"
    turns: Connection
    begun: float | None = None

    @classmethod
    def end(cls):
        seconds = time.perf_counter() - cls.begun
        # The other one should not wait for what this one has written.
        os.sync()
        cls.turns.send(seconds)

    def before_train_epoch(self, runner):
        if self.begun is not None:
            self.end()
        self.turns.recv()
        type(self).begun = time.perf_counter()

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


def train(config, work, off, options, turns):
    """Train without some parts, an epoch at a time, when the turn comes."""
    cfg = load_config(str(config), options)
    cfg.work_dir = str(work)
    # What decides here is not a metric of the config.
    del cfg.default_hooks["check_monitors"]
    kind = FineTuneRunner
    for name in off:
        if name == "checkpoint":
            kind = WithoutSafety
            cfg.default_hooks.checkpoint.type = "CheckpointHook"
        else:
            del cfg.default_hooks[name]
    EpochTurns.turns = turns
    runner = kind.from_cfg(cfg)
    runner.train()
    EpochTurns.end()


def by_turns(config, folder, options, off, count):
    """Return the seconds of each epoch, with all of it and without: (epochs, 2)."""
    context = get_context("spawn")
    turns, processes = [], []
    for name, parts in (("with", ()), ("without", off)):
        ours, theirs = context.Pipe()
        args = config, folder / name, parts, options, theirs
        processes.append(context.Process(target=train, args=args))
        processes[-1].start()
        theirs.close()
        turns.append(ours)
    seconds = np.zeros((count, 2))
    try:
        for epoch in range(count):
            for k in (0, 1) if epoch % 2 else (1, 0):
                turns[k].send(None)
                seconds[epoch, k] = turns[k].recv()
    except (EOFError, OSError):
        for process in processes:
            process.terminate()
        sys.exit("A training has failed, see above.")
    for process in processes:
        process.join()
    return seconds


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--images", type=int, default=512, help="to train on")
    parser.add_argument("--epochs", type=int, default=14, help="of each training")
    parser.add_argument("--model", default="resnet18")
    parser.add_argument(
        "--off", nargs="+", default=SAFETY, choices=SAFETY, help="only these are off"
    )
    parser.add_argument("--cfg-options", nargs="+", default=[])
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        data = draw_images(folder, args.images * 5 // 4)
        config = folder / "safety.py"
        config.write_text(CONFIG.format(model=args.model, data=data))
        options = [f"train_cfg.max_epochs={args.epochs}", *args.cfg_options]
        seconds = by_turns(config, folder, options, args.off, args.epochs)[1:-1]
        size = (folder / f"with/epoch_{args.epochs}.pth").stat().st_size
    on, off = np.median(seconds, axis=0)
    percent = 100 * (seconds[:, 0] / seconds[:, 1] - 1)
    draws = np.random.default_rng(0).choice(percent, (10_000, len(percent)))
    low, high = np.percentile(np.median(draws, axis=1), (2.5, 97.5))
    print(
        f"{args.model}, {args.images} images, checkpoints of {size / 1e6:.0f} MB: an "
        f"epoch takes {on:.2f} s with, {off:.2f} s without (medians); by pairs of "
        f"epochs {np.median(percent):+.1f} % (median of {len(percent)}, 95 % interval "
        f"{low:+.1f} to {high:+.1f})"
    )


if __name__ == "__main__":
    main()
