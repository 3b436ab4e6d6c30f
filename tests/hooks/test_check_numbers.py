"""Trainings that go wrong: they stop at once, say where, and spoil nothing."""

import shutil

import pytest
import torch
from tool_runs import ROOT, check, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"
EXPLODES = f"""
_base_ = ["{ROOT / "configs" / CONFIG}.py"]
optim_wrapper = dict(optimizer=dict(_delete_=True, type="SGD", lr=1e-6))
param_scheduler = [dict(type="MultiStepLR", milestones=[1], gamma=1e36)]
"""


@pytest.fixture
def leaves(real_data, tmp_path):
    folder = tmp_path / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, folder / species)
    return folder


def train(leaves, *settings, config=CONFIG):
    return run_tool(
        *("train", config, "--work-dir", leaves.parent / "run", "--no-pretrained"),
        *("--cfg-options", f"dataset.data_root={leaves}"),
        "trainable=all",
        "train_dataloader.batch_size=4",
        "train_dataloader.dataset.pipeline.1.scale=64",
        "train_cfg.max_epochs=4",
        *settings,
    )


def weights(path):
    return torch.load(path, weights_only=True)["state_dict"]


def test_a_rate_at_which_weights_explode_stops_the_run_and_keeps_the_last_good_ones(
    leaves,
):
    config = leaves.parent / "explodes.py"
    config.write_text(EXPLODES)
    done = train(leaves, config=config)
    assert done.returncode == 5, done.stderr[-2000:]
    assert "Traceback" not in done.stderr
    assert (
        "expected a number. The checkpoint of the epoch before is whole" in done.stderr
    )
    assert ".jpg" in done.stderr.lower()
    saved = sorted((leaves.parent / "run").glob("*.pth"))
    assert saved
    for path in saved:
        for name, tensor in weights(path).items():
            assert torch.isfinite(tensor).all(), (path, name)


@pytest.mark.parametrize(("interval", "told_after"), [(1, 3), (2, 4)])
def test_a_model_that_calls_all_images_the_same_is_told_so(
    leaves, interval, told_after
):
    settings = [
        "optim_wrapper.optimizer.lr=1e-12",
        f"train_cfg.val_interval={interval}",
    ]
    done = check(train(leaves, *settings))
    log = done.stdout + done.stderr
    told = f"After {told_after} epochs, 50.0 % of the validation part is right, and "
    assert log.count(told + "calling") >= 1
    assert log.count("of the validation part is right, and calling") == log.count(told)
    assert "gives 50.0 %. Likely causes: a learning rate" in log
