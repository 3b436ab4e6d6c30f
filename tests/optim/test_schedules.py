"""The schedules, step by step over a whole run, against torch's own or a formula.

Each is configured, built and stepped as in a training; only the weights are missing.
"""

import math

import pytest
import torch
from mmengine.config import Config
from mmengine.hooks import ParamSchedulerHook
from mmengine.optim import OptimWrapper
from mmengine.registry import OPTIMIZERS, PARAM_SCHEDULERS, DefaultScope
from tool_runs import ROOT
from torch.optim import lr_scheduler

import mmleaves.optim  # noqa: F401 - registers our schedules
from mmleaves.checkpoints.plain import to_plain

ITERS = 4  # iterations an epoch
SCHEDULES = sorted(ROOT.glob("configs/_base_/schedules/*.py"))


@pytest.fixture(autouse=True)
def mmpretrain_scope():
    with DefaultScope.overwrite_default_scope("mmpretrain"):
        yield


class Run:
    """A training's optimiser and schedules, stepped as MMEngine's loop does it."""

    def __init__(self, optimizer: dict, schedules: list[dict], epochs: int) -> None:
        weights = torch.nn.Parameter(torch.zeros(1))
        head = torch.nn.Parameter(torch.zeros(1))
        groups = [
            {"params": [weights]},
            {"params": [head], "lr": 10 * optimizer["lr"]},  # the classifier's
        ]
        built = OPTIMIZERS.build({**optimizer, "params": groups})
        self.epochs = epochs
        self.optimizer = OptimWrapper(built)
        common = {"optimizer": self.optimizer, "epoch_length": ITERS}
        self.param_schedulers = [
            PARAM_SCHEDULERS.build({"end": epochs, **schedule}, default_args=common)
            for schedule in schedules
        ]
        self.epoch = 0

    @classmethod
    def of_file(cls, name: str) -> "Run":
        cfg = Config.fromfile(ROOT / "configs" / "_base_" / "schedules" / f"{name}.py")
        schedules = cfg.get("param_scheduler", [])
        return cls(cfg.optim_wrapper.optimizer, schedules, cfg.train_cfg.max_epochs)

    def __iter__(self):
        """Yield the groups' settings at each iteration that is left."""
        hook = ParamSchedulerHook()
        for epoch in range(self.epoch, self.epochs):
            for i in range(ITERS):
                yield [dict(group) for group in self.optimizer.optimizer.param_groups]
                self.optimizer.step()
                hook.after_train_iter(self, i)
            hook.after_train_epoch(self)
            self.epoch = epoch + 1

    def rates(self, group: int = 0) -> list[float]:
        return [groups[group]["lr"] for groups in self]


def rates_of_torch(scheduler, **settings):
    """Return the rate of each epoch that a scheduler of torch's gives, from rate 1."""
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1)
    scheduler = scheduler(optimizer, **settings)
    while True:
        yield optimizer.param_groups[0]["lr"]
        optimizer.step()
        scheduler.step()


def by_epoch(run: Run) -> list[float]:
    """Return each epoch's rate; within an epoch it must not move."""
    rates = run.rates()
    epochs = [set(rates[i : i + ITERS]) for i in range(0, len(rates), ITERS)]
    assert {len(epoch) for epoch in epochs} == {1}
    return [epoch.pop() for epoch in epochs]


STEPS = lr_scheduler.MultiStepLR
FIFTH_OFF = dict(step_size=1, gamma=0.8)
RESTARTS = lr_scheduler.CosineAnnealingWarmRestarts


