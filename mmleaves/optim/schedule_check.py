"""What in a schedule does not fit the run, told before it starts."""

from collections.abc import Iterator

from mmengine.config import Config
from mmengine.optim.scheduler.param_scheduler import INF

from mmleaves.optim.cycle_check import cycle_warnings, is_cycle_of_rate
from mmleaves.optim.schedules_of_config import kind_of, schedules_of_each

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
    """
    epochs = cfg.train_cfg.get("max_epochs")
    iters = cfg.train_cfg.get("max_iters")
    if iters is None and epochs and iters_per_epoch:
        iters = epochs * iters_per_epoch
    found: list[str] = []
    for schedules in schedules_of_each(cfg):
        for where, schedule in schedules.items():
            by_epoch = schedule.get("by_epoch", True)
            length, unit = (epochs, "epoch") if by_epoch else (iters, "iteration")
            others = [other for other in schedules.values() if other is not schedule]
            lengths = {True: epochs, False: iters}
            told = list(cycle_warnings(schedule, others, lengths, iters_per_epoch))
            if length is not None:
                told += _misfits(schedule, length, unit, others)
            elif by_epoch and iters is not None and not _counts_otherwise(schedule):
                told.append(
                    "it counts epochs, and the run is counted in iterations: it never "
                    "moves. Set by_epoch=False, and its lengths in iterations."
                )
            found += [f"{where} ({schedule['type']}): {text}" for text in told]
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


def _misfits(
    schedule: dict, length: int, unit: str, others: list[dict]
) -> Iterator[str]:
    begin, end = schedule.get("begin", 0), schedule.get("end", length)
    run = f"the run has {_count(length, unit)}"
    if begin >= length:
        yield f"it begins at {unit} {begin}, and {run}. It never acts."
    elif _changes_nothing(schedule):
        return
    elif kind_of(schedule) in _WARM_UPS and "end" not in schedule:
        yield (
            f"it has no `end`, and {run}: the rate stays where it begins. Set `end` to "
            f"the {unit} at which the full rate is reached."
        )
    else:
        yield from _steps_that_never_come(schedule, min(end, length), unit, run)
        yield from _other_length(schedule, length, unit, others)


def _steps_that_never_come(
    schedule: dict, stop: int, unit: str, run: str
) -> Iterator[str]:
    begin = schedule.get("begin", 0)
    late = [m for m in schedule.get("milestones", ()) if begin + m >= stop]
    if late:
        yield (
            f"{unit} {', '.join(map(str, late))} of its milestones "
            f"{list(schedule['milestones'])} never comes, as {run}. Leave it out, or "
            "set train_cfg.max_epochs."
        )
    if "step_size" in schedule and begin + schedule["step_size"] >= stop:
        yield (
            f"its step_size is {schedule['step_size']}, and {run}: the rate never "
            "steps. Set a smaller one, or leave out the schedule."
        )


def _other_length(
    schedule: dict, length: int, unit: str, others: list[dict]
) -> Iterator[str]:
    begin, end = schedule.get("begin", 0), schedule.get("end", length)
    run = f"the run has {_count(length, unit)}"
    steps = min(end, length) - begin
    span, name = _span(schedule, steps)
    if span is not None and span > steps:
        yield (
            f"{name} is {span}, and it has {_count(steps, unit)}. The cosine is cut "
            f"off on its way. Set {name} to {steps}."
        )
    elif length < end < INF:
        yield (
            f"it ends at {unit} {end}, and {run}. It is cut off before it is done. "
            f"Set `end` to {length} or less."
        )
    if span is None or span > steps:
        return
    if span < steps and name == "total_steps":
        yield (
            f"total_steps is {span}, and it has {_count(steps, unit)}: after {span} "
            f"MMEngine ends the run. Set total_steps to {steps}."
        )
        return
    if span < steps and name == "T_max":
        yield (
            f"T_max is {span}, and it has {_count(steps, unit)}. After {span} the "
            f"cosine turns back. Set T_max to {steps}, or end to {begin + span}."
        )
    done = begin + span
    ended = schedule.get("end", length) == done or name != "T_max"
    goes_on = any(other.get("end", length) > done for other in others)
    if done < length and ended and not goes_on:
        yield (
            f"it is done after {unit} {done}, and {run}. The rest keeps its last "
            f"value. Set {name} and `end` to fit train_cfg.max_epochs."
        )


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
