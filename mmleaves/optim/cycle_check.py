"""Where a momentum does not move against the rate of its cycle."""

from collections.abc import Iterator

from mmleaves.optim.schedules_of_config import kind_of


def cycle_warnings(
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
    if kind_of(schedule) != "OneCycleMomentum":
        return
    cycles = [other for other in others if is_cycle_of_rate(other)]
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
        rate, steps = kind_of(cycle), [_moves_by(each) for each in (schedule, cycle)]
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


def is_cycle_of_rate(schedule: dict) -> bool:
    """Tell whether it is a cycle that a momentum may move against."""
    return kind_of(schedule) in ("OneCycleLR", "OneCycleParamScheduler")


def _moves_by(schedule: dict) -> str:
    by_epoch = schedule.get("by_epoch", True)
    return (
        "epoch"
        if by_epoch and not schedule.get("convert_to_iter_based")
        else "iteration"
    )
