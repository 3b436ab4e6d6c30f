"""What in a schedule does not fit the run, told before it starts."""

from collections.abc import Iterator

from mmengine.config import Config
from mmengine.optim.scheduler.param_scheduler import INF

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
    for schedules in _schedules(cfg):
        for where, schedule in schedules.items():
            by_epoch = schedule.get("by_epoch", True)
            length, unit = (epochs, "epoch") if by_epoch else (iters, "iteration")
            others = [other for other in schedules.values() if other is not schedule]
            lengths = {True: epochs, False: iters}
            told = list(_another_cycle(schedule, others, lengths, iters_per_epoch))
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
        or "OnPlateau" in _kind(schedule)
        or _changes_nothing(schedule)
    )


def _changes_nothing(schedule: dict) -> bool:
    return _kind(schedule).startswith("Constant") and schedule.get("factor") == 1


def _schedules(cfg: Config) -> list[dict[str, dict]]:
    """Return the schedules of each optimiser, by where they stand."""
    given = cfg.get("param_scheduler") or []
    if isinstance(given, dict) and "type" not in given:
        of_each = {f"param_scheduler.{name}": own for name, own in given.items()}
    else:
        of_each = {"param_scheduler": given}
    return [
        {
            f"{where}.{i}": schedule
            for i, schedule in enumerate([own] if isinstance(own, dict) else own)
        }
        for where, own in of_each.items()
    ]


def _another_cycle(
    schedule: dict,
    others: list[dict],
    lengths: dict[bool, int | None],
    iters_per_epoch: int | None,
) -> Iterator[str]:
    """Tell where a momentum does not move against the rate of its cycle.

    Args:
        schedule: Any.
        others: Those beside it.
        lengths: Of the run, in epochs (True) and in iterations (False).
        iters_per_epoch: None if unknown.
    """
    if _kind(schedule) != "OneCycleMomentum":
        return
    cycles = [other for other in others if _is_cycle_of_rate(other)]
    if not cycles:
        yield (
            "no OneCycleLR is beside it, which it is to move against. Add one, or "
            "leave this out."
        )
    by_epochs = {each.get("by_epoch", True) for each in (schedule, *cycles)}
    mixed = len(by_epochs) == 2
    if mixed and iters_per_epoch is None and len(cycles) > 1:
        return  # which of them is its own is unknown

    def course(each: dict) -> dict[str, float | None]:
        by_epoch = each.get("by_epoch", True)
        times = iters_per_epoch if mixed and by_epoch else 1
        found = {"begin": each.get("begin", 0), "end": each.get("end")}
        if found["end"] is None:
            found["end"] = lengths[by_epoch]
        for key, at in found.items():
            found[key] = None if None in (at, times) else at * times
        return found | {"pct_start": each.get("pct_start", 0.3)}

    own = course(schedule)
    # Of several cycles in a row, its own.
    cycles.sort(key=lambda cycle: course(cycle)["begin"] != own["begin"])
    for cycle in cycles[:1]:
        rate, steps = _kind(cycle), [_moves_by(each) for each in (schedule, cycle)]
        if steps[0] != steps[1]:
            yield (
                f"it moves by {steps[0]}, and {rate} by {steps[1]}: it does not move "
                "against the rate. Set by_epoch and convert_to_iter_based of both the "
                "same."
            )
        for key, theirs in course(cycle).items():
            if None not in (own[key], theirs) and own[key] != theirs:
                unit = " in iterations" if mixed and key != "pct_start" else ""
                yield (
                    f"its {key} is {own[key]}, and that of {rate} {theirs}{unit}: it "
                    "does not move against the rate. Let both be the same."
                )
        if cycle.get("three_phase") or cycle.get("anneal_strategy", "cos") != "cos":
            yield (
                f"{rate} has three phases or goes in straight lines, and this has two "
                "of a cosine: it does not move against the rate. Leave out three_phase "
                "and anneal_strategy."
            )


def _is_cycle_of_rate(schedule: dict) -> bool:
    return _kind(schedule) in ("OneCycleLR", "OneCycleParamScheduler")


def _moves_by(schedule: dict) -> str:
    by_epoch = schedule.get("by_epoch", True)
    return (
        "epoch"
        if by_epoch and not schedule.get("convert_to_iter_based")
        else "iteration"
    )


def _misfits(
    schedule: dict, length: int, unit: str, others: list[dict]
) -> Iterator[str]:
    begin, end = schedule.get("begin", 0), schedule.get("end", length)
    run = f"the run has {_count(length, unit)}"
    if begin >= length:
        yield f"it begins at {unit} {begin}, and {run}. It never acts."
    elif _changes_nothing(schedule):
        return
    elif _kind(schedule) in _WARM_UPS and "end" not in schedule:
        yield (
            f"it has no `end`, and {run}: the rate stays where it begins. Set `end` to "
            f"the {unit} at which the full rate is reached."
        )
    else:
        yield from _steps_that_never_come(schedule, min(end, length), unit, run)
        yield from _other_length(schedule, length, unit, others)


def _kind(schedule: dict) -> str:
    return str(schedule["type"]).rpartition(".")[2]


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
    if not _is_cycle_of_rate(schedule) and _kind(schedule) != "OneCycleMomentum":
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


def goes_by_metric(cfg: Config) -> list[str]:
    """Return the metrics that schedules such as ``ReduceOnPlateauLR`` go by."""
    return [schedule.get("monitor", "loss") for _, schedule in plateau_schedules(cfg)]


def plateau_schedules(cfg: Config) -> list[tuple[str, dict]]:
    """Return the schedules that go by a metric, each with where it stands."""
    return [
        (where, schedule)
        for schedules in _schedules(cfg)
        for where, schedule in schedules.items()
        if "OnPlateau" in _kind(schedule)
    ]
