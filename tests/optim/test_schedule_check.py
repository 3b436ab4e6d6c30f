import pytest
from mmengine.config import Config
from mmengine.optim import OneCycleLR
from tool_runs import ROOT

from mmleaves.config import load_config
from mmleaves.doctor.diagnosis import check_config
from mmleaves.doctor.schedule import check_schedule
from mmleaves.experiments.run_config import check_epoch_rule
from mmleaves.optim.schedule_check import schedule_warnings
from mmleaves.optim.schedules_of_config import plateau_schedules

CONFIGS = sorted(ROOT.glob("configs/[!_]*.py"))


def said(*schedules, epochs=10, iters=4, world_size=1, **settings):
    """Return the warnings of a run of 10 epochs of 4 iterations, batch 32.

    A dict without a type has the schedules of several optimisers.
    """
    of_several = schedules and "type" not in schedules[0]
    cfg = Config(
        dict(
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            param_scheduler=schedules[0] if of_several else list(schedules),
            train_cfg=dict(by_epoch=True, max_epochs=epochs),
            train_dataloader=dict(batch_size=32),
        )
    )
    cfg.merge_from_dict(settings)
    return schedule_warnings(cfg, iters, world_size=world_size)


@pytest.mark.parametrize("path", CONFIGS, ids=lambda path: path.stem)
def test_a_shipped_config_is_told_of_its_batch_at_most(path):
    cfg = load_config(str(path), import_custom_modules=False)
    warnings = schedule_warnings(cfg, 36)
    other = cfg.train_dataloader.batch_size != cfg.auto_scale_lr.base_batch_size
    assert len(warnings) == other
    assert all("auto_scale_lr.base_batch_size" in text for text in warnings)


def test_the_rows_of_table_1_at_batch_64_have_a_rate_for_256():
    cfg = load_config("resnet50_frozen2_b64_caltech", import_custom_modules=False)
    assert schedule_warnings(cfg, 36) == [
        "The learning rate 0.1 is for 256 images a step "
        "(auto_scale_lr.base_batch_size), and this run takes 64. --auto-scale-lr makes "
        "0.025 of it."
    ]
    cfg.auto_scale_lr.enable = True
    assert schedule_warnings(cfg, 36) == []
    cfg.auto_scale_lr.enable = False
    assert schedule_warnings(cfg, 36, world_size=4) == []
    (text,) = schedule_warnings(cfg, 36, world_size=2)
    assert "takes 128 (64 x 2 processes). --auto-scale-lr makes 0.05 of" in text
    cfg.optim_wrapper.accumulative_counts = 4
    assert schedule_warnings(cfg, 36) == []


