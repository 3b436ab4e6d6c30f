"""What in a schedule does not fit the run, told before it starts."""

from collections.abc import Iterator, Sequence

from mmengine.config import Config
from mmengine.optim.scheduler.param_scheduler import INF

from mmleaves.optim.cycle_check import cycle_warnings, is_cycle_of_rate
from mmleaves.optim.run_length import RunLength
from mmleaves.optim.schedules_of_config import kind_of, schedules_of_each, type_of

_WARM_UPS = ("ConstantLR", "ExponentialWarmupLR", "LinearLR")


def schedule_warnings(
    cfg: Config, iters_per_epoch: int | None, *, world_size: int = 1
) -> list[str]:
    """Return a sentence for each setting by which the rate goes other than it says.

    Args:
        cfg: The whole config.
        iters_per_epoch: Iterations an epoch, None if unknown: then what is counted in
            iterations goes unchecked.
        world_size: Number of processes that train together.

    Raises:
        ValueError: If a schedule has no type.
    """
    run = RunLength.of(cfg, iters_per_epoch)
    found: list[str] = []
    for schedules in schedules_of_each(cfg):
        for where, schedule in schedules.items():
            by_epoch = schedule.get("by_epoch", True)
            others = [other for other in schedules.values() if other is not schedule]
            told = list(cycle_warnings(schedule, others, run))
            if run.steps(by_epoch=by_epoch) is not None:
                told += _misfits(schedule, others, run)
            elif by_epoch and run.iters is not None and not _counts_otherwise(schedule):
                told.append(
                    "it counts epochs, and the run is counted in iterations: it never "
                    "moves. Set by_epoch=False, and its lengths in iterations."
                )
            found += [f"{where} ({type_of(schedule)}): {text}" for text in told]
    return found + list(_other_batch(cfg, world_size))


def _counts_otherwise(schedule: dict) -> bool:
    # A plateau is looked for after each validation.
    return (
        schedule.get("convert_to_iter_based")
        or "OnPlateau" in kind_of(schedule)
        or _changes_nothing(schedule)
    )


def _changes_nothing(schedule: dict) -> bool:
    return kind_of(schedule).startswith("Constant") and schedule.get("factor") == 1


def _misfits(schedule: dict, others: Sequence[dict], run: RunLength) -> Iterator[str]:
    """Tell what does not fit the run's length, which is known in its unit."""
    by_epoch = schedule.get("by_epoch", True)
    unit, length = "epoch" if by_epoch else "iteration", run.steps(by_epoch=by_epoch)
    begin = schedule.get("begin", 0)
    run_has = f"the run has {_count(length, unit)}"
    if begin >= length:
        yield f"it begins at {unit} {begin}, and {run_has}. It never acts."
    elif _changes_nothing(schedule):
        return
    elif _rises(schedule) and "end" not in schedule:
        yield (
            f"it has no `end`, and {run_has}: it is done at the very end. Set `end` to "
            f"the {unit} at which the full rate is to be reached."
        )
    else:
        yield from _steps_that_never_come(schedule, unit, length, run.setting)
        yield from _other_length(schedule, unit, others, run)


def _rises(schedule: dict) -> bool:
    if kind_of(schedule) == "ConstantLR":
        return schedule.get("factor", 1 / 3) < 1
    return kind_of(schedule) in _WARM_UPS and (
        schedule.get("start_factor", 1 / 3) < schedule.get("end_factor", 1)
    )


def _steps_that_never_come(
    schedule: dict, unit: str, length: int, setting: str
) -> Iterator[str]:
    begin, end = schedule.get("begin", 0), schedule.get("end", length)
    if end < length:
        why, what = f"it ends at {unit} {end}", "`end`"
    else:
        why, what = f"the run has {_count(length, unit)}", setting
    if begin:
        why += f" and it begins at {unit} {begin}"
    steps = min(end, length) - begin
    if steps <= 0:
        return  # which MMEngine refuses
    late = [at for at in schedule.get("milestones", ()) if at >= steps]
    if late:
        yield (
            f"{unit} {', '.join(map(str, late))} of its milestones "
            f"{list(schedule['milestones'])} never comes, as {why}. Give milestones "
            f"below {steps}, or set {what}."
        )
    if schedule.get("step_size", 0) >= steps:
        yield (
            f"its step_size is {schedule['step_size']}, and {why}: the rate never "
            f"steps. Set step_size below {steps}, or leave out the schedule."
        )


