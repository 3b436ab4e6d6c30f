"""Whether what a run goes by is measured, and which way is better."""

from collections.abc import Iterator

from mmengine.config import Config

from mmleaves.doctor.finding import Finding
from mmleaves.hooks.check_monitors_hook import check_measured
from mmleaves.optim.schedules_of_config import plateau_schedules
from mmleaves.registered import find_class


def check_monitors(cfg: Config) -> Iterator[Finding]:
    """Yield each metric that something goes by and no evaluator gives."""
    monitors = dict(_monitors(cfg))
    if monitors and cfg.get("val_evaluator") is None:
        if cfg.get("val_dataloader") is None and cfg.get("train_dataloader"):
            key, metric = next(iter(monitors.items()))
            yield Finding(
                "error",
                "monitor",
                key,
                f"found {metric!r}, and the config has no validation to measure it.",
                "default_hooks = dict(checkpoint=dict(save_best=None))",
            )
        return
    given = cfg.get("val_evaluator")
    metrics = [given] if isinstance(given, dict) else list(given or [])
    prefixes = [_prefix(metric) for metric in metrics]
    if None not in prefixes:
        for key, metric in monitors.items():
            if metric == "auto":
                continue
            whole = _all_names(metrics, prefixes, metric.split("/")[0])
            try:
                if whole is None or metric.split("/")[0] not in prefixes:
                    check_measured({key: metric}, prefixes, whole=False)
                else:
                    check_measured({key: metric}, whole, whole=True)
            except ValueError as error:
                near = next(iter(whole or prefixes), "...")
                name = key.split(".")[-1]
                line = f'{name if "0" not in name else "save_best"}="{near}"'
                yield Finding("error", "monitor", key, f"{error}", line)
    yield from _check_rules(cfg)


def _monitors(cfg: Config) -> Iterator[tuple[str, str]]:
    """Yield what the best checkpoint, early stops and schedules go by, by its key."""
    for where, hook in _hooks(cfg):
        kind = str(hook.get("type", "")).split(".")[-1]
        if where == "default_hooks.checkpoint" or "CheckpointHook" in kind:
            best = hook.get("save_best")
            for i, metric in enumerate([best] if isinstance(best, str) else best or ()):
                yield f"{where}.save_best" + (f".{i}" if i else ""), metric
        if kind == "EarlyStoppingHook" and "monitor" in hook:
            yield f"{where}.monitor", hook["monitor"]
    for where, schedule in plateau_schedules(cfg):
        yield f"{where}.monitor", schedule.get("monitor", "loss")


def _hooks(cfg: Config) -> Iterator[tuple[str, dict]]:
    for name, hook in (cfg.get("default_hooks") or {}).items():
        if isinstance(hook, dict):
            yield f"default_hooks.{name}", hook
    for i, hook in enumerate(cfg.get("custom_hooks") or []):
        if isinstance(hook, dict):
            yield f"custom_hooks.{i}", hook


def _prefix(metric: dict) -> str | None:
    if metric.get("prefix"):
        return metric["prefix"]
    cls = find_class(str(metric.get("type")))
    return getattr(cls, "default_prefix", None)


def _all_names(
    metrics: list[dict], prefixes: list[str], prefix: str
) -> list[str] | None:
    """Return the names of all metrics under ``prefix``, None where unknown."""
    names: list[str] = []
    for metric, own in zip(metrics, prefixes, strict=True):
        if own != prefix:
            continue
        if metric.get("type") != "Accuracy" or "thrs" in metric:
            return None
        topk = metric.get("topk", (1,))
        names += [f"{own}/top{k}" for k in ([topk] if isinstance(topk, int) else topk)]
    return names


def _check_rules(cfg: Config) -> Iterator[Finding]:
    for where, hook in _hooks(cfg):
        kind = str(hook.get("type", "")).split(".")[-1]
        metric = hook.get("save_best" if "heckpoint" in kind + where else "monitor")
        rule = hook.get("rule")
        if not isinstance(metric, str) or rule not in ("greater", "less"):
            continue
        better = "less" if "loss" in metric else "greater"
        known = "loss" in metric or metric.startswith(("accuracy", "single-label"))
        if known and rule != better:
            yield Finding(
                "error",
                "monitor",
                f"{where}.rule",
                f"found {rule!r} for {metric!r}, of which the {rule} is the worse.",
                f'rule="{better}"',
            )