@pytest.mark.parametrize(
    ("schedule", "text"),
    [
        (
            dict(type="MultiStepLR", milestones=[5, 10]),
            "param_scheduler.0 (MultiStepLR): epoch 10 of its milestones [5, 10] never "
            "comes, as the run has 10 epochs. Give milestones below 10, or set "
            "train_cfg.max_epochs.",
        ),
        (
            dict(type="MultiStepLR", milestones=[20, 30], begin=0),
            "epoch 20, 30 of its milestones [20, 30] never comes",
        ),
        (
            dict(type="MultiStepLR", milestones=[6], begin=5),
            "epoch 6 of its milestones [6] never comes, as the run has 10 epochs and "
            "it begins at epoch 5. Give milestones below 5, or set train_cfg.max",
        ),
        (
            dict(type="LinearLR", end=12),
            "param_scheduler.0 (LinearLR): it ends at epoch 12, and the run has 10 "
            "epochs. It is cut off before it is done. Set `end` to 10 or less.",
        ),
        (
            dict(type="LinearLR", end=50, by_epoch=False),
            "it ends at iteration 50, and the run has 40 iterations",
        ),
        (
            dict(type="mmleaves.ExponentialWarmupLR", begin=10, end=12),
            "it begins at epoch 10, and the run has 10 epochs. It never acts.",
        ),
        (
            dict(type="CosineAnnealingLR", T_max=20),
            "T_max is 20, and it has 10 epochs. The cosine is cut off on its way. Set "
            "T_max to 10.",
        ),
        (
            dict(type="CosineAnnealingLR", T_max=5),
            "T_max is 5, and it has 10 epochs. After 5 the cosine turns back. Set "
            "T_max to 10, or end to 5.",
        ),
        (
            dict(type="CosineAnnealingLR", T_max=8, end=8),
            "it is done after epoch 8, and the run has 10 epochs. The rest keeps "
            "its last value. Set T_max and `end` to fit train_cfg.max_epochs.",
        ),
        (
            dict(type="CosineRestartLR", periods=[5, 10]),
            "the sum of its periods is 15, and it has 10 epochs.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", end=8),
            "it is done after epoch 8, and the run has 10 epochs.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", total_steps=1000),
            "total_steps is 1000, and it has 10 epochs. The cosine is cut off on its "
            "way. Set total_steps to 10.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", total_steps=20, by_epoch=False),
            "total_steps is 20, and it has 40 iterations: after 21 MMEngine ends the "
            "run. Set total_steps to 40.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", total_steps=9),
            "total_steps is 9, and it has 10 epochs: in the last epoch the rate turns "
            "back. Set total_steps to 10.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", total_steps=9, anneal_strategy="linear"),
            "total_steps is 9, and it has 10 epochs: in the last epoch the rate is "
            "below 0. Set total_steps to 10.",
        ),
        (
            dict(type="mmleaves.OneCycleLR", total_steps=5, convert_to_iter_based=True),
            "it has 10 epochs: after 5 epochs and one iteration MMEngine ends the run.",
        ),
        (
            dict(type="StepLR", step_size=30),
            "its step_size is 30, and the run has 10 epochs: the rate never steps. Set "
            "step_size below 10, or leave out the schedule.",
        ),
        (
            dict(type="ConstantLR", factor=0.01),
            "it has no `end`, and the run has 10 epochs: it is done at the very "
            "end. Set `end` to the epoch at which the full rate is to be reached.",
        ),
        (
            dict(type="LinearLR", start_factor=0.1),
            "it has no `end`, and the run has 10 epochs: it is done at the very end.",
        ),
        (
            dict(type="MultiStepLR", milestones=[3, 7], end=6),
            "epoch 7 of its milestones [3, 7] never comes, as it ends at epoch 6. Give "
            "milestones below 6, or set `end`.",
        ),
        (
            dict(type="CosineRestartLR", periods=[2, 4]),
            "it is done after epoch 6, and the run has 10 epochs.",
        ),
    ],
)  # fmt: skip
def test_a_schedule_that_does_not_fit_the_run_is_named(schedule, text):
    (warning,) = said(schedule)
    assert text in warning


@pytest.mark.parametrize(
    "schedules",
    [
        [],
        [dict(type="CosineAnnealingLR")],
        [dict(type="CosineAnnealingLR", T_max=10, end=10, convert_to_iter_based=True)],
        [
            dict(type="LinearLR", end=2),
            dict(type="CosineAnnealingLR", T_max=8, begin=2, end=10),
        ],
        [dict(type="MultiStepLR", milestones=[9])],
        [dict(type="StepLR", step_size=9)],
        [dict(type="mmleaves.OneCycleLR", total_steps=40, by_epoch=False)],
        [dict(type="ReduceOnPlateauLR", monitor="loss/cross_entropy")],
        [dict(type="LinearLR", end=40, by_epoch=False)],
        [dict(type="ConstantLR", factor=1.0)],
        [dict(type="LinearLR", start_factor=1.0, end_factor=0.01)],  # a straight fall
        [
            dict(type="CosineAnnealingLR", by_epoch=False, T_max=20, end=20),
            dict(type="MultiStepLR", begin=5, milestones=[2]),
        ],
    ],
)
def test_a_schedule_that_fits_gives_no_alarm(schedules):
    assert said(*schedules) == []


CYCLE = dict(type="mmleaves.OneCycleLR", end=10)


@pytest.mark.parametrize(
    ("schedules", "text"),
    [
        ([{}], "no OneCycleLR is beside it"),
        ([CYCLE, {"pct_start": 0.5}], "its pct_start is 0.5, and that of One"),
        ([CYCLE, {"begin": 1}], "its begin is 1, and that of OneCycleLR 0"),
        ([CYCLE, {"end": 4}], "its end is 4, and that of OneCycleLR 10"),
        (
            [CYCLE, {"end": 40, "by_epoch": False}],
            "it moves by iteration, and OneCycleLR by epoch",
        ),
        ([CYCLE | {"three_phase": True}, {}], "has three phases or goes in straight"),
        ([CYCLE | {"anneal_strategy": "linear"}, {}], "has three phases or goes in"),
    ],
)  # fmt: skip
def test_a_momentum_that_leaves_its_cycle_is_told(schedules, text):
    *cycles, momentum = schedules
    momentum = dict(type="mmleaves.OneCycleMomentum", end=10) | momentum
    (warning,) = said(*cycles, momentum)
    assert warning.startswith(f"param_scheduler.{len(cycles)} (mmleaves.OneCycleMom")
    assert text in warning