@pytest.mark.parametrize(
    ("name", "rate", "epochs", "scheduler", "settings"),
    [
        ("adamw_constant", 3e-4, 30, lr_scheduler.ConstantLR, dict(factor=1)),
        ("adamw_steps40-80", 5e-5, 100, STEPS, dict(milestones=[40, 80])),
        ("adamw_steps20-40-60", 5e-5, 80, STEPS, dict(milestones=[20, 40, 60])),
        ("adamw_steps10-20-30", 5e-5, 40, STEPS, dict(milestones=[10, 20, 30])),
        ("adamw_restarts5x2", 5e-5, 35, RESTARTS, dict(T_0=5, T_mult=2)),
        ("sgd_constant", 1e-3, 10, lr_scheduler.ConstantLR, dict(factor=1)),
        ("sgd_exponential0.8", 1e-3, 10, lr_scheduler.ExponentialLR, dict(gamma=0.8)),
        ("sgd_exponential0.8", 1e-3, 10, lr_scheduler.StepLR, FIFTH_OFF),
        ("sgd_cosine10", 0.08, 10, lr_scheduler.CosineAnnealingLR, dict(T_max=10)),
    ],
)
def test_a_schedule_by_epoch_is_torchs_own(name, rate, epochs, scheduler, settings):
    rates = by_epoch(Run.of_file(name))
    assert len(rates) == epochs
    for ours, theirs in zip(rates, rates_of_torch(scheduler, **settings), strict=False):
        assert ours == pytest.approx(rate * theirs, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize("rate", [0.002, 0.001])
def test_a_cosine_scales_with_the_rate_it_starts_from(rate):
    cfg = Config.fromfile(ROOT / "configs/_base_/schedules/sgd_cosine10.py")
    optimizer = cfg.optim_wrapper.optimizer | dict(lr=rate)
    for epoch, found in enumerate(by_epoch(Run(optimizer, cfg.param_scheduler, 10))):
        assert found == pytest.approx(rate * (1 + math.cos(math.pi * epoch / 10)) / 2)


@pytest.mark.parametrize(
    ("name", "settings"),
    [
        (path.stem, Config.fromfile(path).optim_wrapper.optimizer)
        for path in SCHEDULES
        if path.stem.startswith("adamw") and "cosine" not in path.stem
    ],
)
def test_what_the_notes_say_of_adamw_is_kept(name, settings):
    rate = 3e-4 if name == "adamw_constant" else 5e-5
    assert settings == dict(type="AdamW", lr=rate, weight_decay=1e-3)


WARM_UPS = {
    # Shares of the rate at step s of n + 1, worked out by hand.
    "constant": (
        dict(type="ConstantLR", factor=0.01),
        lambda s, n: 0.01 if s < n else 1,
    ),
    "linear": (
        dict(type="LinearLR", start_factor=0.01),
        lambda s, n: 0.01 + 0.99 * s / n,
    ),
    "exponential": (
        dict(type="mmleaves.ExponentialWarmupLR", start_factor=0.01),
        lambda s, n: 0.01 ** (1 - s / n),
    ),
}


@pytest.mark.parametrize("counted", ["by epoch", "by iteration"])
@pytest.mark.parametrize("kind", WARM_UPS)
def test_a_warm_up_starts_from_its_ratio_and_ends_at_the_rate(kind, counted):
    settings, share = WARM_UPS[kind]
    by_iter = counted == "by iteration"
    schedules = [
        settings | dict(end=5, convert_to_iter_based=by_iter),
        dict(type="MultiStepLR", milestones=[20, 40, 60]),
    ]
    run = Run(dict(type="SGD", lr=0.1), schedules, epochs=70)
    steps = 5 * ITERS if by_iter else 5
    for i, rate in enumerate(run.rates()):
        step = i if by_iter else i // ITERS
        warm_up = share(step, steps - 1) if step < steps else 1
        drops = sum(i // ITERS >= milestone for milestone in (20, 40, 60))
        assert rate == pytest.approx(0.1 * warm_up * 0.1**drops, rel=1e-9)


@pytest.mark.parametrize(
    ("name", "kind", "by_iter"),
    [
        ("sgd_steps20-40-60", "linear", True),
        ("sgd_steps20-40-60-90", "linear", True),
        ("sgd_steps30-60-90", "linear", True),
        ("sgd_steps20-40-60_warmup-constant", "constant", True),
        ("sgd_steps20-40-60_warmup-exponential", "exponential", True),
        ("sgd_steps20-40-60_warmup-epochs", "linear", False),
    ],
)
def test_steps_warm_up_over_5_epochs_and_fall_tenfold_at_each_milestone(
    name, kind, by_iter
):
    milestones = [int(n) for n in name.split("_")[1].removeprefix("steps").split("-")]
    share = WARM_UPS[kind][1]
    rates = Run.of_file(name).rates()
    assert len(rates) == 100 * ITERS
    for i, rate in enumerate(rates):
        epoch = i // ITERS
        step, last = (i, 5 * ITERS - 1) if by_iter else (epoch, 4)
        warm_up = share(step, last) if step <= last else 1
        drops = sum(epoch >= milestone for milestone in milestones)
        assert rate == pytest.approx(0.1 * warm_up * 0.1**drops, rel=1e-6)


def test_an_exponential_warm_up_from_nothing_is_refused():
    schedule = dict(type="mmleaves.ExponentialWarmupLR", start_factor=0, end=5)
    with pytest.raises(ValueError, match="start_factor is 0, expected a number above"):
        Run(dict(type="SGD", lr=0.1), [schedule], epochs=10)


def test_a_cosine_falls_to_nothing_iteration_by_iteration():
    n = 10 * ITERS
    for i, rate in enumerate(Run.of_file("adamw_cosine10").rates()):
        assert rate == pytest.approx(1e-3 * (1 + math.cos(math.pi * i / n)) / 2)


def cosine(start: float, end: float, done: float) -> float:
    return end + (start - end) * (1 + math.cos(math.pi * done)) / 2


def test_a_cycle_has_the_momentum_move_against_the_rate():
    up, down = 8 * ITERS, 12 * ITERS
    for i, (rest, _) in enumerate(Run.of_file("sgd_cyclic20")):
        # The way down begins with the last value of the way up.
        rise = min(i, up - 1) / up
        rate, momentum = cosine(0.01, 0.1, rise), cosine(0.9, 0.8, rise)
        if i >= up:
            fall = (i - up) / down
            rate, momentum = cosine(rate, 1e-6, fall), cosine(momentum, 0.9, fall)
        assert rest["lr"] == pytest.approx(rate, rel=1e-9)
        assert rest["momentum"] == pytest.approx(momentum, rel=1e-9)
    assert i == up + down - 1


@pytest.mark.parametrize("optimizer", ["SGD", "AdamW"])
def test_one_cycle_is_torchs_own_with_its_momentum_for_each_group(optimizer):
    cfg = Config.fromfile(ROOT / "configs/_base_/schedules/sgd_onecycle10.py")
    kept = cfg.optim_wrapper.optimizer
    settings = kept if optimizer == "SGD" else dict(type="AdamW", lr=kept.lr)
    run = Run(settings, cfg.param_scheduler, cfg.train_cfg.max_epochs)

    groups = [{"params": [torch.nn.Parameter(torch.zeros(1))]} for _ in range(2)]
    kind = getattr(torch.optim, optimizer)
    momentum = dict(momentum=0.95) if optimizer == "SGD" else {}
    theirs = kind(groups, lr=0.01, **momentum)
    # The second group's is the classifier's, ten times as high.
    scheduler = lr_scheduler.OneCycleLR(theirs, [0.01, 0.1], total_steps=10 * ITERS)
    for i, ours in enumerate(run):
        for mine, its in zip(ours, theirs.param_groups, strict=True):
            assert mine["lr"] == pytest.approx(its["lr"], rel=1e-9)
            if optimizer == "SGD":
                assert mine["momentum"] == pytest.approx(its["momentum"], rel=1e-9)
            else:
                assert mine["betas"] == pytest.approx(its["betas"], rel=1e-9)
        theirs.step()
        if i < 10 * ITERS - 1:
            scheduler.step()


def test_a_cycle_after_a_warm_up_rises_to_the_rate_that_was_given():
    warm_up = dict(type="LinearLR", start_factor=0.01, end=2)
    cycle = dict(type="mmleaves.OneCycleLR", begin=2)
    run = Run(dict(type="SGD", lr=0.1), [warm_up, cycle], epochs=12)
    epochs = [groups for i, groups in enumerate(run) if i % ITERS == 0]
    assert [groups[0]["lr"] for groups in epochs[:3]] == pytest.approx(
        [0.001, 0.1, 0.1 / 25]
    )
    for group, peak in enumerate((0.1, 1)):
        assert max(groups[group]["lr"] for groups in epochs[2:]) == pytest.approx(peak)


def test_one_peak_for_all_groups_is_refused():
    schedule = dict(type="mmleaves.OneCycleLR", eta_max=0.1)
    with pytest.raises(ValueError, match=r"found eta_max=0\.1, expected none"):
        Run(dict(type="SGD", lr=0.1), [schedule], epochs=10)


def test_a_plateau_lowers_the_rate_as_torchs_own_does():
    """By the validation loss, after the sixth epoch without a smaller one."""
    run = Run.of_file("sgd_plateau")
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1e-3)
    theirs = lr_scheduler.ReduceLROnPlateau(optimizer, factor=0.1, patience=5)
    losses = [1.0, 0.9, *[0.9] * 6, 0.5, *[0.6] * 12]
    hook, rates = ParamSchedulerHook(), []
    for loss in losses:
        rates.append(run.optimizer.param_groups[0]["lr"])
        assert rates[-1] == pytest.approx(optimizer.param_groups[0]["lr"])
        hook.after_train_epoch(run)
        hook.after_val_epoch(run, {"accuracy/top1": 50.0, "loss/cross_entropy": loss})
        theirs.step(loss)
    assert rates[7] == pytest.approx(1e-3)
    assert rates[8] == pytest.approx(1e-4)
    assert rates[-1] == pytest.approx(1e-5)


@pytest.mark.parametrize("path", SCHEDULES, ids=lambda path: path.stem)
def test_every_group_keeps_its_multiple_of_the_rate(path):
    for rest, classifier in Run.of_file(path.stem):
        assert classifier["lr"] == pytest.approx(10 * rest["lr"], rel=1e-9)


@pytest.mark.parametrize("path", SCHEDULES, ids=lambda path: path.stem)
def test_a_resumed_run_has_the_rates_of_an_unbroken_one(path, tmp_path):
    """Stored as a checkpoint is: tensors and plain types, read without code."""
    unbroken, first = Run.of_file(path.stem), Run.of_file(path.stem)
    whole = unbroken.rates()
    first.epochs, epochs = first.epochs // 2, first.epochs
    before = first.rates()
    state = {
        "optimizer": first.optimizer.state_dict(),
        "schedulers": [s.state_dict() for s in first.param_schedulers],
    }
    torch.save(to_plain(state), tmp_path / "epoch.pth")
    state = torch.load(tmp_path / "epoch.pth", weights_only=True)

    second = Run.of_file(path.stem)
    second.epoch, second.epochs = epochs // 2, epochs
    second.optimizer.load_state_dict(state["optimizer"])
    for scheduler, stored in zip(
        second.param_schedulers, state["schedulers"], strict=True
    ):
        scheduler.load_state_dict(stored)
    assert before + second.rates() == pytest.approx(whole, rel=1e-9)
