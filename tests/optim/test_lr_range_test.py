"""The search for a learning rate: its parts by hand, and one on drawn images."""

import math

import numpy as np
import pytest
from mmpretrain.engine import EMAHook
from tool_runs import check, run_tool

from mmleaves.config import load_config
from mmleaves.optim.lr_range_test import Sweep, choose, smooth, sweep, sweep_rates

CONFIG = "mobilenet-v2_probe_b32-adamw-cosine10_sample"


@pytest.fixture(scope="module")
def drawn(tmp_path_factory):
    folder = tmp_path_factory.mktemp("drawn") / "leaves"
    layout = ["--layout", "leaves", "--per-class", 10, "--size", 64]
    check(run_tool("make_sample", *layout, folder))
    return [
        f"dataset.data_root={folder}",
        "train_dataloader.batch_size=8",
        "train_dataloader.num_workers=0",
        "train_dataloader.persistent_workers=False",
        "train_dataloader.dataset.pipeline.1.scale=32",
    ]


def test_the_mean_of_the_past_is_not_drawn_to_nothing():
    assert smooth(np.array([3.0, 3.0, 3.0])) == pytest.approx([3, 3, 3])
    # (0.9 x 0.1 x 1 + 0.1 x 0) / (1 - 0.9 ** 2)
    assert smooth(np.array([1.0, 0.0])) == pytest.approx([1, 0.09 / 0.19])


def test_each_rate_is_the_same_multiple_of_the_one_before():
    rates = sweep_rates(1e-6, 1, 13)
    assert rates[0] == pytest.approx(1e-6)
    assert rates[-1] == pytest.approx(1)
    assert rates[1:] / rates[:-1] == pytest.approx(math.sqrt(10))


@pytest.mark.parametrize(
    ("limits", "text"),
    [
        (
            (1e-3, 1e-3, 100),
            "--min-lr is 0.001 and --max-lr is 0.001, expected 0 < min",
        ),
        ((0, 1, 100), "--min-lr is 0 and"),
        ((1e-3, 1, 5), "--iters is 5, expected 10 or more"),
    ],
)
def test_limits_without_a_sweep_between_them_are_refused(limits, text):
    with pytest.raises(ValueError, match=text):
        sweep_rates(*limits)


def test_the_choice_is_the_middle_of_the_longest_fall():
    # Rises for 10 iterations, falls for 21, rises again.
    losses = np.array([*np.linspace(1, 2, 10), *np.linspace(2, 0, 21), *range(1, 6)])
    rates = sweep_rates(1e-7, 1, len(losses))
    found = Sweep(rates, losses, "")
    choice = choose(found)
    smoothed = found.smoothed
    assert choice.fall[1] == smoothed.argmin()
    falling = (np.diff(smoothed) < 0).sum()
    assert choice.fall[0] == choice.fall[1] - falling - 1
    assert choice.index == sum(choice.fall) // 2
    assert choice.rate == rates[choice.index]


def test_a_loss_that_does_not_fall_gives_no_choice():
    rising = Sweep(sweep_rates(1e-5, 1, 20), np.linspace(1, 2, 20), "it was enough")
    with pytest.raises(
        ValueError, match="did not fall in 20 iterations: it was enough"
    ):
        choose(rising)


def test_a_sweep_gives_a_rate_a_picture_and_what_to_pass_and_leaves_no_run(
    drawn, mobilenet_weights, tmp_path
):
    limits = ["--min-lr", "1e-5", "--max-lr", "100", "--iters", "40"]
    out = ["--out", tmp_path / "lr.png"]
    # What a run would keep for others.
    options = [*drawn, "feature_cache.views=2", "optim_wrapper.accumulative_counts=2"]
    kept = tmp_path.with_name(f"{tmp_path.name}-kept")
    done = check(
        run_tool(
            *("find_lr", CONFIG, *out, *limits, "--cfg-options", *options),
            cwd=tmp_path,
            env={"MMLEAVES_CACHE": str(kept)},
        )
    )
    assert not kept.exists()
    assert "The sweep ended: at " in done.stdout
    assert "the loss was 4 times the smallest" in done.stdout
    assert f"mmleaves train {CONFIG} --cfg-options dataset.data_root=" in done.stdout
    (rate,) = [
        word.partition("=")[2]
        for word in done.stdout.split()
        if word.startswith("optim_wrapper.optimizer.lr=")
    ]
    assert f"Learning rate {rate}: " in done.stdout
    assert 1e-5 < float(rate) < 1
    assert [path.name for path in tmp_path.iterdir()] == ["lr.png"]
    assert (tmp_path / "lr.png").read_bytes().startswith(b"\x89PNG")


def test_a_loss_of_nan_ends_the_sweep_and_is_said(drawn):
    cfg = load_config(CONFIG, [*drawn, "model.backbone.init_cfg=None"])
    cfg.model.head.loss = dict(type="CrossEntropyLoss", loss_weight=math.nan)
    found = sweep(cfg, sweep_rates(1e-5, 1, 20))
    assert len(found.losses) == 0
    assert found.ended == "at 1e-05 the loss was nan"
    with pytest.raises(ValueError, match="in 0 iterations: at 1e-05 the loss was nan"):
        choose(found)


@pytest.mark.parametrize(
    ("place", "kind"),
    [("custom_hooks", EMAHook), ("default_hooks", "mmpretrain.EMAHook")],
    ids=["custom_hooks", "default_hooks"],
)
def test_averages_that_begin_after_the_sweep_stay_out_of_it(drawn, place, kind):
    cfg = load_config(CONFIG, [*drawn, "model.backbone.init_cfg=None"])
    averages = dict(type=kind, begin_epoch=3)
    if place == "custom_hooks":
        cfg.custom_hooks = [averages]
    else:
        cfg.default_hooks.averages = averages
    assert len(sweep(cfg, sweep_rates(1e-5, 1e-4, 10)).losses) == 10
