"""Trainings of a tiny net, in processes that begin at once and are really killed.

A process that has imported the whole stack forks them, which saves the seconds of
importing it for each. What runs in them is the command of a user, from its arguments to
its exit code.
"""

import csv
import hashlib
import os
import signal
import sys
import time
import traceback
from functools import partialmethod
from pathlib import Path

import cv2
import matplotlib.backends.backend_agg
import matplotlib.figure  # noqa: F401 - takes long when each process does it
import numpy as np
import torch
from mmengine.evaluator import BaseMetric
from mmengine.hooks import Hook
from mmengine.logging import MessageHub
from mmpretrain.registry import HOOKS, METRICS
from tool_runs import ROOT

import mmleaves.runner  # noqa: F401 - what the processes that are forked need
from mmleaves.commands import linear_probe, repeat, test, train
from mmleaves.config import load_config

COMMANDS = {
    "linear-probe": linear_probe.main,
    "repeat": repeat.main,
    "test": test.main,
    "train": train.main,
}
CONFIG = f"""
_base_ = ["{ROOT / "configs"}/_base_/default_runtime.py"]
default_hooks = dict(
    checkpoint=dict(save_best="progress", rule="greater"),
    early_stopping=dict(
        type="mmleaves.EarlyStoppingHook", monitor="accuracy/top1", rule="greater",
        patience=50,
    ),
    visualization=dict(enable=False),
)
custom_imports = dict(imports=["mmleaves.runner"], allow_failed_imports=False)
custom_hooks = [dict(type="EMAHook", momentum=0.1), dict(type="Signaller")]
image_cache = None
dataset = dict(
    type="mmleaves.CaltechFolders", train_fraction=0.75, val_fraction=0.25,
)
data_preprocessor = dict(mean=[128] * 3, std=[64] * 3, to_rgb=True)
pipeline = [
    dict(type="LoadImageFromFile"),
    dict(type="RandomCrop", crop_size=28, padding=4),
    dict(type="RandomFlip", prob=0.5),
    dict(type="PackInputs"),
]
train_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=True),
    dataset=dict(part="train", pipeline=pipeline),
)
val_dataloader = dict(
    batch_size=8,
    num_workers=0,
    sampler=dict(type="DefaultSampler", shuffle=False),
    dataset=dict(part="val", pipeline=[pipeline[0], pipeline[-1]]),
)
val_evaluator = [dict(type="Accuracy"), dict(type="Progress")]
test_dataloader, test_evaluator = val_dataloader, val_evaluator
val_cfg = test_cfg = dict()
train_cfg = dict(by_epoch=True, max_epochs=4, val_interval=1)
optim_wrapper = dict(optimizer=dict(type="SGD", lr=0.05, momentum=0.9))
param_scheduler = dict(type="CosineAnnealingLR", by_epoch=True, T_max=4)
model = dict(
    type="ImageClassifier",
    backbone=dict(
        type="ResNet_CIFAR", depth=18, stem_channels=8, base_channels=8, num_stages=1,
        out_indices=(0,), strides=(1,), dilations=(1,),
    ),
    neck=dict(type="GlobalAveragePooling"),
    head=dict(
        type="StackedLinearClsHead", in_channels=8, mid_channels=[8], dropout_rate=0.5,
        topk=(1,),
    ),
    train_cfg=dict(augments=[dict(type="Mixup", alpha=0.8)]),
)
"""


@METRICS.register_module()
class Progress(BaseMetric):
    """The epoch: each is better than the one before."""

    def process(self, data_batch, data_samples):
        self.results.append(0)

    def compute_metrics(self, results):
        hub = MessageHub.get_current_instance()
        return {"progress": float(hub.runtime_info.get("epochs_done", 0))}


@HOOKS.register_module()
class Signaller(Hook):
    """Sends signals to its process and the workers, at a place known beforehand.

    And tells `Progress` which epoch it is.

    ``SIGNALS_AT`` is such as ``SIGTERM SIGTERM before_val_iter 2``: the last two are
    what a hook is called for and the epochs done.
    """

    priority = "HIGHEST"

    def before_val_epoch(self, runner):
        runner.message_hub.update_info("epochs_done", runner.epoch)

    def _send(self, runner, place, batch_idx=0, **_):
        *signals, at, epoch = os.environ.get("SIGNALS_AT", "none 0").split()
        if (place, runner.epoch, batch_idx) == (at, int(epoch), 0):
            for name in signals:
                os.killpg(0, getattr(signal, name))