def test_a_cycle_in_epochs_and_its_momentum_in_iterations_may_be_one():
    rate = CYCLE | {"convert_to_iter_based": True}
    momentum = dict(type="mmleaves.OneCycleMomentum", by_epoch=False, end=40)
    assert said(rate, momentum) == []
    texts = said(rate, dict(momentum, end=39))
    told = "its end is 39, and that of OneCycleLR 40 in iterations"
    assert any(told in text for text in texts)
    # Where an epoch's iterations are unknown, and so whether they are the same.
    assert said(rate, dict(momentum, end=39), iters=None) == []
    del momentum["end"]
    assert said(dict(CYCLE, by_epoch=False, end=40), momentum, iters=None) == []


def test_a_momentum_may_move_against_mmengine_s_own_cycle():
    own = dict(type="OneCycleParamScheduler", param_name="lr", eta_max=0.1, end=10)
    momentum = dict(type="mmleaves.OneCycleMomentum", end=10)
    assert said(own, momentum) == []
    (text,) = said(own, dict(momentum, pct_start=0.5))
    assert "and that of OneCycleParamScheduler 0.3" in text
    (text,) = said(dict(own, total_steps=5))
    assert "after 6 MMEngine ends the run" in text


def test_schedules_of_two_optimisers_are_read_each_by_itself():
    late = dict(type="MultiStepLR", milestones=[20])
    given = dict(head=[dict(type="CosineAnnealingLR", T_max=10), late], trunk=late)
    first, second = said(given)
    assert first.startswith("param_scheduler.head.1 (MultiStepLR): epoch 20")
    assert second.startswith("param_scheduler.trunk (MultiStepLR): epoch 20")
    plateau = dict(type="ReduceOnPlateauLR", monitor="accuracy/top1")
    cfg = Config(
        dict(
            optim_wrapper=dict(constructor="Own"),
            param_scheduler=dict(head=[late, plateau]),
            train_cfg=dict(max_epochs=10),
        )
    )
    assert plateau_schedules(cfg) == [("param_scheduler.head.1", plateau)]
    (finding,) = check_schedule(cfg, None)
    assert (finding.kind, finding.where) == ("schedule", "param_scheduler.head.0")
    with pytest.raises(ValueError, match="found ReduceOnPlateauLR, which goes by a v"):
        check_epoch_rule(cfg, "last")


def test_epochs_never_come_in_a_run_that_counts_iterations():
    warm_up = dict(type="LinearLR", start_factor=0.01, end=2)
    cfg = Config(
        dict(
            optim_wrapper=dict(optimizer=dict(type="SGD", lr=0.1)),
            param_scheduler=warm_up,
            train_cfg=dict(by_epoch=False, max_iters=8),
            train_dataloader=dict(batch_size=32),
        )
    )
    (text,) = schedule_warnings(cfg, None)
    assert "it counts epochs, and the run is counted in iterations" in text
    cfg.param_scheduler.by_epoch = False
    assert schedule_warnings(cfg, None) == []
    cfg.param_scheduler = dict(type="LinearLR", end=2, convert_to_iter_based=True)
    assert schedule_warnings(cfg, None) == []
    cfg.param_scheduler = dict(type="ReduceOnPlateauLR", monitor="accuracy/top1")
    assert schedule_warnings(cfg, None) == []


def test_two_cycles_in_a_row_have_a_momentum_each():
    kinds = ("mmleaves.OneCycleLR", "mmleaves.OneCycleMomentum")
    both = [dict(type=kind, begin=b, end=b + 5) for b in (0, 5) for kind in kinds]
    assert said(*both) == []
    for schedule in both:
        if schedule["type"] == "mmleaves.OneCycleLR":
            schedule["convert_to_iter_based"] = True
        else:
            schedule["by_epoch"] = False
            schedule |= {key: 4 * schedule[key] for key in ("begin", "end")}
    assert said(*both) == []
    for schedule in both[2:]:
        schedule["pct_start"] = 0.5
    assert said(*both, iters=None) == []  # which belong together is unknown


def test_a_momentum_belongs_to_the_cycle_that_it_begins_or_ends_with():
    first, second = (CYCLE | {"begin": b, "end": b + 5} for b in (0, 5))
    momentum = dict(type="mmleaves.OneCycleMomentum", begin=6, end=10)
    (text,) = said(first, second, momentum)
    assert "its begin is 6, and that of OneCycleLR 5" in text
    # Of the first one, the iterations are unknown.
    second = dict(second, by_epoch=False, begin=20, end=40)
    momentum |= dict(by_epoch=False, begin=20, end=39)
    (text,) = said(first, second, momentum, iters=None)
    assert "its end is 39, and that of OneCycleLR 40" in text


