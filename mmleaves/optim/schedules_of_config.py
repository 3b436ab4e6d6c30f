"""The schedules that a config sets."""

from collections.abc import Sequence

from mmengine.config import Config


def schedules_of_each(cfg: Config) -> list[dict[str, dict]]:
    """Return the schedules of each optimiser, by where they stand.

    Raises:
        ValueError: If one has no type.
    """
    given = cfg.get("param_scheduler") or []
    of_each = {"param_scheduler": given}
    if isinstance(given, dict) and _are_of_optimizers(given):
        of_each = {f"param_scheduler.{name}": own for name, own in given.items()}
    found = [_by_place(where, own) for where, own in of_each.items()]
    for where, schedule in ((w, s) for own in found for w, s in own.items()):
        if not isinstance(schedule, dict) or "type" not in schedule:
            raise ValueError(
                f"{where}: found {schedule!r}, expected a schedule with a type, such "
                'as dict(type="MultiStepLR", milestones=[6, 8]). Give it one.'
            )
    return found


def _are_of_optimizers(given: dict) -> bool:
    return "type" not in given and all(
        isinstance(own, dict)
        or (isinstance(own, list | tuple) and all(isinstance(s, dict) for s in own))
        for own in given.values()
    )


def _by_place(where: str, given: dict | Sequence[dict]) -> dict[str, dict]:
    if isinstance(given, dict):
        return {where: given}
    return {f"{where}.{i}": schedule for i, schedule in enumerate(given)}


def plateau_schedules(cfg: Config) -> list[tuple[str, dict]]:
    """Return the schedules that go by a metric, each with where it stands."""
    return [
        (where, schedule)
        for schedules in schedules_of_each(cfg)
        for where, schedule in schedules.items()
        if "OnPlateau" in kind_of(schedule)
    ]


def goes_by_metric(cfg: Config) -> list[str]:
    """Return the metrics that schedules such as ``ReduceOnPlateauLR`` go by."""
    return [schedule.get("monitor", "loss") for _, schedule in plateau_schedules(cfg)]


def type_of(schedule: dict) -> str:
    """Return its type as a config names it, also where that is the class itself."""
    given = schedule["type"]
    return given.__name__ if isinstance(given, type) else str(given)


def kind_of(schedule: dict) -> str:
    """Return the name of its class, without the scope."""
    return type_of(schedule).rpartition(".")[2]
