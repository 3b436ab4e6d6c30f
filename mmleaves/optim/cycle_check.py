"""Where a momentum does not move against the rate of its cycle."""

from collections.abc import Iterator, Sequence

from mmleaves.optim.run_length import RunLength
from mmleaves.optim.schedules_of_config import kind_of


def cycle_warnings(
    schedule: dict, others: Sequence[dict], run: RunLength
) -> Iterator[str]:
    """Tell where a momentum does not move against the rate of its cycle.

    Args:
        schedule: Any.
        others: Those beside it.
        run: How long the run is.
    """
    if kind_of(schedule) != "OneCycleMomentum":
        return
    cycles = [other for other in others if is_cycle_of_rate(other)]
    if not cycles:
        yield (
            "no OneCycleLR is beside it, which it is to move against. Add one, or "
            "leave this out."
        )
    cycle = _own_cycle(schedule, cycles, run)
    if cycle is None:
        return
    rate, steps = kind_of(cycle), [_moves_by(each) for each in (schedule, cycle)]
    if steps[0] != steps[1]:
        yield (
            f"it moves by {steps[0]}, and {rate} by {steps[1]}: it does not move "
            "against the rate. Set by_epoch and convert_to_iter_based of both the "
            "same."
        )
    own, its = _courses(schedule, cycle, run)
    for key, theirs in its.items():
        if None not in (own[key], theirs) and own[key] != theirs:
            mixed = _by_epoch(schedule) != _by_epoch(cycle)
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


def _own_cycle(momentum: dict, cycles: Sequence[dict], run: RunLength) -> dict | None:
    """Return the cycle that a momentum belongs to, of several in a row.

    It is the one that begins and ends with it, or else begins, or ends. None if that is
    unknown, as how many iterations an epoch has is.
    """
    best, most, all_known = None, (-1, False), True
    for cycle in cycles:
        own, its = _courses(momentum, cycle, run)
        begins, ends = (
            own[key] is not None and own[key] == its[key] for key in ("begin", "end")
        )
        all_known = all_known and None not in (*own.values(), *its.values())
        if (begins + ends, begins) > most:
            best, most = cycle, (begins + ends, begins)
    alike, _ = most
    return best if alike or all_known or len(cycles) == 1 else None


def _courses(
    momentum: dict, cycle: dict, run: RunLength
) -> list[dict[str, float | None]]:
    """Return begin, end and pct_start of both, in one unit; None where unknown."""
    mixed = _by_epoch(momentum) != _by_epoch(cycle)
    found = []
    for each in (momentum, cycle):
        by_epoch = _by_epoch(each)
        end = each.get("end")
        course = {
            "begin": each.get("begin", 0),
            "end": run.steps(by_epoch=by_epoch) if end is None else end,
        }
        if mixed:
            course = {
                k: run.in_iters(at, by_epoch=by_epoch) for k, at in course.items()
            }
        found.append(course | {"pct_start": each.get("pct_start", 0.3)})
    return found


def _by_epoch(schedule: dict) -> bool:
    return schedule.get("by_epoch", True)


def is_cycle_of_rate(schedule: dict) -> bool:
    """Tell whether it is a cycle that a momentum may move against."""
    return kind_of(schedule) in ("OneCycleLR", "OneCycleParamScheduler")


def _moves_by(schedule: dict) -> str:
    converted = schedule.get("convert_to_iter_based")
    return "epoch" if _by_epoch(schedule) and not converted else "iteration"