def test_what_goes_on_after_a_cosine_may_count_otherwise():
    cosine = dict(type="CosineAnnealingLR", T_max=8, end=8)
    warm_up = dict(type="LinearLR", by_epoch=False, end=500)
    (text,) = said(cosine, warm_up, iters=4_000)
    assert "it is done after epoch 8, and the run has 10 epochs" in text
    assert said(cosine, warm_up, iters=None) == []


def test_the_length_of_a_run_in_iterations_is_set_by_them():
    train_cfg = dict(by_epoch=False, max_iters=200)
    cfg = Config(dict(optim_wrapper={}, train_cfg=train_cfg))
    cfg.param_scheduler = dict(type="MultiStepLR", by_epoch=False, milestones=[300])
    (text,) = schedule_warnings(cfg, None)
    assert text.endswith("below 200, or set train_cfg.max_iters.")
    cfg.param_scheduler = dict(
        type="CosineAnnealingLR", by_epoch=False, T_max=99, end=99
    )
    (text,) = schedule_warnings(cfg, None)
    assert text.endswith("Set T_max and `end` to fit train_cfg.max_iters.")


def test_a_schedule_whose_type_is_the_class_itself_is_checked():
    (text,) = said(dict(type=OneCycleLR, total_steps=20, by_epoch=False))
    assert text.startswith("param_scheduler.0 (OneCycleLR): total_steps is 20")


@pytest.mark.parametrize(
    ("given", "where"),
    [
        (dict(milestones=[3], gamma=0.1), "param_scheduler: found {'milestones'"),
        (dict(milestones=[3]), "param_scheduler: found {'milestones'"),
        ([dict(milestones=[3])], "param_scheduler.0: found {'milestones': [3]}"),
        (dict(head=[dict(T_max=3)]), "param_scheduler.head.0: found {'T_max': 3}"),
    ],
)
def test_a_schedule_without_a_type_is_refused(given, where):
    train_cfg = dict(by_epoch=True, max_epochs=10)
    cfg = Config(dict(optim_wrapper={}, train_cfg=train_cfg, param_scheduler=given))
    with pytest.raises(ValueError, match="expected a schedule with a type") as refused:
        schedule_warnings(cfg, 4)
    assert str(refused.value).startswith(where)
    found = [f for f in check_config(cfg) if f.kind == "schedule"]
    assert [f.where for f in found] == [where.split(":")[0]]


@pytest.mark.parametrize(
    ("schedule", "line"),
    [
        (dict(type="LinearLR", begin=10, end=12), "begin=0  # before 10"),
        (dict(type="StepLR", step_size=30), "step_size=...  # below 10"),
        (dict(type="MultiStepLR", milestones=[20]), "milestones=[...]  # below 10"),
        (dict(type="CosineAnnealingLR", T_max=8, end=8), ""),
        (dict(type="ConstantLR", factor=0.1), ""),
    ],
)
def test_the_doctor_gives_the_line_that_the_advice_names(schedule, line):
    train_cfg = dict(by_epoch=True, max_epochs=10)
    cfg = Config(
        dict(
            optim_wrapper=dict(constructor="Own"),
            train_cfg=train_cfg,
            param_scheduler=schedule,
        )
    )
    (finding,) = check_schedule(cfg, 4)
    assert (finding.where, finding.line) == ("param_scheduler", line)


def test_what_counts_in_iterations_goes_unchecked_where_their_number_is_unknown():
    assert said(dict(type="LinearLR", end=99, by_epoch=False), iters=None) == []


def test_a_schedule_that_ends_where_it_begins_is_for_mmengine_to_refuse():
    assert said(dict(type="LinearLR", start_factor=0.1, begin=5, end=5)) == []


def test_more_epochs_than_the_cosine_has_are_told():
    """As when train_cfg.max_epochs alone is raised on the command line."""
    cfg = load_config(
        "mobilenet-v2_probe_b32-adamw-cosine10_sample", ["train_cfg.max_epochs=30"]
    )
    (text,) = schedule_warnings(cfg, 11)
    assert text == (
        "param_scheduler.0 (CosineAnnealingLR): it is done after epoch 10, and the run "
        "has 30 epochs. The rest keeps its last value. Set T_max and `end` to fit "
        "train_cfg.max_epochs."
    )
