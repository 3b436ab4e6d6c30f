"""Options of a run that no config sets: loggers, early stopping, scaled rates."""

import csv
import shutil
import sqlite3
from contextlib import closing

import pytest
from tool_runs import check, run_tool

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_folders"


@pytest.fixture(scope="module")
def small(real_data, tmp_path_factory):
    """Options for runs of seconds: two classes, six photographs each, small crops."""
    leaves = tmp_path_factory.mktemp("options") / "leaves"
    for species in ("7. Ilex aquifolium", "9. Betula pubescens"):
        shutil.copytree(real_data / "leaf_uci_folders" / species, leaves / species)
    return [
        "--no-pretrained",
        "--cfg-options",
        f"dataset.data_root={leaves}",
        "train_cfg.max_epochs=2",
        "train_dataloader.batch_size=3",
        "train_dataloader.dataset.pipeline.1.scale=64",
    ]


def test_one_option_logs_to_tensorboard_and_one_to_mlflow(small, tmp_path):
    loggers = ["--tensorboard", "--mlflow"]
    check(run_tool("train", CONFIG, *loggers, "--work-dir", tmp_path, *small))

    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    (events,) = tmp_path.glob("*/vis_data/events.*")
    log = EventAccumulator(str(events))
    log.Reload()
    assert {"loss", "lr", "accuracy/top1", "loss/cross_entropy"} <= set(
        log.Tags()["scalars"]
    )
    assert [event.step for event in log.Scalars("accuracy/top1")] == [1, 2]

    with closing(sqlite3.connect(tmp_path / "mlflow.db")) as stored:
        steps = stored.execute(
            "select step from metrics where key = 'accuracy/top1'"
        ).fetchall()
    assert sorted(steps) == [(1,), (2,)]


def test_a_run_stops_early_when_it_no_longer_improves(small, tmp_path):
    """No accuracy beats the first by more than 100 points."""
    stop = "default_hooks.early_stopping"
    settings = [
        *(f"{stop}.type=mmleaves.EarlyStoppingHook", f"{stop}.monitor=accuracy/top1"),
        *(f"{stop}.rule=greater", f"{stop}.patience=1", f"{stop}.min_delta=101"),
        "train_cfg.max_epochs=5",
    ]
    check(run_tool("train", CONFIG, "--work-dir", tmp_path, *small, *settings))
    with (tmp_path / "metrics.csv").open(newline="") as file:
        epochs = [row["epoch"] for row in csv.DictReader(file)]
    assert epochs == ["1", "2"]
    assert (tmp_path / "curves.png").is_file()


def test_the_rate_is_scaled_to_the_batch_when_asked(small, tmp_path):
    rates = {}
    for name, option in (("as-is", []), ("scaled", ["--auto-scale-lr"])):
        folder = tmp_path / name
        settings = [*small, "train_cfg.max_epochs=1"]
        check(run_tool("train", CONFIG, *option, "--work-dir", folder, *settings))
        with (folder / "metrics.csv").open(newline="") as file:
            rates[name] = float(next(csv.DictReader(file))["lr"])
    # The config's rate is for batch 32.
    assert rates["scaled"] == pytest.approx(rates["as-is"] * 3 / 32)


def test_a_run_without_validation_keeps_no_best(small, tmp_path):
    check(run_tool("train", CONFIG, "--no-validate", "--work-dir", tmp_path, *small))
    assert (tmp_path / "epoch_2.pth").is_file()
    assert not list(tmp_path.glob("best_*"))


def test_the_forward_pass_runs_in_bfloat16_when_asked(small, tmp_path):
    """Its losses are near those in float32, and not the same."""
    import torch

    losses = {}
    for name, flags in (("fp32", []), ("bf16", ["--amp"])):
        folder = tmp_path / name
        settings = [*small, "train_cfg.max_epochs=1"]
        if not flags:
            settings.append("precision=float32")
        check(run_tool("train", CONFIG, *flags, "--work-dir", folder, *settings))
        with (folder / "metrics.csv").open(newline="") as file:
            losses[name] = float(next(csv.DictReader(file))["train/loss"])
        state = torch.load(folder / "epoch_1.pth", weights_only=True)["state_dict"]
        assert {t.dtype for t in state.values()} == {torch.float32, torch.int64}
    assert losses["bf16"] == pytest.approx(losses["fp32"], rel=0.05)
    assert losses["bf16"] != losses["fp32"]


def test_other_seeds_give_other_runs_and_the_same_seed_the_same(small, tmp_path):
    losses = {}
    for name, seed in (("zero", 0), ("again", 0), ("one", 1)):
        folder = tmp_path / name
        settings = [*small, f"randomness.seed={seed}", "train_cfg.max_epochs=1"]
        check(run_tool("train", CONFIG, "--work-dir", folder, *settings))
        with (folder / "metrics.csv").open(newline="") as file:
            losses[name] = next(csv.DictReader(file))["train/loss"]
    assert losses["zero"] == losses["again"] != losses["one"]
