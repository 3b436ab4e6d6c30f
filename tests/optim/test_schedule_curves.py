"""The drawing of a schedule; test_losses_in_runs.py compares it with what a run did."""

import numpy as np
import pytest
from tool_runs import check, run_tool

from mmleaves.config import load_config
from mmleaves.optim.schedule_curves import schedule_curves
from mmleaves.optim.schedule_picture import draw_schedule

CONFIG = "mobilenet-v2_all_b32-adamw-cosine10_caltech"


def curves_of(config, *options, iters=5):
    curves, found = schedule_curves(load_config(config, options), iters_per_epoch=iters)
    assert found == iters
    return curves


def test_a_classifier_with_a_rate_of_its_own_has_a_curve_of_its_own():
    """Without data and without weights."""
    rest, head = curves_of(CONFIG)
    assert "head" in head.name
    assert "head" not in rest.name
    assert len(head.rates) == 10 * 5
    assert head.rates == pytest.approx(10 * rest.rates)
    # The cosine, half way; Adam's first beta beside it.
    assert rest.rates[25] == pytest.approx(0.5e-4)
    assert set(rest.momenta) == {0.9}


def test_the_momentum_of_a_cycle_moves_against_its_rate():
    (curve,) = curves_of("resnet50_frozen2_b64-cyclic20_caltech")
    # After 8 of 20 epochs of 5 iterations.
    assert curve.rates.argmax() == curve.momenta.argmin() == 39
    assert curve.rates[0] == pytest.approx(0.01)


def test_a_scaled_rate_is_drawn_scaled():
    config = "resnet50_frozen2_b64_caltech"
    (plain,) = curves_of(config)
    (scaled,) = curves_of(config, "auto_scale_lr.enable=True")
    assert scaled.rates == pytest.approx(plain.rates / 4)


def test_a_frozen_model_has_the_curve_of_its_classifier():
    (curve,) = curves_of("mobilenet-v2_probe_b32-adamw-cosine10_sample")
    assert curve.name == "head"


def test_an_optimiser_without_momentum_has_none_to_draw(tmp_path):
    config = "mobilenet-v2_probe_b32-adamw-cosine10_sample"
    (curve,) = curves_of(config, "optim_wrapper.optimizer.type=Adagrad")
    assert curve.momenta is None
    path = tmp_path / "new" / "schedule.png"
    draw_schedule([curve], path, iters_per_epoch=5, title="none")
    assert path.is_file()


def test_many_groups_are_drawn(tmp_path):
    decay = "optim_wrapper.paramwise_cfg.layer_decay=0.5"
    curves = curves_of("mobilenet-v2_all_b32-adamw-cosine10_caltech", decay)
    assert len(curves) > 6
    assert np.diff(sorted(curve.rates[0] for curve in curves)).min() > 0
    draw_schedule(curves, tmp_path / "a.png", iters_per_epoch=5, title="many")
    assert (tmp_path / "a.png").read_bytes().startswith(b"\x89PNG")


def test_the_tool_draws_and_says_what_does_not_fit(tmp_path):
    done = check(
        run_tool(
            *("vis_scheduler", "resnet50_frozen2_b64_caltech", "--iters-per-epoch", 36),
            *("--out", "schedule.png", "--cfg-options", "train_cfg.max_epochs=50"),
            cwd=tmp_path,
        )
    )
    assert "learning rate 0.001 at first, 0.1 highest, in epoch 5," in done.stdout
    assert "Note: param_scheduler.1 (MultiStepLR): epoch 60 of its" in done.stdout
    assert [path.name for path in tmp_path.iterdir()] == ["schedule.png"]


def test_the_tool_counts_the_data_where_it_is_not_told(tmp_path):
    done = run_tool("vis_scheduler", CONFIG, cwd=tmp_path)
    assert done.returncode == 2
    assert "data/101_ObjectCategories" in done.stderr