for _place in ("before_train_epoch", "before_train_iter", "before_val_iter"):
    setattr(Signaller, _place, partialmethod(Signaller._send, place=_place))


def write_run(folder, images=32):
    """Write a config and two classes of noise, dark and light; return the config."""
    draw = np.random.default_rng(0)
    for name, light in (("dark", 0), ("light", 60)):
        (folder / "data" / name).mkdir(parents=True)
        for i in range(images // 2):
            image = draw.integers(0, 196, (32, 32, 3), dtype=np.uint8) + np.uint8(light)
            cv2.imwrite(str(folder / "data" / name / f"{i:03}.png"), image)
    config = folder / "tiny.py"
    config.write_text(f"{CONFIG}dataset.update(data_root={str(folder / 'data')!r})\n")
    load_config(str(config))  # what it imports, the processes that are forked have
    return config


def start(command, *args, log, env=None, before=None):
    """Fork a process that runs a command, and return its number.

    ``before`` is called in it first; what it prints goes to the file ``log``.
    """
    sys.stdout.flush()
    sys.stderr.flush()
    process = os.fork()
    if process:
        return process
    code = 1
    try:
        os.setsid()
        with open(os.devnull) as nothing, open(log, "w") as file:  # noqa: PTH123
            os.dup2(nothing.fileno(), 0)
            os.dup2(file.fileno(), 1)
            os.dup2(file.fileno(), 2)
        # Not pytest's, which collect what is printed in the process that is forked.
        sys.stdout, sys.stderr = open(1, "w"), open(2, "w")  # noqa: SIM115
        os.environ.update(env or {})
        torch.set_num_threads(1)
        cv2.setNumThreads(0)
        if before is not None:
            before()
        sys.argv = ["mmleaves", *map(str, args)]
        COMMANDS[command]([*map(str, args)])
        code = 0
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else 0 if not error.code else 1
    except BaseException:
        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def wait(process):
    """Return a process's exit code, negative if a signal ended it."""
    return os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])


def run(command, *args, log, **kwargs):
    """Run a command to its end and return its exit code."""
    return wait(start(command, *args, log=log, **kwargs))


def train_again(config, work, *more, log, **kwargs):
    """Do as a user's script does: go on if there is something, else begin."""
    kinds = ("epoch_*.pth", "iter_*.pth", "interrupted.pth", "last_checkpoint")
    resume = ["--resume"] if any(any(work.glob(kind)) for kind in kinds) else []
    return start("train", config, "--work-dir", work, *resume, *more, log=log, **kwargs)


def kill_after(process, seconds):
    """Kill a process after a time with SIGKILL; return its exit code, as `wait`."""
    ends = time.monotonic() + seconds
    while time.monotonic() < ends:
        ended, status = os.waitpid(process, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status)
        time.sleep(min(0.005, max(0, ends - time.monotonic())))
    os.kill(process, signal.SIGKILL)
    return wait(process)


def outcome(work, epochs=4):
    """Return what must be the same: digests of all tensors, scores, names of files."""
    (best,) = work.glob("best_*.pth")
    files = {}
    for path in (work / f"epoch_{epochs}.pth", best):
        checkpoint = torch.load(path, weights_only=True)
        digest = hashlib.sha256()
        for part in ("state_dict", "ema_state_dict", "optimizer", "param_schedulers"):
            _update(digest, checkpoint.get(part))
        files[path.name] = digest.hexdigest()
    hub = checkpoint["message_hub"]["runtime_info"]
    with (work / "metrics.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == epochs
    return files, rows, hub["early_stopping"], sorted(p.name for p in work.glob("*.*"))


def _update(digest, value):
    if isinstance(value, torch.Tensor):
        digest.update(value.contiguous().numpy().tobytes())
    elif isinstance(value, dict):
        for key in value:
            digest.update(str(key).encode())
            _update(digest, value[key])
    elif isinstance(value, list | tuple):
        for item in value:
            _update(digest, item)
    else:
        digest.update(repr(value).encode())


def said(log):
    return Path(log).read_text(errors="replace")