def _other_length(
    schedule: dict, unit: str, others: Sequence[dict], run: RunLength
) -> Iterator[str]:
    """Tell of a cosine or a cycle that is not done with its schedule, or the run."""
    by_epoch = schedule.get("by_epoch", True)
    length = run.steps(by_epoch=by_epoch)
    begin, end = schedule.get("begin", 0), schedule.get("end", length)
    steps = min(end, length) - begin
    span, name = _span(schedule, steps)
    if span is not None and span > steps:
        yield (
            f"{name} is {span}, and it has {_count(steps, unit)}. The cosine is cut "
            f"off on its way. Set {name} to {steps}."
        )
        return
    if length < end < INF:
        yield (
            f"it ends at {unit} {end}, and the run has {_count(length, unit)}. It is "
            f"cut off before it is done. Set `end` to {length} or less."
        )
    if span is None:
        return
    if span < steps and name == "total_steps":
        yield (
            f"total_steps is {span}, and it has {_count(steps, unit)}: "
            f"{_past_its_cycle(schedule, span, steps, unit)}. Set total_steps to "
            f"{steps}."
        )
        return
    if span < steps and name == "T_max":
        yield (
            f"T_max is {span}, and it has {_count(steps, unit)}. After {span} the "
            f"cosine turns back. Set T_max to {steps}, or end to {begin + span}."
        )
    done = begin + span
    ended = schedule.get("end", length) == done or name != "T_max"
    goes_on = any(_may_go_on(other, done, by_epoch, run) for other in others)
    if done < length and ended and not goes_on:
        yield (
            f"it is done after {unit} {done}, and the run has {_count(length, unit)}. "
            f"The rest keeps its last value. Set {name} and `end` to fit {run.setting}."
        )


def _past_its_cycle(schedule: dict, span: int, steps: int, unit: str) -> str:
    # MMEngine's takes one step more than it has, and no second.
    begin = schedule.get("begin", 0)
    if schedule.get("by_epoch", True) and schedule.get("convert_to_iter_based"):
        return f"after {span} epochs and one iteration MMEngine ends the run"
    if span + 1 < steps or schedule.get("end", steps) > begin + steps:
        return f"after {span + 1} MMEngine ends the run"
    if schedule.get("anneal_strategy", "cos") != "cos":
        return f"in the last {unit} the rate is below 0"
    return f"in the last {unit} the rate turns back"


def _may_go_on(other: dict, done: int, by_epoch: bool, run: RunLength) -> bool:
    """Tell whether a schedule acts after another is done, or that is unknown."""
    by_epoch_too = other.get("by_epoch", True)
    end = other.get("end", run.steps(by_epoch=by_epoch_too))
    if by_epoch_too != by_epoch:
        end = run.in_iters(end, by_epoch=by_epoch_too)
        done = run.in_iters(done, by_epoch=by_epoch)
    return None in (end, done) or end > done


def _span(schedule: dict, steps: int) -> tuple[int | None, str]:
    """Return how long a schedule's own course is, and what it is called."""
    if "periods" in schedule:
        return sum(schedule["periods"]), "the sum of its periods"
    if not is_cycle_of_rate(schedule) and kind_of(schedule) != "OneCycleMomentum":
        return schedule.get("T_max"), "T_max"
    if schedule.get("total_steps") is None:
        return steps, "its length"
    return schedule["total_steps"], "total_steps"


def _count(number: int, unit: str) -> str:
    return f"{number} {unit}" if number == 1 else f"{number} {unit}s"


def _other_batch(cfg: Config, world_size: int) -> Iterator[str]:
    scaling = cfg.get("auto_scale_lr") or {}
    base = scaling.get("base_batch_size")
    rate = (cfg.optim_wrapper.get("optimizer") or {}).get("lr")
    if base is None or rate is None or scaling.get("enable"):
        return
    size = cfg.train_dataloader.batch_size
    accumulated = cfg.optim_wrapper.get("accumulative_counts", 1)
    images = size * world_size * accumulated
    if images == base:
        return
    factors = [str(size)]
    if world_size > 1:
        factors.append(f"{world_size} processes")
    if accumulated > 1:
        factors.append(f"{accumulated} batches a step")
    product = f" ({' x '.join(factors)})" if len(factors) > 1 else ""
    # What --auto-scale-lr does knows nothing of accumulated batches.
    scaled = rate * size * world_size / base
    yield (
        f"The learning rate {rate:g} is for {base} images a step "
        f"(auto_scale_lr.base_batch_size), and this run takes {images}{product}. "
        f"--auto-scale-lr makes {scaled:g} of it."
    )
