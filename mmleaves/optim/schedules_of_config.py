"""The schedules that a config sets."""

from mmengine.config import Config


def schedules_of_each(cfg: Config) -> list[dict[str, dict]]:
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


def kind_of(schedule: dict) -> str:
    """Return its class, without the scope."""
    return str(schedule["type"]).rpartition(".")[2]
