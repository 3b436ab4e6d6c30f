"""A run that is killed and resumed ends with the weights of one that was not."""

import csv
import os
import shutil
import signal
import subprocess
import sys
import time
from contextlib import suppress

import pytest
import torch
from tool_runs import ROOT, check, run_tool

CONFIG = f"""
_base_ = ["{ROOT / "configs"}/mobilenet-v2_probe_b32-adamw-cosine10_folders.py"]
trainable = {{trainable!r}}
# All that draws: crops, flips, dropout, MixUp; and all that counts along.
model = dict(
    backbone=dict(widen_factor=0.25, init_cfg=None),
    head=dict(
        _delete_=True,
        type="StackedLinearClsHead",
        in_channels=1280,
        mid_channels=[16],
        dropout_rate=0.5,
    ),
    train_cfg=dict(augments=[dict(type="Mixup", alpha=0.8)]) if {{mixup}} else None,
)
custom_hooks = [dict(type="EMAHook", momentum=0.1)]
default_hooks = dict(
    early_stopping=dict(
        type="mmleaves.EarlyStoppingHook", monitor="accuracy/top1", rule="greater",
        patience=3, min_delta=200,
    )
)
"""
SETTINGS = [
    "train_dataloader.batch_size=3",
    "train_dataloader.dataset.pipeline.1.scale=64",
    "val_dataloader.dataset.pipeline.1.scale=64",
    "val_dataloader.dataset.pipeline.2.crop_size=64",
    "optim_wrapper.optimizer.lr=0.01",
]


@pytest.fixture
def leaves(real_data, tmp_path):
    folder = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, folder / species)
    return folder


def arguments(leaves, work, trainable, mixup, settings):
    config = leaves.parent / "killed.py"
    config.write_text(CONFIG.format(trainable=trainable, mixup=mixup))
    data = f"dataset.data_root={leaves}"
    return [config, "--work-dir", work, "--cfg-options", data, *SETTINGS, *settings]


def rows_of(work):
    with (work / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def kill_when(work, epoch, args):
    """Start a training, and kill it and its workers some time after that epoch."""
    command = [sys.executable, ROOT / "tools" / "train.py", *args]
    process = subprocess.Popen(
        list(map(str, command)),
        env=os.environ | {"OMP_NUM_THREADS": "1"},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    while not (work / f"epoch_{epoch}.pth").is_file():
        assert process.poll() is None, "it ended before"
        time.sleep(0.005)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    assert not (work / "epoch_3.pth").is_file(), "it was too fast to be killed"


def same_runs(whole, other):
    expected, found = (
        torch.load(work / "epoch_3.pth", weights_only=True) for work in (whole, other)
    )
    for part in ("state_dict", "ema_state_dict"):
        for name, tensor in expected[part].items():
            assert torch.equal(found[part][name], tensor), name
    moments = [of["optimizer"]["state"] for of in (expected, found)]
    for number, state in moments[0].items():
        for name, value in state.items():
            assert torch.equal(
                torch.as_tensor(moments[1][number][name]), torch.as_tensor(value)
            )
    said = [
        of["message_hub"]["runtime_info"]["early_stopping"] for of in (expected, found)
    ]
    assert said[0] == said[1]
    assert said[0]["waited"] == 2  # the first is the best, as none is 200 points better
    assert rows_of(other) == rows_of(whole)


@pytest.mark.parametrize(
    ("trainable", "mixup", "before", "after"),
    [
        # With other workers, as on another machine.
        ("all", True, ["train_dataloader.num_workers=0"], []),
        # Killed on features that are kept, before all of it is trained on images.
        (["classifier", "all@2"], False, ["feature_cache.views=1"], None),
    ],
)
def test_killed_and_resumed_is_as_if_nothing_had_been(
    leaves, tmp_path, monkeypatch, trainable, mixup, before, after
):
    monkeypatch.setenv("MMLEAVES_CACHE", str(tmp_path / "cache"))
    settings = before if after is None else after
    if not mixup:
        # Kept features are of images that are the same each time.
        fixed = "train_dataloader.dataset.pipeline.1.type=Resize"
        flip = "train_dataloader.dataset.pipeline.2.prob=0.0"
        settings = before = [*before, fixed, flip]
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    args = arguments(
        leaves, whole, trainable, mixup, [*settings, "train_cfg.max_epochs=3"]
    )
    check(run_tool("train", *args))
    args = arguments(
        leaves, killed, trainable, mixup, [*before, "train_cfg.max_epochs=3"]
    )
    kill_when(killed, 1, args)
    done = check(run_tool("train", args[0], "--resume", *args[1:]))
    assert "resumed epoch: 1" in done.stdout or "resumed epoch: 2" in done.stdout
    same_runs(whole, killed)
    assert not list(killed.glob("*.unfinished"))
