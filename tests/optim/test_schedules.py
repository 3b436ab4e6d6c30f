"""The shipped schedules, iteration by iteration, against values worked out by hand."""

import math
from itertools import pairwise

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from tool_runs import ROOT

ITERS = 4  # iterations an epoch


def run_schedule(name, epochs):
    """Return rate and momentum of each iteration, as the training loop steps them."""
    cfg = Config.fromfile(ROOT / "configs" / "_base_" / "schedules" / f"{name}.py")
    assert cfg.train_cfg.max_epochs == epochs
    optimizer = torch.optim.SGD(
        [torch.nn.Parameter(torch.zeros(1))],
        lr=cfg.optim_wrapper.optimizer.lr,
        momentum=cfg.optim_wrapper.optimizer.get("momentum", 0),
    )
    DefaultScope.get_instance("test", scope_name="mmpretrain")
    schedulers = []
    for settings in cfg.param_scheduler:
        settings = dict(settings)
        kind = PARAM_SCHEDULERS.get(settings.pop("type"))
        by_iter = settings.pop("convert_to_iter_based", False)
        common = dict(optimizer=optimizer, **settings)
        if by_iter:
            scheduler = kind.build_iter_from_epoch(epoch_length=ITERS, **common)
        else:
            scheduler = kind(**common)
        schedulers.append((scheduler, by_iter))
    rates, momenta = [], []
    for _ in range(epochs):
        for _ in range(ITERS):
            group = optimizer.param_groups[0]
            rates.append(group["lr"])
            momenta.append(group["momentum"])
            optimizer.step()
            for scheduler, by_iter in schedulers:
                if by_iter:
                    scheduler.step()
        for scheduler, by_iter in schedulers:
            if not by_iter:
                scheduler.step()
    return rates, momenta


@pytest.mark.parametrize(
    "milestones", [(20, 40, 60), (30, 60, 90), (20, 40, 60, 90)], ids=str
)
def test_steps_warm_up_linearly_and_fall_tenfold_at_each_milestone(milestones):
    name = "sgd_steps" + "-".join(map(str, milestones))
    rates, _ = run_schedule(name, epochs=100)
    for i, rate in enumerate(rates):
        drops = sum(i // ITERS >= milestone for milestone in milestones)
        # From a hundredth of the rate at the first of 5 x 4 iterations to all of it.
        warm_up = min(1, 0.01 + 0.99 * i / (5 * ITERS - 1))
        assert rate == pytest.approx(0.1 * warm_up * 0.1**drops, rel=1e-6)


def test_a_cosine_falls_to_nothing_iteration_by_iteration():
    rates, _ = run_schedule("adamw_cosine10", epochs=10)
    n = 10 * ITERS
    for i, rate in enumerate(rates):
        assert rate == pytest.approx(1e-3 * (1 + math.cos(math.pi * i / n)) / 2)


def test_one_cycle_has_the_momentum_move_against_the_rate():
    rates, momenta = run_schedule("sgd_cyclic20", epochs=20)
    peak = 8 * ITERS
    assert rates[0] == pytest.approx(0.01)
    assert rates[peak] == pytest.approx(0.1, rel=0.02)
    assert rates[-1] < 1e-3
    assert momenta[0] == pytest.approx(0.9)
    assert momenta[peak] == pytest.approx(0.8, abs=0.005)
    assert momenta[-1] == pytest.approx(0.9, abs=0.005)
    rising = [b > a for a, b in pairwise(rates)]
    assert all(rising[: peak - 1])
    assert not any(rising[peak + 1 :])
    for i in range(len(rates) - 1):
        if i not in (peak - 1, peak):
            up = rates[i + 1] > rates[i]
            assert (momenta[i + 1] < momenta[i]) == up
